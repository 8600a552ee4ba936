//===- Shapes.h - Published models, as far as their shape goes --*- C++ -*-===//

#ifndef LORA_MLIR_BENCH_SHAPES_H
#define LORA_MLIR_BENCH_SHAPES_H

#include "lora-runtime/Error.h"

#include <span>
#include <string>
#include <string_view>

namespace lora::bench {

/// A model whose config.json is known here.
struct Shape {
  /// The name on the command line: "llama-3.2-1b".
  std::string_view name;
  /// Where it is published: "meta-llama/Llama-3.2-1B".
  std::string_view publishedAs;
  /// The text of its config.json.
  std::string_view config;
};

/// All of them, in the order of the help text.
std::span<const Shape> shapes();

/// A shape to make a checkpoint of.
struct ShapeChoice {
  std::string name;
  std::string config;
};

/// The text of the config.json of a shape by its name, or of the user's own
/// config.json (a file, or a folder that has one). An unknown name is refused
/// with the names that there are.
lora_rt::Expected<ShapeChoice> findShape(const std::string &nameOrPath);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_SHAPES_H
