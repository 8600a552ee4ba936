//===- PipelinePage.cpp - The pipelines, with the IR at each stage --------===//
//
// Runs each pipeline on a small model, one pass at a time, and shows what the
// passes of this project changed: the operations of the module whose text
// differs from the last stage that was shown.
//
//===----------------------------------------------------------------------===//

#include "Pages.h"
#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Pipelines.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/ValueNames.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringMap.h"

#include <utility>
#include <vector>

using namespace mlir;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

namespace {

/// A pipeline on the page.
struct Pipeline {
  std::string name, options;
  /// The pipeline that made the model on which it is shown.
  std::string before;
  std::string description;
  /// The only operation that is shown, if the whole IR is too long for a page.
  std::string only;
};

/// The texts of a module's operations, by name and in order. The first one is
/// the module's attributes; its name is "".
struct Parts {
  std::vector<std::pair<std::string, std::string>> texts;

  StringRef find(StringRef name) const {
    for (const auto &[other, text] : texts)
      if (other == name)
        return text;
    return {};
  }
};

} // namespace

/// Cuts a pipeline's text at the commas outside of brackets.
static SmallVector<StringRef> splitPasses(StringRef text) {
  SmallVector<StringRef> passes;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ',';
    depth += (c == '(' || c == '{') - (c == ')' || c == '}');
    if (c == ',' && (depth == 0 || i == text.size())) {
      passes.push_back(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return passes;
}

/// The passes of a pipeline one by one. Each pass of a nested pipeline is
/// nested alone.
static FailureOr<SmallVector<std::string>>
passesOf(MLIRContext &context, StringRef name, StringRef options) {
  const PassPipelineInfo *info = PassPipelineInfo::lookup(name);
  PassManager manager(&context, ModuleOp::getOperationName());
  if (!info || failed(info->addToPipeline(
                   manager, options, [](const Twine &) { return failure(); })))
    return failure();
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  StringRef body = text;
  if (!body.consume_front("builtin.module(") || !body.consume_back(")"))
    return failure();
  SmallVector<std::string> passes;
  for (StringRef pass : splitPasses(body)) {
    if (pass.starts_with("func.func(")) {
      StringRef inner = pass.drop_front(10).drop_back(1);
      for (StringRef nested : splitPasses(inner))
        passes.push_back(("func.func(" + nested + ")").str());
    } else {
      passes.push_back(pass.str());
    }
  }
  return passes;
}

static Error run(ModuleOp module, StringRef pipeline) {
  std::string errors;
  ScopedDiagnosticHandler handler(
      module.getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors += diagnostic.str() + " ";
        return success();
      });
  PassManager manager(module.getContext());
  if (failed(parsePassPipeline(pipeline, manager)) ||
      failed(manager.run(module)))
    return makeError(ErrorCode::System, "'", pipeline.str(),
                     "' failed: ", errors);
  return Error::success();
}

static Parts partsOf(ModuleOp module) {
  std::string attributes;
  for (NamedAttribute attribute : module->getAttrs()) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    attribute.getValue().print(stream);
    // A table is a list of dictionaries, each on a line of its own.
    for (size_t at = 0; (at = text.find("}, {", at)) != std::string::npos;)
      text.replace(at, 4, "},\n//     {");
    attributes += "//   " + attribute.getName().str() + " = " + text + "\n";
  }
  if (!attributes.empty())
    attributes = "// attributes of the module:\n" + attributes;
  Parts parts;
  parts.texts.emplace_back("", attributes);
  for (Operation &op : *module.getBody()) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    op.print(stream, OpPrintingFlags().useLocalScope().printNameLocAsPrefix());
    auto symbol =
        op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    parts.texts.emplace_back(symbol ? symbol.str() : text, text + "\n");
  }
  return parts;
}

