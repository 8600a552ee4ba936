//===- check-fixture.cpp - A fixture's models against its references ------===//
//
// For each adapter of a folder of test/Fixtures: compiles the model with the
// adapter, merged and unmerged, runs both programs as a user would, and
// compares the results with those of transformers and PEFT.
// test/Fixtures/README.md describes the folder.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Numeric.h"
#include "lora-runtime/Safetensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

using lora_rt::SafetensorsFile;
using lora_rt::TensorView;

namespace {

[[noreturn]] void fail(const std::string &text) {
  std::cerr << "check-fixture: " << text << "\n";
  std::exit(1);
}

/// The contents of a file. If it cannot be read, `otherwise`; without
/// `otherwise` that is an error.
std::string readText(const std::string &path, const char *otherwise = nullptr) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream && otherwise)
    return otherwise;
  if (!stream)
    fail(path + " cannot be read");
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

bool succeeds(const std::string &command) {
  return std::system(command.c_str()) == 0;
}

void run(const std::string &command) {
  if (!succeeds(command))
    fail("failed: " + command);
}

SafetensorsFile openFile(const std::string &path) {
  auto file = SafetensorsFile::open(path);
  if (!file)
    fail(file.message());
  return std::move(*file);
}

std::vector<float> toFloats(const TensorView &tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  if (auto error =
          lora_rt::convertToFloat(tensor.dtype, tensor.bytes.data(), values))
    fail(tensor.name + ": " + error.message());
  return values;
}

/// An I32 or I64 tensor as "5,7,9".
std::string toList(const TensorView &tensor) {
  std::string text;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    int64_t value = 0;
    std::copy_n(tensor.bytes.data() + size_t(i) * lora_rt::sizeOf(tensor.dtype),
                lora_rt::sizeOf(tensor.dtype),
                reinterpret_cast<std::byte *>(&value));
    text += (i ? "," : "") + std::to_string(value);
  }
  return text;
}

/// A fixture, and the folder in which its programs are made.
class Fixture {
public:
  Fixture(std::string folder, std::string work)
      : folder(std::move(folder)), work(std::move(work)),
        facts(nlohmann::json::parse(readText(this->folder + "/fixture.json"))),
        reference(openFile(this->folder + "/reference.safetensors")),
        task(facts.at("task").get<std::string>()) {
    for (size_t row = 0; row < facts.at("rows").get<size_t>(); ++row) {
      lengths.push_back(size_t(get("ids", row).elements()));
      inputs += " --ids " + toList(get("ids", row));
      if (const TensorView *types = find("token_types", row))
        inputs += " --token-types " + toList(*types);
    }
  }

  /// Runs only the adapter \p only if it is not empty. If \p first is set, runs
  /// the base and the first adapter.
  bool check(const std::string &only, bool first, bool bf16);

private:
  /// The tensor of a row: NAME.ROW, or NAME if there is only one row.
  const TensorView *find(const std::string &name, size_t row) const {
    if (const TensorView *tensor =
            reference.find(name + "." + std::to_string(row)))
      return tensor;
    return row == 0 ? reference.find(name) : nullptr;
  }
  const TensorView &get(const std::string &name, size_t row) const {
    if (const TensorView *tensor = find(name, row))
      return *tensor;
    fail(folder + "/reference.safetensors: no tensor '" + name + "'");
  }

  /// Compiles the model with these options to WORK/model. Returns false if that
  /// fails.
  bool compile(const std::string &options, bool bf16) {
    std::string file = work + "/model";
    return succeeds("lora-compile " + folder + "/model --quiet" + options +
                    " --dtype " + (bf16 ? "bf16" : "f32") + " -o " + file +
                    " 2>" + work + "/log || { cat " + work +
                    "/log >&2; false; }");
  }

  /// The largest difference between the rows that the program writes with
  /// `option` and tensor NAME.
  double compare(const std::string &file, const std::string &option,
                 const std::string &name, float *largest);
  void checkGreedy(const std::string &file, const std::string &name);
  /// The largest difference between the logits after the last token of the
  /// prompt `ids` and `expected`.
  double compareLast(const std::string &file, const TensorView &ids,
                     const TensorView &expected);
  /// Checks the fixture's prompts of other lengths or with other ids.
  void checkPrompts(const std::string &file, const std::string &name,
                    const std::string &form);
  /// The greatest error allowed for results with adapter \p name of which the
  /// largest is \p largest.
  double tolerance(const std::string &name, float largest);
  void report(const std::string &name, const std::string &form, double error,
              double allowed);
  void checkForm(const std::string &name, const std::string &form,
                 const std::string &options, const std::string &result,
                 bool greedy, bool bf16);

