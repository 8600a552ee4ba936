//===- ChatTemplateTest.cpp - Prompts as transformers makes them ----------===//
//
// tools/dev/record_chat_templates.py records what transformers' function
// apply_chat_template gives. The other tests are for what it does not have:
// limits, and messages that name the template, the line and what is wrong.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/ChatTemplate.h"
#include "Records.h"

#include <thread>

using namespace lora_rt;
using records::Json;

namespace {

const char *const hello =
    R"({"messages": [{"role": "user", "content": "Hi"}]})";

/// The prompt, or what is wrong after "error: ".
std::string render(const std::string &source,
                   const std::string &variables = hello,
                   const RenderOptions &options = {}) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(source, "t.jinja");
  if (!chat)
    return "error: " + chat.message();
  Expected<std::string> text = chat->render(variables, options);
  return text ? *text : "error: " + text.message();
}

void compare(const std::string &source, const std::string &variables,
             const Json &expected, const RenderOptions &options) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(source, "t.jinja");
  Expected<std::string> text =
      chat ? chat->render(variables, options) : chat.takeError();
  if (!expected.is_string()) {
    EXPECT_FALSE(text) << source << "\ngave " << *text;
    if (!text) {
      bool hasPlace = text.message().starts_with("t.jinja: line ") ||
                      text.message().starts_with("t.jinja: the variables: ");
      EXPECT_TRUE(hasPlace) << text.message();
    }
    return;
  }
  ASSERT_TRUE(text) << source << "\n" << text.message();
  EXPECT_EQ(*text, expected.get<std::string>()) << source;
}

TEST(ChatTemplateTest, ConversationsAreThoseOfTransformers) {
  Json record = records::read("../chat-templates");
  RenderOptions options;
  options.now = record["now"].get<int64_t>();
  setenv("TZ", "UTC", 1);
  size_t count = 0;
  for (const auto &[name, one] : record["templates"].items())
    for (size_t i = 0; i < one["texts"].size(); ++i, ++count) {
      SCOPED_TRACE(name + ", conversation " + std::to_string(i));
      compare(one["source"].get<std::string>(),
              record["conversations"][i].get<std::string>(), one["texts"][i],
              options);
    }
  EXPECT_GT(count, 150u);
}

TEST(ChatTemplateTest, ConstructsAreThoseOfJinja) {
  Json record = records::read("../chat-templates");
  RenderOptions options;
  options.now = record["now"].get<int64_t>();
  setenv("TZ", "UTC", 1);
  for (const Json &one : record["snippets"])
    compare(one[0].get<std::string>(), record["variables"].get<std::string>(),
            one[1], options);
  EXPECT_GT(record["snippets"].size(), 1000u);
}

TEST(ChatTemplateTest, VariablesThatATemplateUses) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(
      "{% macro f(documents) %}{{ documents }}{% endmacro %}{% set a = 1 %}"
      "{{ a }}{% for m in messages if tools %}{{ m.thinking }}{% endfor %}"
      "{{ range(2) }}",
      "t.jinja");
  ASSERT_TRUE(chat) << chat.message();
  for (const char *name : {"messages", "tools"})
    EXPECT_TRUE(chat->uses(name)) << name;
  for (const char *name : {"documents", "a", "m", "thinking", "range", "f"})
    EXPECT_FALSE(chat->uses(name)) << name;
}

TEST(ChatTemplateTest, MessagesNameThePlaceAndTheThing) {
  EXPECT_EQ(render("a\n\n{{ raise_exception('Only ' ~ 2 ~ ' roles') }}"),
            "error: t.jinja: line 3: Only 2 roles");
  EXPECT_EQ(render("a\n{{ x|nope }}"),
            "error: t.jinja: line 2: no filter named 'nope'");
  EXPECT_EQ(render("{% if x is nope %}{% endif %}"),
            "error: t.jinja: line 1: no test named 'nope'");
  EXPECT_EQ(render("\n{{ nothing.here }}"),
            "error: t.jinja: line 2: 'nothing' is undefined");
  EXPECT_EQ(render("{{ messages.role.x }}"),
            "error: t.jinja: line 1: a list has no attribute 'role'");
  EXPECT_EQ(render("{{ messages[0].content() }}"),
            "error: t.jinja: line 1: a str cannot be called");
  EXPECT_EQ(render("{% for x in y %}\n{{ 1 }}"),
            "error: t.jinja: line 2: the template ends inside of a tag; "
            "expected the end 'endfor' or 'else' of 'for'");
  EXPECT_EQ(render("{% if 1 %}\n{% endfor %}"),
            "error: t.jinja: line 2: unknown tag 'endfor'; expected the end "
            "'elif' or 'else' or 'endif' of 'if'");
  EXPECT_EQ(render("{{ [].append(1) }}"),
            "error: t.jinja: line 1: access to the attribute 'append' of a "
            "list is not safe, because it changes it");
  EXPECT_EQ(render("{% include 'x' %}"),
            "error: t.jinja: line 1: 'include' needs another template, but a "
            "chat template has no others");
  EXPECT_EQ(render("{{ 9223372036854775807 + 1 }}"),
            "error: t.jinja: line 1: a whole number does not fit 64 bits");
  EXPECT_EQ(render("{{ 9223372036854775808 }}"),
            "error: t.jinja: line 1: the number 9223372036854775808 does not "
            "fit 64 bits");
  EXPECT_EQ(render("{{ 2 * 'x' * 3 - 1 }}"),
            "error: t.jinja: line 1: the operator - does not work for str and "
            "int");
  EXPECT_EQ(render("{{ messages[0].items }}"),
            "error: t.jinja: line 1: a builtin_function_or_method cannot be "
            "printed; is a call () missing?");
  EXPECT_EQ(render("{{ 'a'|wordwrap }}"),
            "error: t.jinja: line 1: the filter 'wordwrap' is not supported: "
            "wrap the lines before");
}

