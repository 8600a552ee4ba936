//===- lora-diff.cpp - Compares numbers in files --------------------------===//
//
// Two tensors, or two lists of numbers, are equal if they have the same shape
// (without leading dimensions of 1), and if max|a - b| and max|a - b| / max|b|
// are within the tolerances. A NaN is never within a tolerance.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Program.h"
#include "lora-runtime/Safetensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

using namespace lora_rt;

static constexpr const char *usage = R"(Usage: lora-diff GOT WANT [OPTION...]
       lora-diff --print WHAT

Compares numbers in files, and prints how far apart they are. GOT and WANT are each one of

  FILE:TENSOR   one tensor of a safetensors file
  FILE          every tensor of a safetensors file; both GOT and WANT must be such files with equal names
  FILE:KEY      an array of numbers in a JSON object
  FILE:COLUMN   a column of a table (CSV) whose first line names the columns
  FILE          numbers separated by commas or blanks

The type of a file is found from its content, not from its name. Each option may be given once.

Options:
  --abs X              fail if max|a - b| is above X
  --rel X              fail if max|a - b| / max|b| is above X
  --abs-from WHAT      the same as --abs with the number that WHAT contains, ...
  --times X            ... multiplied by X
  --want-prefix P      use the tensors of WANT whose names begin with P, and remove P from the names
  --last-row           compare the last row of GOT only (WANT is one row)
  --print WHAT         print WHAT's numbers on one line, separated by commas
  --help               this text

Shapes must agree, except for leading dimensions of 1. The exit code is 0 if everything is within the tolerances (both are
0 if none is given), 1 if not, 2 if a file cannot be read.

Example: lora-diff out.safetensors:logits reference.safetensors:logits.merged --abs 1e-4
)";

namespace {

/// A tensor or list of numbers; integers are exact up to 2^53.
struct Numbers {
  std::vector<int64_t> shape;
  std::vector<double> values;
  bool integers = false;
};

struct Options {
  std::string got, want, print, absoluteFrom, wantPrefix;
  std::optional<double> absolute, relative;
  double times = 1;
  bool lastRow = false;
};

} // namespace

static Error unreadable(const std::string &what, const std::string &why) {
  return makeError(ErrorCode::InvalidFile, what, ": ", why);
}

static Expected<Numbers> fromTensor(const TensorView &tensor) {
  Numbers result;
  result.shape = tensor.shape;
  size_t count = size_t(tensor.elements());
  result.values.resize(count);
  if (isFloat(tensor.dtype)) {
    if (Error error = convert(tensor.dtype, tensor.bytes.data(), DType::F64,
                              result.values.data(), count))
      return error;
    return result;
  }
  result.integers = true;
  auto widen = [&]<typename T>(T) {
    for (size_t i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
      result.values[i] = double(value);
    }
  };
  switch (tensor.dtype) {
  case DType::I32:
    widen(int32_t());
    return result;
  case DType::I64:
    widen(int64_t());
    return result;
  default:
    return unreadable(tensor.name,
                      "a type that is not compared: " +
                          std::string(safetensorsName(tensor.dtype)));
  }
}

/// Reads numbers separated by commas or blanks. Anything else is an error.
static Expected<Numbers> fromText(const std::string &what, std::string text) {
  Numbers result;
  result.integers = text.find_first_of(".eEn") == std::string::npos;
  for (char &c : text)
    if (c == ',')
      c = ' ';
  const char *at = text.c_str();
  while (true) {
    at += std::strspn(at, " \t\r\n");
    if (!*at)
      break;
    char *end = nullptr;
    result.values.push_back(std::strtod(at, &end));
    if (end == at)
      return unreadable(what, "expected numbers, but got '" +
                                  std::string(at).substr(0, 20) + "'");
    at = end;
  }
  result.shape = {int64_t(result.values.size())};
  return result;
}

static Expected<Numbers> fromJson(const std::string &what,
                                  const std::string &text,
                                  const std::string &key) {
  nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains(key) ||
      !document[key].is_array())
    return unreadable(what,
                      "expected a JSON object with an array '" + key + "'");
  Numbers result;
  for (const nlohmann::json &value : document[key]) {
    if (!value.is_number())
      return unreadable(what, "expected numbers only in '" + key + "'");
    result.values.push_back(value.get<double>());
  }
  result.shape = {int64_t(result.values.size())};
  return result;
}

static Expected<Numbers> fromCsv(const std::string &what,
                                 const std::string &text,
                                 const std::string &column) {
  std::istringstream lines(text);
  std::string line, values;
  std::optional<size_t> position;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (size_t i = 0; std::getline(cells, cell, ','); ++i) {
      if (position && i == *position)
        values += cell + "\n";
      else if (!position && cell == column) {
        position = i;
        break;
      }
    }
    if (!position)
      return unreadable(what, "expected a column '" + column +
                                  "', but the first line is '" + line + "'");
  }
  return fromText(what, values);
}

