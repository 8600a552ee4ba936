//===- Svg.cpp - Text of an SVG picture -----------------------------------===//

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

void Svg::text(double x, double y, std::string_view content, const char *kind,
               double degrees) {
  Attributes attributes = {{"class", kind}, {"x", number(x)}, {"y", number(y)}};
  if (degrees != 0)
    attributes.push_back({"transform", "rotate(" + number(degrees) + " " +
                                           number(x) + " " + number(y) + ")"});
  element("text", attributes, escapeXml(content));
}

void Svg::polygon(const std::vector<std::pair<double, double>> &points,
                  const std::string &kind, const std::string &tip) {
  std::string list;
  for (auto [x, y] : points)
    list += (list.empty() ? "" : " ") + number(x) + "," + number(y);
  element("polygon", {{"class", kind}, {"points", list}},
          "<title>" + escapeXml(tip) + "</title>");
}

void Svg::circle(double x, double y, double radius, const std::string &kind,
                 const std::string &tip) {
  element("circle",
          {{"class", kind},
           {"cx", number(x)},
           {"cy", number(y)},
           {"r", number(radius)}},
          "<title>" + escapeXml(tip) + "</title>");
}

std::string Svg::finish() && { return std::move(out) + "</svg>\n"; }