TEST(ChatTemplateTest, VariablesAreChecked) {
  auto error = [](const std::string &variables) {
    return render("x", variables);
  };
  EXPECT_EQ(error("[]"),
            "error: t.jinja: the variables: expected a JSON object");
  EXPECT_EQ(error("{}"), "error: t.jinja: the variables: expected a list of "
                         "JSON objects for 'messages'");
  EXPECT_EQ(error(R"({"messages": []})"),
            "error: t.jinja: the variables: expected at least one message in "
            "'messages'");
  EXPECT_EQ(error(R"({"messages": ["a"]})"),
            "error: t.jinja: the variables: expected a list of JSON objects "
            "for 'messages'");
  EXPECT_EQ(error(R"({"messages": [{}], "tools": {}})"),
            "error: t.jinja: the variables: expected a list of JSON objects "
            "for 'tools'");
  EXPECT_EQ(error(R"({"messages": [{"n": 18446744073709551615}]})"),
            "error: t.jinja: the variables: the whole number "
            "18446744073709551615 does not fit 64 bits");
  EXPECT_NE(error(R"({"messages": [{}], "messages": [{}]})").find("twice"),
            std::string::npos);
  EXPECT_NE(error("{").find("not valid JSON"), std::string::npos);
  EXPECT_EQ(error(R"({"messages": [{"role": "user"}],
                      "continue_final_message": true})"),
            "error: t.jinja: the variables: the final message has no 'content' "
            "to continue");
  EXPECT_EQ(error(R"({"messages": [{"content": "a"}],
                      "continue_final_message": true})"),
            "error: t.jinja: the variables: the template does not use "
            "'content' of a message");
  EXPECT_EQ(render("{{ messages[0].content|truncate(3) }}",
                   R"({"messages": [{"content": "a b c d e f g h i"}],
                       "continue_final_message": true})"),
            "error: t.jinja: the variables: the template leaves out the final "
            "message, or a part of it, which cannot be continued so");
  EXPECT_EQ(render("\xff"), "error: t.jinja: not valid UTF-8 at byte 0");
}

/// Numbers that Unicode gives the category of letters.
TEST(ChatTemplateTest, IdeographsThatAreNumbers) {
  EXPECT_EQ(render("{{ '一二'.isnumeric() }} {{ '㐅九億零𠀁'.isnumeric() "
                   "}} {{ '百½3'.isnumeric() }}"),
            "True True True");
  EXPECT_EQ(render("{{ '汉'.isnumeric() }} {{ '丁'.isnumeric() }} "
                   "{{ '一'.isdigit() }} {{ '一'.isdecimal() }}"),
            "False False False False");
}