/// Splits "FILE:NAME" into a file and a name in it. If a path or a name
/// contains colons, the file that exists decides.
static std::pair<std::string, std::string> split(const std::string &what) {
  std::error_code code;
  size_t last = what.rfind(':');
  for (size_t at = what.size(); at != std::string::npos && at != 0;
       at = what.rfind(':', at - 1))
    if (std::filesystem::exists(what.substr(0, at), code))
      return {what.substr(0, at),
              at < what.size() ? what.substr(at + 1) : std::string()};
  if (last == std::string::npos)
    return {what, ""};
  return {what.substr(0, last), what.substr(last + 1)};
}

/// Whether a file begins like a safetensors file: the length of a header, less
/// than 4 GiB, and that header. A file with numbers is text.
static bool looksLikeTensors(const std::string &start) {
  return start.size() > 8 && start.compare(4, 4, std::string(4, '\0')) == 0;
}

static Expected<std::string> readStart(std::istream &stream,
                                       const std::string &path) {
  std::string start(4096, '\0');
  stream.read(start.data(), std::streamsize(start.size()));
  start.resize(size_t(stream.gcount()));
  if (stream.bad() || (start.empty() && !stream.eof()))
    return unreadable(path, "cannot be read");
  return start;
}

/// Whether `what` is a whole safetensors file.
static bool isWholeFile(const std::string &what) {
  auto [path, name] = split(what);
  std::error_code code;
  // The beginning of a pipe can be read only once.
  if (!name.empty() || !std::filesystem::is_regular_file(path, code))
    return false;
  std::ifstream stream(path, std::ios::binary);
  Expected<std::string> start = readStart(stream, path);
  return start && looksLikeTensors(*start);
}

static Expected<Numbers> readTensor(const std::string &path,
                                    const std::string &name) {
  Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  if (name.empty())
    return unreadable(path, "holds tensors; expected " + path +
                                ":TENSOR here, or two files of tensors");
  Expected<const TensorView *> tensor = file->get(name);
  if (!tensor)
    return tensor.takeError();
  return fromTensor(**tensor);
}

static Expected<Numbers> read(const std::string &what) {
  auto [path, name] = split(what);
  std::ifstream stream(path, std::ios::binary);
  Expected<std::string> start = readStart(stream, path);
  if (!start)
    return start.takeError();
  if (looksLikeTensors(*start))
    return readTensor(path, name);
  if (start->find('\0') != std::string::npos)
    return unreadable(path, "is neither a safetensors file nor text");
  std::ostringstream rest;
  if (!stream.eof())
    rest << stream.rdbuf();
  std::string text = *start + rest.str();
  size_t first = text.find_first_not_of(" \t\r\n");
  bool isJson = first != std::string::npos && text[first] == '{';
  if (isJson && name.empty())
    return unreadable(path, "holds JSON; expected " + path + ":KEY");
  if (isJson)
    return fromJson(what, text, name);
  if (!name.empty())
    return fromCsv(what, text, name);
  return fromText(what, text);
}

/// The shape without leading dimensions of 1.
static std::span<const int64_t> core(std::span<const int64_t> shape) {
  while (!shape.empty() && shape.front() == 1)
    shape = shape.subspan(1);
  return shape;
}

/// Prints how far apart the two are. Returns whether they are within the
/// tolerances.
static bool compare(const std::string &label, Numbers got, const Numbers &want,
                    const Options &options) {
  if (options.lastRow && !got.shape.empty()) {
    size_t row = size_t(got.shape.back());
    if (row != 0 && got.values.size() >= row)
      got.values.erase(got.values.begin(), got.values.end() - ptrdiff_t(row));
    got.shape = {int64_t(row)};
  }
  auto a = core(got.shape), b = core(want.shape);
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end())) {
    std::cout << label << ": shape " << shapeText(got.shape) << ", expected "
              << shapeText(want.shape) << "\n";
    return false;
  }
  double difference = 0, largest = 0;
  size_t where = 0;
  for (size_t i = 0; i < got.values.size(); ++i) {
    double apart = got.values[i] == want.values[i]
                       ? 0
                       : std::fabs(got.values[i] - want.values[i]);
    if (!(apart <= difference) && !std::isnan(difference)) {
      difference = apart;
      where = i;
    }
    largest = std::max(largest, std::fabs(want.values[i]));
  }
  double relative = difference == 0 ? 0 : difference / largest;
  bool exact = !options.absolute && !options.relative;
  bool within = exact
                    ? difference == 0
                    : (!options.absolute || difference <= *options.absolute) &&
                          (!options.relative || relative <= *options.relative);
  char line[200];
  std::snprintf(line, sizeof(line),
                "max|a-b| %.3g, relative %.3g, of %zu numbers up to %.3g",
                difference, relative, want.values.size(), largest);
  std::cout << label << ": " << line;
  if (!within) {
    std::snprintf(line, sizeof(line), "; number %zu is %.9g, expected %.9g",
                  where, got.values[where], want.values[where]);
    std::cout << line;
  }
  std::cout << "\n";
  return within;
}

