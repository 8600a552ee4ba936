//===- CheckTasks.cpp - Which options go together -------------------------===//
//
// One table of the options that belong to some tasks only. What an option
// cannot do is said before anything is opened.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"

#include <algorithm>

namespace lora_rt::cli {

Error checkTasks(const Options &options) {
  using enum Task;
  auto is = [&](std::initializer_list<Task> tasks) {
    return std::find(tasks.begin(), tasks.end(), options.task) != tasks.end();
  };
  bool isEncoder = is({Embed, Classify, FillMask, Tag}),
       isText = is({Generate, Chat}), hasInput = !options.input.empty(),
       hasIds = !options.ids.empty() || !options.idsFile.empty(),
       hasPrompt = options.prompt || !options.promptFile.empty(),
       hasRequest = !options.request.logitBias.empty();
  GenerationRequest::visitOptions(
      options.request, [&](const char *, const auto &member) {
        if constexpr (requires { member.has_value(); })
          hasRequest |= member.has_value();
        else
          hasRequest |= !member.empty();
      });
  struct Rule {
    bool isGiven;
    const char *name;
    bool fits;
    const char *needs;
  };
  const Rule rules[] = {
      {options.pair.has_value(), "--pair", is({Embed, Classify, FillMask}),
       "goes with --embed, --classify or --fill-mask"},
      {options.promptName.has_value(), "--prompt-name", is({Embed}),
       "goes with --embed"},
      {options.top.has_value(), "--top", is({Classify, FillMask}),
       "goes with --classify or --fill-mask"},
      {options.groupsTags, "--group", is({Tag}), "goes with --tag"},
      {options.keepsOutside, "--outside", is({Tag}), "goes with --tag"},
      {isEncoder && hasIds, options.ids.empty() ? "--ids-file" : "--ids", false,
       "is for token ids, but --embed, --classify, --fill-mask and --tag take "
       "a text"},
      {options.generate.has_value(), "--generate", is({Ids}),
       "is for token ids; it goes with none of the tasks"},
      {!options.logits.empty(), "--logits", is({Ids}),
       "is for token ids; it goes with none of the tasks"},
      {!options.hidden.empty(), "--hidden", is({Ids}),
       "is for token ids; it goes with none of the tasks"},
      {!options.pooled.empty(), "--pooled", is({Ids}),
       "is for token ids; it goes with none of the tasks"},
      {!options.compare.empty(), "--compare", is({Ids}),
       "is for token ids; it goes with none of the tasks"},
      {options.noSpecial, "--no-special", is({Tokenize}),
       "goes with --tokenize"},
      {options.skipSpecial, "--skip-special", is({Detokenize}),
       "goes with --detokenize"},
      {options.system.has_value(), "--system", isText,
       "is for a text that is generated"},
      {hasRequest, "an option of generation", isText,
       "is for a text that is generated; --generate takes the most likely "
       "tokens"},
      {options.generation.lookup, "--lookup", isText,
       "is for a text that is generated"},
      {options.generation.truncate, "--truncate", isText || isEncoder,
       "is for texts"},
      {!options.saveState.empty(), "--save-state", isText && !hasInput,
       "is for one text that is generated"},
      {!options.loadState.empty(), "--load-state", isText,
       "is for a text that is generated"},
      {options.json, "--json",
       isEncoder || (is({Generate}) && !hasInput) || (is({Chat}) && hasPrompt),
       "goes with a prompt, or with a task of an encoder"},
      {options.request.logprobs.has_value(), "--logprobs",
       options.json || hasInput, "goes with --json or --input"},
      {hasInput, "--input", is({Generate}) || isEncoder,
       "has lines to answer; it goes with no other task"},
      {!options.output.empty(), "--output", hasInput || isEncoder,
       "goes with --input"},
  };
  for (const Rule &rule : rules)
    if (rule.isGiven && !rule.fits)
      return makeError(ErrorCode::InvalidArgument, rule.name, " ", rule.needs);
  if (int(hasInput) + int(hasIds) + int(hasPrompt) > 1 && !is({Detokenize}))
    return makeError(ErrorCode::InvalidArgument,
                     hasInput ? "--input" : "token ids", " and ",
                     hasPrompt ? "a text" : "token ids", ": give one of them");
  return Error::success();
}

} // namespace lora_rt::cli
