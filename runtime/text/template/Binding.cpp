//===- Binding.cpp - Arguments to parameters ------------------------------===//
//
// Implements Bound with Python's rules for calls. It refuses too many
// arguments, unknown names, an argument that is given twice, and one that is
// missing. Each message names the function.
//
//===----------------------------------------------------------------------===//

#include "Binding.h"

namespace lora_rt::jinja {

Bound::Bound(Runtime &runtime, std::string_view function,
             std::string_view parameters, const Arguments &arguments)
    : runtime(runtime), function(function) {
  bind(parameters, arguments);
}

void Bound::bind(std::string_view parameters, const Arguments &arguments) {
  auto failWith = [&](const auto &...parts) {
    (void)runtime.fail(function, "() ", parts...);
    isFine = false;
  };
  std::vector<std::string_view> names;
  std::vector<bool> isOptional;
  bool takesNames = true;
  while (!parameters.empty()) {
    size_t end = std::min(parameters.find(' '), parameters.size());
    std::string_view name = parameters.substr(0, end);
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (name == "/") {
      takesNames = false;
      continue;
    }
    isOptional.push_back(name.ends_with('?'));
    if (isOptional.back())
      name.remove_suffix(1);
    names.push_back(name);
  }
  values.assign(std::max(names.size(), arguments.positional.size()),
                Value::missing());
  if (arguments.positional.size() > names.size())
    return failWith("takes at most ", names.size(), " arguments, but got ",
                    arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i)
    values[i] = arguments.positional[i];
  for (const auto &[name, value] : arguments.named) {
    size_t i = 0;
    while (i < names.size() && (!takesNames || names[i] != name))
      ++i;
    if (i == names.size())
      return failWith("takes no argument '", name, "'");
    if (has(i))
      return failWith("got the argument '", name, "' twice");
    values[i] = value;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (!isOptional[i] && !has(i))
      return failWith("needs the argument '", names[i], "'");
}

bool Bound::fail(size_t index, const char *wanted) {
  if (values[index].isUndefined())
    (void)runtime.failUndefined(values[index]);
  else
    (void)runtime.fail(function, "() wants ", wanted, ", but found a ",
                       typeName(values[index]));
  isFine = false;
  return false;
}

int64_t Bound::whole(size_t index, int64_t initial) {
  if (!has(index))
    return initial;
  if (!values[index].isInteger()) {
    fail(index, "a whole number");
    return initial;
  }
  return values[index].integer();
}

bool Bound::flag(size_t index, bool initial) {
  if (!has(index))
    return initial;
  bool result = runtime.isTrue(values[index]);
  isFine = isFine && !runtime.failed();
  return result;
}

std::string_view Bound::text(size_t index, std::string_view initial) {
  if (!has(index))
    return initial;
  if (!values[index].isString()) {
    fail(index, "a str");
    return initial;
  }
  return values[index].string();
}

} // namespace lora_rt::jinja