  std::string folder, work;
  nlohmann::json facts;
  SafetensorsFile reference;
  std::string task, inputs;
  std::vector<size_t> lengths;
  bool passed = true;
};

} // namespace

double Fixture::compare(const std::string &file, const std::string &option,
                        const std::string &name, float *largest) {
  std::string out = work + "/out.safetensors";
  run(file + inputs + " --quiet " + option + " " + out);
  SafetensorsFile written = openFile(out);
  const TensorView *result = written.find(
      option == "--pooled"                       ? "pooler_output"
      : option == "--hidden" || task == "hidden" ? "last_hidden_state"
                                                 : "logits");
  if (!result)
    fail(out + ": the tensor of " + option + " is missing");
  std::vector<float> values = toFloats(*result);
  double worst = 0;
  auto compareAt = [&](size_t offset, const TensorView &expected) {
    std::vector<float> wanted = toFloats(expected);
    if (offset + wanted.size() > values.size())
      fail(out + ": is " + lora_rt::shapeText(result->shape) +
           ", too small for '" + expected.name + "'");
    for (size_t i = 0; i < wanted.size(); ++i) {
      double difference = std::abs(double(values[offset + i]) - wanted[i]);
      worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
      *largest = std::max(*largest, std::abs(wanted[i]));
    }
  };
  if (option == "--pooled" ||
      (task == "sequence_classification" && option == "--logits")) {
    compareAt(0, get(name, 0));
    if (values.size() != size_t(get(name, 0).elements()))
      fail(out + ": is " + lora_rt::shapeText(result->shape));
    return worst;
  }
  size_t longest = *std::max_element(lengths.begin(), lengths.end());
  size_t width = size_t(result->shape.back());
  if (values.size() != lengths.size() * longest * width)
    fail(out + ": is " + lora_rt::shapeText(result->shape) +
         ", expected rows of " + std::to_string(longest) + " tokens");
  for (size_t row = 0; row < lengths.size(); ++row) {
    compareAt(row * longest * width, get(name, row));
    // A shorter row is filled up with zeros.
    for (size_t i = lengths[row] * width; i < longest * width; ++i)
      if (values[row * longest * width + i] != 0)
        fail(out + ": expected zeros after the end of row " +
             std::to_string(row));
  }
  return worst;
}

void Fixture::checkGreedy(const std::string &file, const std::string &name) {
  const TensorView &expected = get("greedy." + name, 0);
  std::string prompt = toList(get("ids", 0));
  size_t end = 0;
  for (int i = 0; i < 9 && end != std::string::npos; ++i)
    end = prompt.find(',', end + 1);
  std::string out = work + "/greedy.txt";
  run(file + " --quiet --ids " + prompt.substr(0, end) + " --generate " +
      std::to_string(expected.elements()) + " >" + out);
  std::string text = readText(out);
  text.erase(text.find_last_not_of('\n') + 1);
  if (text == toList(expected))
    return;
  passed = false;
  std::cout << name << ": greedy continuation " << text << ", expected "
            << toList(expected) << "\n";
}

