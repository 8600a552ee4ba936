//===- Companions.h - The other files of a model folder ---------*- C++ -*-===//
//
// A model's folder has more than weights and config.json: the tokenizer,
// generation_config.json, licences. They are copied with their permissions. A
// link is followed only inside the folder or, for a snapshot in a hub cache,
// inside the model's part of the cache. Anything else that is not a regular
// file is left out and reported.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_COMPANIONS_H
#define LORA_MLIR_LIB_ADAPTER_COMPANIONS_H

#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Support/StagedFolder.h"

#include <functional>
#include <vector>

namespace lora {

/// The files of a tokenizer and its chat templates. They belong together: the
/// vocabulary of one folder and the added tokens of another do not make a
/// tokenizer.
struct TokenizerFiles {
  std::string folder;
  /// Paths in the folder, sorted: "tokenizer.json",
  /// "additional_chat_templates/tool_use.jinja".
  std::vector<std::string> files;

  /// Whether the vocabulary is among the files.
  bool isWhole() const;
};

/// Whether a file of this name belongs to the tokenizer of its folder.
bool isTokenizerFile(std::string_view name);

/// Finds the tokenizer of a folder.
lora_rt::Expected<TokenizerFiles>
findTokenizer(const std::string &folder, const Reporting &reporting = {});

/// Whether two tokenizers have the same files with the same bytes.
lora_rt::Expected<bool> areSame(const TokenizerFiles &a,
                                const TokenizerFiles &b);

/// The tokenizer for a model that an adapter is merged into: the adapter's, if
/// it has one and tokens were added; otherwise the model's. Reports which one
/// it is.
lora_rt::Expected<TokenizerFiles> chooseTokenizer(const std::string &model,
                                                  const std::string &adapter,
                                                  const Reporting &reporting);

/// Whether the tokenizer of `merged` is the one of `adapter`. The original
/// model's tokenizer is then not known.
lora_rt::Expected<bool> isFromAdapter(const TokenizerFiles &merged,
                                      const std::string &adapter);

/// Warns that an adapter's tokenizer is copied from `merged`, because that of
/// the original model is missing; `remedy` says where the user can get it.
void warnOfAdaptersTokenizer(const std::string &merged,
                             const std::string &adapter,
                             const std::string &remedy,
                             const Reporting &reporting);

/// The tokenizer that the adapters share, for an adapter that is made from
/// them. None, with a warning, if two of them have different ones.
lora_rt::Expected<TokenizerFiles>
commonTokenizer(const std::vector<std::string> &adapters,
                const Reporting &reporting);

lora_rt::Error copyTokenizer(const StagedFolder &folder,
                             const TokenizerFiles &tokenizer);

/// Copies the files of a model folder besides weights, config.json and the
/// tokenizer.
lora_rt::Error copyCompanions(const StagedFolder &folder,
                              const std::string &source,
                              const Reporting &reporting);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_COMPANIONS_H
