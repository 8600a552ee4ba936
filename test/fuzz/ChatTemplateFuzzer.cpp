//===- ChatTemplateFuzzer.cpp - Any template may come ---------------------===//
//
// An input is {"template": a chat template, "variables": an object}. Whatever
// it is, the template is rendered or refused within its limits, twice in the
// same way, and what it gives is UTF-8.
//
//===----------------------------------------------------------------------===//

#include "../../runtime/text/Unicode.h"
#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/ChatTemplate.h"

#include <cstring>
#include <random>

using namespace lora_rt;

static constexpr const char *words[] = {
    "{{ x }}",
    "{%- if x -%}{%- endif -%}",
    "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
    "{% macro m(a, b=1) %}{{ caller() }}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% set ns = namespace(a=1) %}{% set ns.a = ns %}",
    "{% block b scoped %}{{ self.b() }}{% endblock %}",
    "{% filter upper %}{% endfilter %}",
    "{% with a = x %}{% endwith %}",
    "{% generation %}{% endgeneration %}",
    "{{ x|map('upper')|join }}",
    "{{ x|groupby('a')|list }}",
    "{{ x|batch(2, 1)|list }}",
    "{{ x|tojson(indent=2) }}",
    "{{ x[1:-1:2] }}",
    "{{ '%5.2f%(a)s' % x }}",
    "{{ '{0[a]:>{1}}'.format(x, 9) }}",
    "{{ x is divisibleby 3 }}",
    "{{ x.items() }}",
    "{{ x.split('a', 1) }}",
    "{% raw %}{% endraw %}",
    "{#- c -#}",
    "messages",
    "role",
    "content",
    "tools",
    "documents"};

/// Puts a word or a part of the template at some place, or takes a part out.
static std::string splice(std::string text, std::mt19937 &random) {
  auto pick = [&](size_t count) { return count ? random() % count : 0; };
  for (size_t rounds = 1 + pick(4); rounds; --rounds) {
    size_t at = pick(text.size() + 1), from = pick(text.size() + 1);
    size_t length = pick(pick(4) ? 12 : 200);
    switch (pick(3)) {
    case 0:
      text.insert(at, words[pick(std::size(words))]);
      break;
    case 1:
      text.insert(at, text.substr(from, length));
      break;
    case 2:
      text.erase(at, length);
      break;
    }
  }
  return text;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  std::mt19937 random(seed);
  fuzz::Json input =
      fuzz::parse(std::string_view(reinterpret_cast<char *>(data), size));
  if (random() % 4 != 0 && input.is_object() && input.contains("template") &&
      input["template"].is_string()) {
    input["template"] = splice(input["template"].get<std::string>(), random);
    std::string text = fuzz::print(input);
    if (text.size() <= maxSize) {
      std::memcpy(data, text.data(), text.size());
      return text.size();
    }
  }
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Json input =
      fuzz::parse(std::string_view(reinterpret_cast<const char *>(data), size));
  if (!input.is_object() || !input.contains("template") ||
      !input["template"].is_string())
    return 0;
  Expected<ChatTemplate> chat =
      ChatTemplate::parse(input["template"].get<std::string>(), "fuzz");
  if (!chat) {
    CHECK(chat.message().starts_with("fuzz: "));
    return 0;
  }
  RenderOptions options;
  options.now = 1722001507123456;
  options.maxSteps = 20'000;
  options.maxMemory = size_t(16) << 20;
  options.maxOutput = size_t(1) << 20;
  std::string variables =
      input.contains("variables") ? fuzz::print(input["variables"]) : "{}";
  Expected<std::string> text = chat->render(variables, options);
  Expected<std::string> again = chat->render(variables, options);
  CHECK(bool(text) == bool(again));
  if (!text) {
    CHECK(text.message() == again.message());
    CHECK(text.message().starts_with("fuzz: "));
    return 0;
  }
  CHECK(*text == *again && text->size() <= options.maxOutput);
  CHECK(text::validPrefix(*text) == text->size());
  return 0;
}