/// Compares every tensor of two files. Returns -1 if one cannot be read.
static int compareFiles(const Options &options) {
  Expected<SafetensorsFile> got = SafetensorsFile::open(options.got);
  Expected<SafetensorsFile> want = SafetensorsFile::open(options.want);
  if (!got || !want) {
    std::cerr << "lora-diff: error: " << (got ? want : got).message() << "\n";
    return -1;
  }
  bool same = true;
  size_t compared = 0;
  for (const TensorView &tensor : want->tensors()) {
    if (!tensor.name.starts_with(options.wantPrefix))
      continue;
    std::string name = tensor.name.substr(options.wantPrefix.size());
    const TensorView *other = got->find(name);
    ++compared;
    if (!other) {
      std::cout << name << ": missing in " << options.got << "\n";
      same = false;
      continue;
    }
    Expected<Numbers> a = fromTensor(*other), b = fromTensor(tensor);
    if (!a || !b) {
      std::cerr << "lora-diff: error: " << (a ? b : a).message() << "\n";
      return -1;
    }
    same &= compare(name, *a, *b, options);
  }
  for (const TensorView &tensor : got->tensors())
    if (!want->find(options.wantPrefix + tensor.name)) {
      std::cout << tensor.name << ": not in " << options.want << "\n";
      same = false;
    }
  if (compared == 0)
    std::cout << "no tensor of " << options.want << " begins with '"
              << options.wantPrefix << "'\n";
  return same && compared != 0;
}

static int fail(const std::string &message) {
  std::cerr << "lora-diff: error: " << message << "\n";
  return 2;
}

static int print(const std::string &what) {
  Expected<Numbers> numbers = read(what);
  if (!numbers)
    return fail(numbers.message());
  for (size_t i = 0; i < numbers->values.size(); ++i)
    std::printf(numbers->integers ? "%s%.0f" : "%s%.9g", i ? "," : "",
                numbers->values[i]);
  std::printf("\n");
  return 0;
}

/// Reads the command line. Returns a message if something is wrong with it.
static std::string parse(int argc, char **argv, Options &options) {
  std::vector<std::string> files;
  std::set<std::string> given;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (!name.starts_with("--")) {
      files.push_back(name);
      continue;
    }
    if (name == "--last-row") {
      options.lastRow = true;
      continue;
    }
    if (size_t at = name.find('='); at != std::string::npos) {
      value = name.substr(at + 1);
      name.resize(at);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return name + ": expected a value";
    }
    if (!given.insert(name).second)
      return name + ": given twice; give it once";
    char *end = nullptr;
    double number = std::strtod(value.c_str(), &end);
    bool isNumber = !value.empty() && !*end && number >= 0;
    if (name == "--abs-from")
      options.absoluteFrom = value;
    else if (name == "--want-prefix")
      options.wantPrefix = value;
    else if (name == "--print")
      options.print = value;
    else if (name != "--abs" && name != "--rel" && name != "--times")
      return "unknown option " + name;
    else if (!isNumber)
      return name + ": expected a number, but got '" + value + "'";
    else if (name == "--abs")
      options.absolute = number;
    else if (name == "--rel")
      options.relative = number;
    else
      options.times = number;
  }
  if (files.size() != (options.print.empty() ? 2 : 0))
    return "expected GOT and WANT, or --print WHAT; --help shows examples";
  if (options.print.empty()) {
    options.got = files[0];
    options.want = files[1];
  }
  return "";
}

int main(int argc, char **argv) {
  beginProgram("lora-diff: error: ");
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--help") {
      std::cout << usage;
      return 0;
    }
  Options options;
  if (std::string message = parse(argc, argv, options); !message.empty())
    return fail(message);
  if (!options.print.empty())
    return print(options.print);
  if (!options.absoluteFrom.empty()) {
    Expected<Numbers> bound = read(options.absoluteFrom);
    if (!bound)
      return fail(bound.message());
    if (bound->values.size() != 1)
      return fail("--abs-from: expected one number");
    options.absolute = bound->values[0] * options.times;
  }
  if (isWholeFile(options.got) && isWholeFile(options.want)) {
    int same = compareFiles(options);
    return same < 0 ? 2 : !same;
  }
  Expected<Numbers> got = read(options.got), want = read(options.want);
  if (!got || !want)
    return fail((got ? want : got).message());
  if (want->values.empty())
    return fail(options.want + ": expected numbers, but there are none");
  return !compare(split(options.want).second, *got, *want, options);
}