/// Splits lines of IR that are wider than a page after commas; the rest of such
/// a line is indented further.
static std::string wrapLines(StringRef text) {
  constexpr size_t pageWidth = 100;
  std::string result;
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  lines.pop_back();
  for (StringRef line : lines) {
    std::string comment = line.starts_with("//") ? "// " : "";
    std::string indent(line.find_first_not_of(' ') + 4, ' ');
    std::string start;
    while (start.size() + line.size() > pageWidth) {
      size_t cut = line.take_front(pageWidth - start.size()).rfind(", ");
      if (cut == StringRef::npos)
        cut = line.find(", ");
      if (cut == StringRef::npos)
        break;
      result += start + line.take_front(cut + 1).str() + "\n";
      line = line.drop_front(cut + 2);
      start = comment + indent;
    }
    result += start + line.str() + "\n";
  }
  return result;
}

/// The difference between two stages, as a code block; empty if there is none.
static std::string difference(const Parts &before, const Parts &after,
                              StringRef only) {
  std::string text, removed;
  for (const auto &[name, part] : after.texts)
    if (before.find(name) != part && (only.empty() || name == only))
      text += part;
  for (const auto &[name, part] : before.texts)
    if (after.find(name).empty() && !name.empty() && only.empty())
      removed += (removed.empty() ? "// gone: @" : ", @") + name;
  if (!removed.empty())
    text += removed + "\n";
  return text.empty() ? "" : "```mlir\n" + wrapLines(text) + "```\n";
}

/// The rows of a table with the options of a pipeline and their default values.
template <typename Options> static std::string optionTable() {
  struct Reader : Options {
    std::string rows() {
      std::string values, result;
      llvm::raw_string_ostream stream(values);
      this->print(stream);
      llvm::StringMap<std::string> defaults;
      StringRef body = StringRef(values).trim().drop_front().drop_back();
      SmallVector<StringRef> entries;
      body.split(entries, ' ', -1, /*KeepEmpty=*/false);
      for (StringRef entry : entries)
        defaults[entry.split('=').first] = entry.split('=').second.str();
      SmallVector<llvm::cl::Option *> options;
      for (const auto &option : this->OptionsMap)
        options.push_back(option.second);
      llvm::sort(options,
                 [](auto *a, auto *b) { return a->ArgStr < b->ArgStr; });
      for (llvm::cl::Option *option : options) {
        const std::string &value = defaults[option->ArgStr];
        result += ("| `" + option->ArgStr + "` | " +
                   (value.empty() ? "none" : "`" + value + "`") + " | " +
                   option->HelpStr + " |\n")
                      .str();
      }
      return result;
    }
  };
  return "\n| option | default | |\n| --- | --- | --- |\n" + Reader().rows();
}

static std::string optionsOf(StringRef pipeline) {
  if (pipeline == "lora-training-pipeline")
    return optionTable<lora::TrainingPipelineOptions>();
  if (pipeline == "lora-lower")
    return optionTable<lora::LoweringOptions>();
  if (pipeline == "lora-to-llvm")
    return optionTable<lora::LLVMPipelineOptions>();
  return "\nIt has no options.\n";
}

/// The name of a pass without its options.
static StringRef passName(StringRef pass) {
  pass.consume_front("func.func(");
  return pass.take_until([](char c) { return c == '{' || c == ')'; });
}

/// The stages that are shown: this project's passes, and bufferization.
static bool isShown(StringRef pass) {
  StringRef name = passName(pass);
  return name == "one-shot-bufferize" || name == "approximate-math" ||
         name.contains("lora-") || name.contains("transformer") ||
         name.contains("onednn-") || name.contains("rt-") ||
         name.contains("apply-to-calls") || name.contains("parallel-to-rt");
}

/// A pass as a line of a list. Upstream passes have only the name, because most
/// of their options have the default values.
static std::string passLine(StringRef pass) {
  StringRef name = passName(pass);
  std::string line = ("- `-" + name + "`").str();
  if (pass.starts_with("func.func("))
    line += " on each `func.func`";
  StringRef options = pass.substr(pass.find(name) + name.size());
  options.consume_back(")");
  if (isShown(pass) && name != "one-shot-bufferize" &&
      options.consume_front("{") && options.consume_back("}"))
    line += (": `" + options.trim() + "`").str();
  return line + "\n";
}

