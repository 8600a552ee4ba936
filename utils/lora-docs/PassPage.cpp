//===- PassPage.cpp - The reference of a group of passes ------------------===//
//
// Like mlir-tblgen's -gen-pass-doc. In addition it shows the operation on which
// a pass runs, the types and defaults of options, and the values of options
// with a fixed set of values.
//
//===----------------------------------------------------------------------===//

#include "Pages.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Regex.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

using Json = nlohmann::json;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

static std::string text(const Json &record, const char *key) {
  auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
}

/// A description without the indentation that all its lines share.
static std::string dedent(llvm::StringRef description) {
  llvm::SmallVector<llvm::StringRef> lines;
  description.split(lines, '\n');
  size_t indent = llvm::StringRef::npos;
  for (llvm::StringRef line : lines)
    if (!line.trim().empty())
      indent = std::min(indent, line.find_first_not_of(' '));
  std::string result;
  for (llvm::StringRef line : lines)
    result +=
        line.drop_front(std::min(indent, line.size())).rtrim().str() + "\n";
  return llvm::StringRef(result).trim('\n').str() + "\n";
}

namespace {

/// One value of an option with a fixed set of values.
struct Value {
  std::string enumerator, name, description;
};

} // namespace

/// The `clEnumValN(enumerator, "name", "description")` of an option's flags.
static std::vector<Value> values(llvm::StringRef flags) {
  llvm::Regex pattern("clEnumValN\\(([^,]+), *\"([^\"]*)\", *\"([^\"]*)\"\\)");
  std::vector<Value> result;
  llvm::SmallVector<llvm::StringRef> match;
  while (pattern.match(flags, &match)) {
    result.push_back({match[1].trim().str(), match[2].str(), match[3].str()});
    flags = flags.substr(match[0].end() - flags.begin());
  }
  return result;
}

/// How an option's value is written. An unknown C++ type is shown as it is.
static std::string typeName(llvm::StringRef type) {
  if (type == "std::string")
    return "text";
  if (type == "bool")
    return "`true` or `false`";
  if (type == "double" || type == "float")
    return "number";
  if (type == "int64_t" || type == "int" || type == "unsigned" ||
      type == "uint64_t")
    return "integer";
  return "`" + type.str() + "`";
}

static std::string optionRow(const Json &option, bool isList) {
  std::vector<Value> allowed = values(text(option, "additionalOptFlags"));
  std::string type;
  for (const Value &value : allowed)
    type += (type.empty() ? "`" : ", `") + value.name + "`";
  if (allowed.empty())
    type = typeName(text(option, "type"));
  if (isList)
    type = "list of: " + type;
  std::string initial = text(option, "defaultValue");
  for (const Value &value : allowed)
    if (initial == value.enumerator)
      initial = value.name;
  initial = llvm::StringRef(initial).trim('"').str();
  std::string description = text(option, "description");
  for (const Value &value : allowed)
    description += "; `" + value.name + "`: " + value.description;
  std::string row = "| `" + text(option, "argument") + "` | " + type + " | " +
                    (initial.empty() ? "none" : "`" + initial + "`") + " | " +
                    description + " |\n";
  return row;
}

/// The operation on which a pass runs, by its base class.
static std::string anchor(llvm::StringRef baseClass) {
  if (baseClass.contains("ModuleOp"))
    return "`builtin.module`";
  if (baseClass.contains("FuncOp"))
    return "`func.func`";
  return "any operation";
}

static std::string section(const Json &records, const Json &pass) {
  auto of = [&](const Json &reference) -> const Json & {
    return records.at(text(reference, "def"));
  };
  std::string result = "\n## `-" + text(pass, "argument") + "`\n\n_" +
                       text(pass, "summary") + "_\n\nRuns on " +
                       anchor(text(pass, "baseClass")) + ".\n\n" +
                       dedent(text(pass, "description"));
  const Json &lists = records.at("!instanceof").at("ListOption");
  if (!pass.at("options").empty())
    result += "\n### Options\n\n| option | value | default | |\n"
              "| --- | --- | --- | --- |\n";
  for (const Json &option : pass.at("options"))
    result += optionRow(of(option),
                        llvm::is_contained(lists, Json(text(option, "def"))));
  if (!pass.at("statistics").empty())
    result += "\n### Statistics\n\n| statistic | counts |\n| --- | --- |\n";
  for (const Json &statistic : pass.at("statistics"))
    result += "| `" + text(of(statistic), "name") + "` | " +
              text(of(statistic), "description") + " |\n";
  return result;
}

Expected<std::string> lora::docs::passPage(std::string_view dump) {
  Json records = Json::parse(dump, nullptr, /*allow_exceptions=*/false);
  if (!records.is_object() || !records.contains("!instanceof"))
    return makeError(ErrorCode::InvalidFile,
                     "expected the JSON that llvm-tblgen -dump-json prints");
  std::vector<const Json *> passes;
  for (const Json &name : records["!instanceof"]["PassBase"])
    passes.push_back(&records[name.get<std::string>()]);
  llvm::sort(passes, [](const Json *a, const Json *b) {
    return text(*a, "argument") < text(*b, "argument");
  });
  std::string page = kGenerated;
  for (const Json *pass : passes)
    page += section(records, *pass);
  return page;
}
