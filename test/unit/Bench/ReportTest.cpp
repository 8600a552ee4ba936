//===- ReportTest.cpp - Tables, JSON and the plot -------------------------===//
//
// The three forms of one set of results, with figures that are computed by
// hand.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Svg.h"
#include "Table.h"
#include "lora-mlir/Bench/Results.h"

#include <gtest/gtest.h>

using namespace lora::bench;
using lora_rt::DType;
using lora_rt::Json;

namespace {

/// Three rounds of two measurements; the last round took twice as long.
Results someResults() {
  Results results;
  results.command = "lora-bench run <tiny> & \"more\"";
  results.time = "2026-01-02T03:04:05Z";
  results.repetitions = 3;
  results.memoryContext = 512;
  results.machine.cpu = "A & B <CPU>";
  results.machine.engine = "oneDNN";
  results.machine.threads = 2;
  results.machine.reads = {{2, 512, true, 20e9}, {1, 0, false, 10e9}};
  results.machine.matmuls = {
      {{17, 64, 48, 1}, DType::BF16, "plain", {1e-6, 2e-6, 4e-6}}};
  results.model.emplace();
  results.model->name = "tiny";
  results.model->dtype = DType::BF16;
  results.model->adapterRank = 8;
  for (auto phase : {Measurement::Phase::Prefill, Measurement::Phase::Decode}) {
    Measurement measurement;
    measurement.phase = phase;
    measurement.size = 17;
    measurement.readRates = {20e9, 20e9, 10e9};
    Work work;
    work.matmuls = {{17, 64, 48, 5}};
    work.weightBytes = 64 * 48 * 5 * 2;
    measurement.series = {{"base",
                           false,
                           {2e-3, 2e-3, 4e-3},
                           {1.6e-3, 2e-3, 3e-3},
                           {1e-3, 1e-3, 2e-3},
                           work},
                          {"unmerged",
                           false,
                           {3e-3, 3e-3, 6e-3},
                           {3e-3, 2e-3, 6e-3},
                           {1e-3, 1e-3, 2e-3},
                           work},
                          {"PyTorch base",
                           true,
                           {5e-3, 5e-3, 9e-3},
                           {5e-3, 5e-3, 9e-3},
                           {1e-3, 1e-3, 2e-3},
                           work}};
    results.measurements.push_back(std::move(measurement));
  }
  results.compiles = {{"base", false, {3, 4, 5}, {1, 2, 2.5}, 1000, 2000},
                      {"code", false, {1}, {}, 1000, 0}};
  results.loads = {
      {"base", false, {0.03, 0.02, 0.04}, {3, 3, 3}, {2, 2, 2}, 10, 20}};
  results.notes = {"something was left out"};
  return results;
}

/// The first error of an XML text; empty if there is none. Checks that tags are
/// closed, that attributes are quoted, and that '<' and '&' are escaped.
std::string xmlError(const std::string &text) {
  std::vector<std::string> open;
  size_t at = text.rfind("<?xml", 0) == 0 ? text.find("?>") + 2 : 0;
  bool hadRoot = false;
  while (at < text.size()) {
    if (text[at] == '&') {
      size_t end = text.find(';', at);
      std::string name = text.substr(at + 1, end - at - 1);
      if (name != "amp" && name != "lt" && name != "gt" && name != "quot")
        return "entity " + name;
      at = end + 1;
      continue;
    }
    if (text[at] != '<') {
      if (open.empty() && !isspace(static_cast<unsigned char>(text[at])))
        return "text outside the root";
      if (static_cast<unsigned char>(text[at]) < 0x20 && text[at] != '\n')
        return "control character";
      ++at;
      continue;
    }
    size_t end = ++at;
    bool quoted = false;
    for (; end < text.size() && (quoted || text[end] != '>'); ++end) {
      if (text[end] == '<')
        return "'<' in a tag";
      quoted ^= text[end] == '"';
    }
    if (end == text.size())
      return "a tag without an end";
    std::string tag = text.substr(at, end - at);
    at = end + 1;
    std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag)
        return "closes " + tag;
      open.pop_back();
    } else if (tag.back() != '/') {
      if (open.empty() && hadRoot)
        return "a second root";
      hadRoot = true;
      open.push_back(name);
    }
  }
  return open.empty() && hadRoot ? "" : "unclosed";
}

} // namespace