TEST(ChatTemplateTest, TimeIsBounded) {
  RenderOptions options;
  options.maxSteps = 200'000;
  auto error = [&](const std::string &source) {
    return render(source, hello, options);
  };
  const std::string tooMany = "error: t.jinja: line 1: the template takes more "
                              "than 200000 steps; does it loop for ever?";
  EXPECT_EQ(error("{% for a in range(9999) %}{% for b in range(9999) %}"
                  "{% endfor %}{% endfor %}"),
            tooMany);
  EXPECT_EQ(error("{% for a in range(99999) %}{{ 'a' * 999 }}{% endfor %}"),
            tooMany);
  EXPECT_EQ(error("{{ range(99999)|map('string')|map('upper')|join }}"),
            tooMany);
  const std::string tooLarge =
      "error: t.jinja: line 1: the template takes more than 200000 steps, "
      "because it makes a text or a list that is too large; does one double in "
      "a loop?";
  EXPECT_EQ(error("{{ (range(99999)|list * 9)|sort }}"), tooLarge);
  EXPECT_EQ(error("{% set ns = namespace(s='x') %}{% for a in range(60) %}"
                  "{% set ns.s = ns.s ~ ns.s %}{% endfor %}"),
            tooLarge);
  EXPECT_EQ(error("{% set ns = namespace(l=[1]) %}{% for a in range(99) %}"
                  "{% set ns.l = ns.l + ns.l %}{% endfor %}"),
            tooLarge);
  EXPECT_EQ(render("{{ range(100001) }}"),
            "error: t.jinja: line 1: range() gives at most 100000 numbers");
  EXPECT_EQ(
      render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
      "error: t.jinja: line 1: more than 190 calls in one another; does a "
      "macro call itself for ever?");
}

TEST(ChatTemplateTest, TimeIsLinearInTexts) {
  // Searches that compare at each place would take minutes here.
  EXPECT_EQ(render("{% set a = 'a' * 400000 %}{% set b = 'a' * 200000 ~ 'b' %}"
                   "{% set c = 'b' ~ 'a' * 200000 %}"
                   "{{ b in a }}{{ a.find(b) }}{{ a.rfind(c) }}{{ a.count(b) }}"
                   "{{ a.split(b)|length }}{{ a.rsplit(c)|length }}"
                   "{{ a.replace(b, '')|length }}{{ a.partition(b)[2] }}"
                   "{{ a.rsplit('a' * 40)|length }}"),
            "False-1-101140000010001");
  std::string variables, conditions;
  for (int i = 10'000; i < 22'000; ++i) {
    variables += "{% set a" + std::to_string(i) + "=1 %}";
    conditions += "{% if a %}b{% endif %}";
  }
  EXPECT_EQ(render(variables + conditions),
            "error: t.jinja: the template has too many variables and "
            "conditions");
}

TEST(ChatTemplateTest, MemoryAndOutputAreBounded) {
  RenderOptions options;
  options.maxMemory = 1 << 20;
  options.maxOutput = 5000;
  const std::string tooLarge = "error: t.jinja: line 1: the template needs "
                               "more than 1048576 bytes of memory";
  for (const char *expression :
       {"'x' * 10 ** 12", "[1] * 10 ** 12", "'x'|center(10 ** 12)",
        "'%1000000d' % 1 * 9", "'x'.ljust(10 ** 15)", "('x' * 9999) * 9999",
        "'x'.zfill(10 ** 15)", "'a\\tb'.expandtabs(10 ** 12)",
        "'x'|indent(10 ** 12, true)", "range(99999)|list|tojson(indent=900)",
        "('a' * 9999).replace('a', 'a' * 9999)", "'{:9999999}'.format(1)",
        "[1]|batch(10 ** 12, 0)|list", "('x' * 99999)|list",
        "['x' * 99999]|map('center', 10 ** 9)|list", "range(99999)|list",
        "(('x' * 9999) ~ ',') * 999", "('a' * 9999)|replace('', 'b' * 9999)",
        "('b' * 999999).join('aaa')"})
    EXPECT_EQ(
        render("{% set x = " + std::string(expression) + " %}", hello, options),
        tooLarge)
        << expression;
  EXPECT_EQ(
      render("{% for a in range(9999) %}{{ a }}{% endfor %}", hello, options),
      "error: t.jinja: line 1: the template writes more than 5000 bytes");
  EXPECT_EQ(render("{% set ns = namespace(s='x') %}{% for a in range(99) %}"
                   "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
                   hello, options),
            tooLarge);
  // A replacement is refused before it is made, which would take more steps.
  options.maxSteps = 10'000;
  EXPECT_EQ(
      render("{{ ('a' * 9999)|replace('a', 'b' * 9999) }}", hello, options),
      tooLarge);
  EXPECT_EQ(render("{{ ('a' * 9999)|replace('', 'b' * 9999, 9000) }}", hello,
                   options),
            tooLarge);
  // A text that grows has its old and its new place at one time.
  options.maxSteps = 50'000'000;
  for (const char *expression :
       {"(['a' * 1000] * 900)|join", "('a\\n' * 900)|indent('b' * 1000)",
        "('a\\t' * 900).expandtabs(1000)", "('&' * 200000)|e",
        "('&' * 200000)|forceescape", "('&' * 200000)|urlencode",
        "['\\x01' * 150000]|string", "['\\x01' * 150000]|tojson"})
    EXPECT_EQ(
        render("{% set x = " + std::string(expression) + " %}", hello, options),
        tooLarge)
        << expression;
  EXPECT_EQ(render("{{ 'aéa'.replace('', '-', 3) ~ 'aéa'.replace('', '-') ~ "
                   "'aéa'|replace('a', 'bb', 1) ~ 'aaa'.replace('aa', '') }}"),
            "-a-é-a-a-é-a-bbéaa");
}