double Fixture::compareLast(const std::string &file, const TensorView &ids,
                            const TensorView &expected) {
  std::string out = work + "/out.safetensors";
  run(file + " --quiet --ids " + toList(ids) + " --logits " + out);
  SafetensorsFile written = openFile(out);
  const TensorView *result = written.find("logits");
  if (!result || result->elements() < expected.elements())
    fail(out + ": expected the logits of " + ids.name);
  std::vector<float> values = toFloats(*result), wanted = toFloats(expected);
  size_t offset = values.size() - wanted.size();
  double worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    double difference = std::abs(double(values[offset + i]) - wanted[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst;
}

void Fixture::checkPrompts(const std::string &file, const std::string &name,
                           const std::string &form) {
  // The default prompt is shorter than the length at which rotary frequencies
  // change. The others contain new ids of the vocabulary and, if the model has
  // positions for it, a prompt of many calls.
  auto config = nlohmann::json::parse(readText(folder + "/model/config.json"));
  int64_t positions = config.value("max_position_embeddings",
                                   config.value("n_positions", int64_t(0)));
  for (auto [prompt, expected] :
       {std::pair(std::string("short_ids"), "short." + name),
        std::pair("new_ids." + name, "new." + name),
        std::pair(std::string("long_ids"), "long." + name)}) {
    const TensorView *ids = reference.find(prompt),
                     *wanted = reference.find(expected);
    if (!ids || !wanted || ids->elements() > positions)
      continue;
    report(name, form + " " + prompt.substr(0, prompt.find('_')),
           compareLast(file, *ids, *wanted), tolerance(name, 0));
  }
}

double Fixture::tolerance(const std::string &name, float largest) {
  // Sums in F32 are in another order, and rounding grows with the numbers. PEFT
  // derives PiSSA's base weights by an SVD in f32, which has errors of 1e-5.
  // With an SVD in f64, PEFT's own logits differ by up to 8e-4 from the
  // recorded ones.
  bool startsWithSvd =
      readText(folder + "/adapters/" + name + "/adapter_config.json", "")
          .find("\"pissa\"") != std::string::npos;
  return (startsWithSvd ? 1e-3 : 1e-4) * std::max(1.0, double(largest) / 20);
}

void Fixture::report(const std::string &name, const std::string &form,
                     double error, double allowed) {
  bool ok = error <= allowed;
  passed &= ok;
  std::printf("%-24s %-16s %.2e%s\n", name.c_str(), form.c_str(), error,
              ok ? "" : " above the tolerance");
  std::fflush(stdout);
}

void Fixture::checkForm(const std::string &name, const std::string &form,
                        const std::string &options, const std::string &result,
                        bool greedy, bool bf16) {
  std::string file = work + "/model";
  if (!compile(options, bf16)) {
    passed = false;
    std::cout << name << " " << form << ": not compiled" << std::endl;
    return;
  }
  float largest = 0;
  double error = compare(file, "--logits", result, &largest);
  // With few values, the largest error varies by chance.
  if (bf16)
    return report(name, form, error,
                  (get(result, 0).elements() < 500 ? 2.5 : 1.5) *
                      toFloats(get("bf16_error." + name, 0))[0]);
  report(name, form, error, tolerance(name, largest));
  if (find("hidden." + name, 0)) {
    largest = 0;
    error = compare(file, "--hidden", "hidden." + name, &largest);
    report(name, form + " hidden", error, tolerance(name, largest));
  }
  if (find("pooled." + name, 0)) {
    largest = 0;
    error = compare(file, "--pooled", "pooled." + name, &largest);
    report(name, form + " pooled", error, tolerance(name, largest));
  }
  if (!bf16)
    checkPrompts(file, name, form);
  if (greedy)
    checkGreedy(file, name);
}

bool Fixture::check(const std::string &only, bool first, bool bf16) {
  auto isWanted = [&](const std::string &name) {
    return (only.empty() || only == name) &&
           (!bf16 || find("bf16_error." + name, 0));
  };
  size_t checked = 0;
  if (isWanted("base")) {
    ++checked;
    checkForm("base", "", "", "base", find("greedy.base", 0), bf16);
  }
  for (const auto &adapter : facts.at("adapters")) {
    auto name = adapter.at("name").get<std::string>();
    if (!isWanted(name))
      continue;
    ++checked;
    std::string options = " --adapter " + folder + "/adapters/" + name;
    bool greedy = adapter.value("greedy", false);
    // An adapter may change the task of the base model.
    task = adapter.value("task", facts.at("task").get<std::string>());
    checkForm(name, "merged", options, "adapter." + name, greedy, bf16);
    checkForm(name, "unmerged", options + " --unmerged", "adapter." + name,
              greedy, bf16);
    if (first)
      break;
  }
  if (!checked)
    fail(folder + ": nothing to check");
  return passed;
}

int main(int argc, char **argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::vector<std::string> folders;
  std::string only;
  bool first = false, bf16 = false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--bf16")
      bf16 = true;
    else if (words[i] == "--first")
      first = true;
    else if (words[i] == "--only" && i + 1 < words.size())
      only = words[++i];
    else if (words[i].starts_with("-"))
      fail("unknown option " + words[i]);
    else
      folders.push_back(words[i]);
  }
  if (folders.size() != 2)
    fail("usage: check-fixture FIXTURE_DIR WORK_DIR [--only ADAPTER] [--first] "
         "[--bf16]");
  run("mkdir -p " + folders[1]);
  return Fixture(folders[0], folders[1]).check(only, first, bf16) ? 0 : 1;
}
