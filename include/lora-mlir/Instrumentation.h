//===- Instrumentation.h - MLIR's options in every tool ---------*- C++ -*-===//
//
// The options of mlir-opt that look into passes (printing IR, reproducers,
// timing, statistics, remarks, debug counters) mean the same in every tool that
// compiles. A tool registers and parses them; a library gets an object that
// knows what they ask for, and shows it its contexts and pass managers.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_INSTRUMENTATION_H
#define LORA_MLIR_INSTRUMENTATION_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/CommandLine.h"

#include <memory>
#include <string>
#include <vector>

namespace lora {

/// Registers all options of mlir-opt with LLVM's command line, with the values
/// that this project's tools begin with: values are printed with their names,
/// diagnostics without their operations. Returns the header of MLIR's help.
std::string registerMLIROptions(llvm::StringRef overview,
                                mlir::DialectRegistry &registry);

/// Registers those of them that fit a tool which compiles models: it neither
/// reads IR nor runs passes by name. They are in `category`, and hidden in a
/// plain --help. Passes are registered if the arguments name one of them
/// (--mlir-print-ir-after=PASS).
void registerInstrumentationOptions(int argc, const char *const *argv,
                                    llvm::cl::OptionCategory &category);

/// Takes the options that `registerInstrumentationOptions` registers, with
/// their values, out of a command line that another library parses. Returns the
/// others, and the program's name first. A mistake ends the program.
std::vector<char *> takeInstrumentationOptions(int argc, char **argv);

/// The options of `takeInstrumentationOptions`, with their dashes.
std::vector<std::string> instrumentationOptionNames();

/// Prints them with what they do.
void printInstrumentationOptions();

/// To be called when the options are parsed: what is wrong with their values,
/// or an empty text. What MLIR does on one thread only turns its threads off.
std::string completeMLIROptions();

/// Whether one of the options that `registerInstrumentationOptions` registers
/// was given. Then code is neither looked for in a cache, where there are no
/// passes to look into, nor stored: debug counters change it.
bool hasInstrumentationOptions();

/// What the options ask of the compilations of a process. Copies are the same
/// object; the report on times is printed when the last of them goes.
class Instrumentation {
public:
  /// Nothing is asked for.
  Instrumentation() = default;

  /// To be called after `completeMLIROptions`.
  static Instrumentation fromOptions();

  /// Sets up remarks and debug counters. To be called when the context is new;
  /// it must not outlive this object.
  llvm::LogicalResult attach(mlir::MLIRContext &context) const;

  /// Emits the remarks that are still held (--remark-policy=final). Without it
  /// they come when the context goes, and nobody handles diagnostics any more.
  void detach(mlir::MLIRContext &context) const;

  /// Sets up what is printed and timed around passes. `name` is that of a
  /// folder of printed IR; times go below `parent`, which must outlive the pass
  /// manager. To be called before it runs. A failure is a diagnostic.
  llvm::LogicalResult attach(mlir::PassManager &passes, llvm::StringRef name,
                             mlir::TimingScope &parent) const;

  /// Times what is done while the scope lives; from any thread.
  mlir::TimingScope time(llvm::StringRef name) const;

private:
  struct State;
  std::shared_ptr<State> state;
};

/// Flags to print IR with that is parsed again, such as what a compiled file
/// holds: with names, and with nothing that the options leave out or add.
mlir::OpPrintingFlags faithfulPrintingFlags();

} // namespace lora

#endif // LORA_MLIR_INSTRUMENTATION_H
