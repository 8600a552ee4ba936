//===- Svg.h - Text of an SVG picture ---------------------------*- C++ -*-===//
//
// Elements are closed and texts are escaped here, so that a picture is
// well-formed for every input.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_SVG_H
#define LORA_MLIR_LIB_BENCH_SVG_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lora::bench {

/// `text` as content or as the value of an attribute. Control characters, which
/// XML does not permit, become '?'.
std::string escapeXml(std::string_view text);

class Svg {
public:
  using Attributes = std::vector<std::pair<const char *, std::string>>;

  Svg(int width, int height, const std::string &title,
      const std::string &style);

  void line(double x1, double y1, double x2, double y2, const char *kind);
  void text(double x, double y, std::string_view content, const char *kind);
  void rect(double x, double y, double width, double height, const char *kind,
            const std::string &tip);

  /// The text of the whole file.
  std::string finish() &&;

private:
  void element(const char *name, const Attributes &attributes,
               const std::string &content);

  std::string out;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_SVG_H