TEST(ChatTemplateTest, DepthIsBounded) {
  auto repeat = [](const std::string &text, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i)
      out += text;
    return out;
  };
  auto fails = [](const std::string &source, const std::string &part) {
    std::string message = render(source);
    EXPECT_NE(message.find(part), std::string::npos) << message.substr(0, 200);
  };
  size_t many = 30'000;
  fails("{{ " + repeat("(", 100'000), "more than 100 expressions");
  fails("{{ " + repeat("[", many), "more than 100 expressions");
  fails("{{ " + repeat("{1:", many), "more than 100 expressions");
  fails("{{ " + repeat("-", many) + "1 }}", "more than 100 expressions");
  fails("{{ " + repeat("not ", many) + "1 }}", "more than 100 expressions");
  fails("{{ 1" + repeat(" if 1 else 1", many) + " }}",
        "more than 100 expressions");
  fails("{{ 1" + repeat(" + 1", many) + " }}", "more than 250 operators");
  fails("{{ x" + repeat(".a", many) + " }}", "more than 250 operators");
  fails("{{ x" + repeat("|e", many) + " }}", "more than 250 operators");
  fails("{{ x" + repeat("()", many) + " }}", "more than 250 operators");
  fails(repeat("{% if 1 %}", many), "more than 98 tags");
  fails(repeat("{% for a in b %}", many), "more than 98 tags");
  EXPECT_EQ(render("{{ 1" + repeat(" + 1", 200) + " }}"), "201");
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", many) +
                   "{% else %}x{% endif %}"),
            "x");
  // A call inside of deep expressions and tags.
  fails("{% macro f() %}" + repeat("{% if 1 %}", 90) + "{{ " + repeat("[", 90) +
            "f()" + repeat("]", 90) + " }}" + repeat("{% endif %}", 90) +
            "{% endmacro %}{{ f() }}",
        "more than 1000 tags and expressions");
  // Values that a loop makes one inside of the other.
  const std::string deep = "{% set ns = namespace(x=[]) %}{% for a in "
                           "range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}";
  EXPECT_EQ(render(deep), "");
  fails(deep + "{{ ns.x }}", "too deep to print");
  fails(deep + "{{ ns.x|tojson }}", "too deep for tojson()");
  fails(deep + "{{ ns.x == [ns.x] }}", "too deep to compare");
  fails("{% set ns = namespace(x=[1]) %}{% for a in range(99999) %}"
        "{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}",
        "more than 190 calls");
  const std::string chain =
      "{% set ns = namespace(x=1) %}{% for a in range(99999) %}"
      "{% set ns.x = namespace(next=ns.x) %}{% endfor %}";
  EXPECT_EQ(render(chain), "");
}

TEST(ChatTemplateTest, CyclesAreFreed) {
  // The sanitized build would find what is not freed.
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.me = ns %}"
                   "{% for x in [1] recursive %}{% set ns.loop = loop %}"
                   "{% if loop.changed(loop) %}{% endif %}{% endfor %}"
                   "{% macro f() %}{{ f }}{% endmacro %}{% set ns.f = f %}"
                   "{% set ns.g = [1]|map('default', ns) %}"
                   "{% block b scoped %}{% macro g() %}{{ ns }}{% endmacro %}"
                   "{% set ns.h = g %}{% endblock %}{{ ns.f() }}"),
            "<Macro 'f'>");
}

TEST(ChatTemplateTest, ManyThreadsShareATemplate) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(
      "{% for m in messages %}{{ 'é' ~ m.role[::-1] }}{% endfor %}", "t");
  ASSERT_TRUE(chat) << chat.message();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        Expected<std::string> text = chat->render(hello);
        ASSERT_TRUE(text);
        ASSERT_EQ(*text, "éresu");
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(ChatTemplateTest, TheTimeOfTheCall) {
  std::time_t before = std::time(nullptr);
  std::string shown = render("{{ strftime_now('%s') }}");
  EXPECT_GE(std::atoll(shown.c_str()), int64_t(before));
  EXPECT_LE(std::atoll(shown.c_str()), int64_t(std::time(nullptr)));
}

} // namespace
