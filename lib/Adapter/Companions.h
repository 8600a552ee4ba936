//===- Companions.h - What lies beside the weights --------------*- C++ -*-===//
//
// A model's folder has more than weights and config.json: the tokenizer,
// generation_config.json, licences. They are copied with the modes that they
// have. A link is followed as far as the folder itself or, of a snapshot in a
// hub cache, that model's part of the cache; what else is no regular file is
// left out with a word.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_COMPANIONS_H
#define LORA_MLIR_LIB_ADAPTER_COMPANIONS_H

#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Support/StagedFolder.h"

#include <functional>
#include <vector>

namespace lora {

/// The files of a tokenizer and its chat templates. They belong together: a
/// vocabulary of one folder and added tokens of another are no tokenizer.
struct TokenizerFiles {
  std::string folder;
  /// In the folder, sorted: "tokenizer.json",
  /// "additional_chat_templates/tool_use.jinja".
  std::vector<std::string> files;

  /// Whether the vocabulary is among them.
  bool isWhole() const;
};

/// Whether a file of this name, in a folder, belongs to its tokenizer.
bool isTokenizerFile(std::string_view name);

/// The tokenizer in a folder.
lora_rt::Expected<TokenizerFiles>
findTokenizer(const std::string &folder, const Reporting &reporting = {});

/// Whether two have the same files with the same bytes.
lora_rt::Expected<bool> areSame(const TokenizerFiles &a,
                                const TokenizerFiles &b);

/// The tokenizer of a model that an adapter is merged into: the adapter's, if
/// tokens were added and it lies there, otherwise the model's. Says which.
lora_rt::Expected<TokenizerFiles> chooseTokenizer(const std::string &model,
                                                  const std::string &adapter,
                                                  const Reporting &reporting);

/// Whether the tokenizer of `merged` came from `adapter`, so that the original
/// model's is not known from it.
lora_rt::Expected<bool> isFromAdapter(const TokenizerFiles &merged,
                                      const std::string &adapter);

/// The tokenizer that adapters have in common, for one that is made of them;
/// none, with a warning, if two have different ones.
lora_rt::Expected<TokenizerFiles>
commonTokenizer(const std::vector<std::string> &adapters,
                const Reporting &reporting);

lora_rt::Error copyTokenizer(const StagedFolder &folder,
                             const TokenizerFiles &tokenizer);

/// Copies what a model folder has beside weights, config.json and the
/// tokenizer.
lora_rt::Error copyCompanions(const StagedFolder &folder,
                              const std::string &source,
                              const Reporting &reporting);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_COMPANIONS_H