static Error describe(MLIRContext &context, StringRef example,
                      const Pipeline &pipeline, std::string &page) {
  page += "\n## `-" + pipeline.name + "`\n\n" + pipeline.description + "\n" +
          optionsOf(pipeline.name);
  auto passes = passesOf(context, pipeline.name, pipeline.options);
  if (failed(passes))
    return makeError(ErrorCode::System, "there is no pipeline '", pipeline.name,
                     "' with options '", pipeline.options, "'");
  page += "\nIts passes, in this order";
  if (!pipeline.options.empty())
    page += " (with `" + pipeline.options + "`)";
  page += ":\n\n";
  for (StringRef pass : *passes)
    page += passLine(pass);
  if (pipeline.before.empty())
    return Error::success();

  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(example, &context, "pipelines.mlir");
  if (!module)
    return makeError(ErrorCode::InvalidFile, "the example cannot be parsed");
  lora::keepNames(*module, example, "pipelines.mlir");
  if (Error error = run(*module, pipeline.before))
    return error;
  page += "\nThe example after `" + pipeline.before + "`:\n\n";
  Parts shown = partsOf(*module);
  bool hasWhole = pipeline.only.empty();
  page += hasWhole ? difference({}, shown, "")
                   : difference({}, shown, pipeline.only);
  for (auto [index, pass] : llvm::enumerate(*passes)) {
    if (Error error = run(*module, pass))
      return error;
    bool isLast = index + 1 == passes->size();
    if (!isLast && (!hasWhole || !isShown(pass)))
      continue;
    Parts parts = partsOf(*module);
    std::string text = difference(shown, parts, pipeline.only);
    if (text.empty())
      continue;
    page += isLast && !isShown(pass)
                ? "\nAt the end:\n\n"
                : ("\nAfter `-" + passName(pass) + "`:\n\n").str();
    page += text;
    shown = std::move(parts);
  }
  return Error::success();
}

Expected<std::string> lora::docs::pipelinePage(std::string_view example) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);

  std::string insert = "lora-insert{targets=proj layers=1 rank=2 alpha=4";
  std::string merged = insert + " train=false},lora-merge";
  std::string lower = "tokens=4 kernels=onednn pack=false";
  std::string page = kGenerated;
  page +=
      "\n# Pipelines\n\n"
      "A pipeline is a sequence of passes with a name. `lora-opt` runs it as "
      "it runs a pass.\nThis page shows each on one model: an embedding, a "
      "layer that is applied twice, a "
      "head\n(`utils/lora-docs/pipelines.mlir`). "
      "A stage shows only what has changed since the stage before.\n\n"
      "`lora-compile` runs `-lora-attach`, `-lora-merge` (or `-lora-fuse` with "
      "`--unmerged`), `-lora-lower`\nand `-lora-to-llvm`; `lora-train` runs "
      "`-lora-attach`, `-lora-training-pipeline`, and the same two.\n"
      "`lora-compile --emit` prints the results.\n";
  const Pipeline pipelines[] = {
      {"lora-training-pipeline", "", insert + "}",
       "Makes the graph of a training step from a model with a trainable "
       "adapter.",
       ""},
      {"lora-lower", lower, merged,
       "Lowers a model's graph to loops on buffers, primitives of oneDNN, and "
       "a plan of memory.",
       ""},
      {"lora-bufferize", "", "",
       "The part of `-lora-lower` from `-eliminate-empty-tensors` to the last "
       "`-cse`: functions on tensors with\nthe signature of the runtime become "
       "loops on buffers. Tests run it alone.",
       ""},
      {"lora-to-llvm", "", merged + ",lora-lower{" + lower + "}",
       "Lowers functions of the rt dialect to the llvm dialect. Shown for one "
       "function.",
       "layer.t4"},
  };
  for (const Pipeline &pipeline : pipelines)
    if (Error error = describe(context, example, pipeline, page))
      return error;
  return page;
}
