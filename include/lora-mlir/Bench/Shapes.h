//===- Shapes.h - Published models by their shape ---------------*- C++ -*-===//
//
// The config.json of some published models, under short names. Only shapes are
// used; nothing is downloaded.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_SHAPES_H
#define LORA_MLIR_BENCH_SHAPES_H

#include "lora-runtime/Error.h"

#include <span>
#include <string>
#include <string_view>

namespace lora::bench {

/// A model whose config.json is in the table.
struct Shape {
  /// The name on the command line, such as "llama-3.2-1b".
  std::string_view name;
  /// The hub name, such as "meta-llama/Llama-3.2-1B".
  std::string_view publishedAs;
  /// The text of its config.json.
  std::string_view config;
};

/// All shapes, in the order of the help text.
std::span<const Shape> shapes();

/// The shape that a user chose.
struct ShapeChoice {
  std::string name;
  std::string config;
};

/// The config.json of a shape by its name, or of the user's own file or folder.
/// An unknown name is an error that lists the names.
lora_rt::Expected<ShapeChoice> findShape(const std::string &nameOrPath);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_SHAPES_H