TEST(Report, JsonSaysWhatWasMeasured) {
  auto json = lora_rt::parseJson(toJson(someResults()), "results");
  ASSERT_TRUE(json) << json.message();
  EXPECT_EQ((*json)["version"], 1);
  EXPECT_EQ((*json)["machine"]["read"][0]["bytes_per_second"], 20e9);
  const Json &matmul = (*json)["machine"]["matmul"][0];
  EXPECT_EQ(matmul["seconds"]["median"], 2e-6);
  EXPECT_DOUBLE_EQ(matmul["operations_per_second"].get<double>(),
                   2.0 * 17 * 64 * 48 / 2e-6);
  const Json &prefill = (*json)["measurements"][0];
  EXPECT_EQ(prefill["phase"], "prefill");
  EXPECT_EQ(prefill["tokens"], 17);
  const Json &base = prefill["series"][0];
  EXPECT_EQ(base["contender"], "base");
  EXPECT_EQ(base["seconds"]["rounds"], Json({2e-3, 2e-3, 4e-3}));
  EXPECT_EQ(base["share_of_limit"], 0.5);
  EXPECT_EQ(base["best_seconds"], 1.6e-3);
  EXPECT_DOUBLE_EQ(base["best_share_of_limit"].get<double>(), 1e-3 / 1.6e-3);
  EXPECT_DOUBLE_EQ(base["tokens_per_second"].get<double>(), 17 / 2e-3);
  EXPECT_EQ(base["operations"], 2.0 * 17 * 64 * 48 * 5);
  EXPECT_EQ(base["bytes"], 64.0 * 48 * 5 * 2);
  const Json &decode = (*json)["measurements"][1];
  EXPECT_EQ(decode["context"], 17);
  EXPECT_FALSE(decode.contains("tokens"));
  EXPECT_DOUBLE_EQ(decode["series"][0]["tokens_per_second"].get<double>(),
                   1 / 2e-3);
  // 3 / 1, 4 / 2, 5 / 2.5.
  EXPECT_EQ((*json)["compile"][0]["times_a_copy"], 2.0);
  EXPECT_FALSE((*json)["compile"][1].contains("times_a_copy"));
  EXPECT_FALSE((*json)["compile"][1].contains("file_bytes"));
  EXPECT_EQ((*json)["load"][0]["first_by_steady"], 1.5);
  EXPECT_EQ((*json)["notes"][0], "something was left out");
}

TEST(Report, JsonOfTheMachineAlone) {
  Results results;
  results.machine.cpu = "some";
  auto json = lora_rt::parseJson(toJson(results), "results");
  ASSERT_TRUE(json) << json.message();
  EXPECT_FALSE(json->contains("model"));
  EXPECT_FALSE(json->contains("measurements"));
}

TEST(Report, Text) {
  std::string text = toText(someResults());
  auto has = [&](const char *part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("read     20.0 GB/s (2 streams, prefetch 512, huge pages); "
                  "small pages 10.0 GB/s"))
      << text;
  EXPECT_TRUE(has("  base                             8500 (50 %)")) << text;
  EXPECT_TRUE(has("  unmerged / base                 +50.0 % time")) << text;
  EXPECT_TRUE(has("note: something was left out")) << text;
  EXPECT_FALSE(has("us a token")) << text;
}

TEST(Report, TheTimeOfATokenOfATinyModel) {
  Results results = someResults();
  Series &base = results.measurements[1].series[0];
  base.seconds = {23.4e-6, 21e-6, 40e-6};
  std::string text = toText(results);
  size_t line = text.find("  base, us a token ");
  ASSERT_NE(line, std::string::npos) << text;
  EXPECT_EQ(
      text.substr(text.find_last_not_of(' ', text.find('\n', line)) - 5, 6),
      " 23.4\n")
      << text;
  // A token of the other one takes 3 ms.
  EXPECT_EQ(text.find("unmerged, us a token"), std::string::npos) << text;
}

TEST(Report, TextOfTheBestTimes) {
  Results results = someResults();
  results.statistic = Statistic::Best;
  std::string text = toText(results);
  auto has = [&](const char *part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("best times of 3 rounds")) << text;
  // 17 / 1.6e-3; 1 / 1.6; 2 / 1.6.
  EXPECT_TRUE(has("10625 (62 %)")) << text;
  EXPECT_TRUE(has("+25.0 % time")) << text;
}

/// The numbers of an attribute in all elements of a class, in order.
static std::vector<double> numbers(const std::string &svg,
                                   const std::string &kind,
                                   const std::string &attribute) {
  std::vector<double> result;
  for (size_t at = 0; (at = svg.find("class=\"" + kind + "\"", at)) != svg.npos;
       ++at) {
    std::string element = svg.substr(at, svg.find('>', at) - at);
    size_t value = element.find(" " + attribute + "=\"");
    if (value != element.npos)
      result.push_back(std::stod(element.substr(value + attribute.size() + 3)));
  }
  return result;
}

