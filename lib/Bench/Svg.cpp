//===- Svg.cpp - Text of an SVG picture -----------------------------------===//
//
// Numbers have one decimal, which is finer than a screen shows.
//
//===----------------------------------------------------------------------===//

#include "Svg.h"

#include <cstdio>

using namespace lora::bench;

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

std::string lora::bench::escapeXml(std::string_view text) {
  std::string result;
  for (char c : text)
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    default:
      result += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  return result;
}

Svg::Svg(int width, int height, const std::string &title,
         const std::string &style) {
  std::string size = std::to_string(width) + " " + std::to_string(height);
  out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" +
        std::to_string(width) + "\" height=\"" + std::to_string(height) +
        "\" viewBox=\"0 0 " + size + "\" role=\"img\">\n";
  element("title", {}, escapeXml(title));
  element("style", {}, "\n" + escapeXml(style));
  element("rect",
          {{"class", "page"},
           {"width", std::to_string(width)},
           {"height", std::to_string(height)}},
          "");
}

void Svg::element(const char *name, const Attributes &attributes,
                  const std::string &content) {
  out += std::string("<") + name;
  for (const auto &[key, value] : attributes)
    out += std::string(" ") + key + "=\"" + escapeXml(value) + "\"";
  out += content.empty() ? "/>\n" : ">" + content + "</" + name + ">\n";
}

void Svg::line(double x1, double y1, double x2, double y2, const char *kind) {
  element("line",
          {{"class", kind},
           {"x1", number(x1)},
           {"y1", number(y1)},
           {"x2", number(x2)},
           {"y2", number(y2)}},
          "");
}

void Svg::text(double x, double y, std::string_view content, const char *kind) {
  element("text", {{"class", kind}, {"x", number(x)}, {"y", number(y)}},
          escapeXml(content));
}

void Svg::rect(double x, double y, double w, double h, const char *kind,
               const std::string &tip) {
  element("rect",
          {{"class", kind},
           {"x", number(x)},
           {"y", number(y)},
           {"width", number(w)},
           {"height", number(h)}},
          "<title>" + escapeXml(tip) + "</title>");
}

std::string Svg::finish() && { return std::move(out) + "</svg>\n"; }