TEST(Report, SvgIsWellFormed) {
  std::string svg = toSvg(someResults());
  EXPECT_EQ(xmlError(svg), "") << svg;
  for (const char *part :
       {"prefill, a prompt of 17 tokens", "decode, a token behind 17",
        "memory read at 20 GB/s", "PyTorch base", "50 %, 8500 tokens/s",
        "prefers-color-scheme: dark", "A &amp; B &lt;CPU&gt;"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
}

TEST(Report, SvgBarsAreTheShares) {
  Results results = someResults();
  results.measurements.resize(1);
  std::string svg = toSvg(results);
  std::vector<double> limit = numbers(svg, "limit", "x1");
  ASSERT_EQ(limit.size(), 1u);
  std::vector<double> lefts = numbers(svg, "ours", "x");
  std::vector<double> widths = numbers(svg, "ours", "width");
  size_t ours = 0;
  for (const Series &series : results.measurements[0].series)
    if (!series.isPeer) {
      ASSERT_LT(ours, widths.size());
      // Numbers have one decimal.
      EXPECT_NEAR(widths[ours] / (limit[0] - lefts[ours]),
                  series.share(Statistic::Median), 1e-3)
          << series.contender;
      ++ours;
    }
  EXPECT_EQ(ours, widths.size());
  EXPECT_GT(ours, 1u);
}

TEST(Report, SvgShowsHowFarTheLimitMoved) {
  Results results = someResults();
  results.measurements.resize(1);
  for (Series &series : results.measurements[0].series)
    series.limits = {1e-3, 1e-3, 1e-3};
  EXPECT_EQ(numbers(toSvg(results), "band", "x").size(), 0u);
  results.measurements[0].series[0].limits = {0.8e-3, 1e-3, 1.25e-3};
  std::string svg = toSvg(results);
  ASSERT_EQ(numbers(svg, "band", "x").size(), 1u) << svg;
  double left = numbers(svg, "ours", "x")[0];
  double whole = numbers(svg, "limit", "x1")[0] - left;
  double from = numbers(svg, "band", "x")[0];
  double to = from + numbers(svg, "band", "width")[0];
  EXPECT_NEAR((from - left) / whole, 0.8, 1e-3);
  EXPECT_NEAR((to - left) / whole, 1.25, 1e-3);
  EXPECT_EQ(svg.find("beyond 100 %"), svg.npos);
}

TEST(Report, SvgSaysWhyABarIsBeyondTheLimit) {
  Results results = someResults();
  for (double &second : results.measurements[0].series[0].seconds)
    second /= 3;
  EXPECT_NE(toSvg(results).find("beyond 100 %"), std::string::npos);
}

TEST(Report, SvgBarsDoNotOverlap) {
  Results results = someResults();
  results.measurements.insert(results.measurements.end(), 30,
                              results.measurements[0]);
  std::string svg = toSvg(results);
  std::vector<double> tops = numbers(svg, "ours", "y");
  for (double peer : numbers(svg, "peer", "y"))
    tops.push_back(peer);
  std::sort(tops.begin(), tops.end());
  ASSERT_GT(tops.size(), 60u);
  double height = numbers(svg, "ours", "height")[0];
  for (size_t i = 1; i < tops.size(); ++i)
    EXPECT_GT(tops[i], tops[i - 1] + height);
}

TEST(Report, SvgOfTheMachineAlone) {
  Results results = someResults();
  results.measurements.clear();
  std::string svg = toSvg(results);
  EXPECT_EQ(xmlError(svg), "") << svg;
  EXPECT_NE(svg.find("17 x 64 x 48"), std::string::npos) << svg;
}

TEST(Report, SvgOfNothing) {
  std::string svg = toSvg(Results());
  EXPECT_EQ(xmlError(svg), "") << svg;
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
}

TEST(Report, TheCheckOfXmlFindsMistakes) {
  EXPECT_EQ(xmlError("<a b=\"c\"><d/>x &amp; y</a>\n"), "");
  for (const char *wrong :
       {"<a>", "<a></b>", "<a>&b</a>", "<a/>", "<a b=\"<\"/>", "<a></a><b></b>",
        "x<a></a>", "<a", "<a>\x01</a>"})
    EXPECT_NE(xmlError(wrong), "") << wrong;
}

TEST(Svg, Escapes) {
  EXPECT_EQ(escapeXml("a<b>&\"c\"\x07"), "a&lt;b&gt;&amp;&quot;c&quot;?");
}

TEST(Table, Aligns) {
  Table table({"title"});
  table.addColumn("one");
  table.addColumn("two");
  table.addRow("a long name");
  table.set("two", "22");
  table.addRow("b");
  table.set("one", "11111");
  EXPECT_EQ(table.text(), "title          one  two\n"
                          "a long name          22\n"
                          "b            11111\n");
}
