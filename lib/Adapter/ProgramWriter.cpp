//===- ProgramWriter.cpp - A compiled file with other weights -------------===//
//
// The parts are written in the order of lora-compile. So if the weights get
// their old values again, the file has the same bytes again.
//
//===----------------------------------------------------------------------===//

#include "ProgramFile.h"
#include "lora-mlir/Import/ModelText.h"

#include <chrono>
#include <filesystem>
#include <set>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;

namespace {

class ProgramWriter {
public:
  ProgramWriter(const ProgramFile &source, const ProgramEdit &edit,
                lora_rt::PayloadWriter writer)
      : source(source), edit(edit), writer(std::move(writer)),
        manifest(source.manifest()) {}

  Error run();

private:
  Error writePack();
  Expected<std::span<const std::byte>> produce(size_t index);
  Error copyParts();
  Error addText();
  Error addExact();

  const ProgramFile &source;
  const ProgramEdit &edit;
  lora_rt::PayloadWriter writer;
  lora_rt::Manifest manifest;
  TensorBuffer plainBuffer, packedBuffer;
  std::set<std::string> edited;
};

} // namespace

/// The new bytes of a parameter.
Expected<std::span<const std::byte>> ProgramWriter::produce(size_t index) {
  const std::string &name = source.parameters()[index].name;
  if (!edit.changes(name))
    return source.packed(index);
  auto plain = source.plain(index, plainBuffer);
  if (!plain)
    return plain.takeError();
  bool again = !edited.insert(name).second;
  auto changed = edit.edit(*plain, again);
  if (!changed)
    return changed.takeError();
  return source.pack(index, *changed, packedBuffer);
}

Error ProgramWriter::writePack() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point told = Clock::now();
  uint64_t done = 0;
  if (Error error = writer.beginPart(lora_rt::packPart))
    return error;
  for (size_t i = 0; i < source.parameters().size(); ++i) {
    auto bytes = produce(i);
    if (!bytes)
      return bytes.takeError();
    auto place = writer.appendTensor(*bytes);
    if (!place)
      return place.takeError();
    if (edit.written)
      edit.written(source.key(i), *bytes);
    manifest.params[i].setPlace(*place);
    source.release(i);
    done += place->bytes;
    if (edit.progress && Clock::now() - told > std::chrono::seconds(2)) {
      told = Clock::now();
      edit.progress("wrote " + std::to_string(done >> 20) + " MiB");
    }
  }
  return writer.endPart();
}

Error ProgramWriter::copyParts() {
  for (const lora_rt::Payload::Part &part : source.parts().parts()) {
    if (part.name == lora_rt::packPart || part.name == lora_rt::adapterPart ||
        part.name == lora_rt::exactPart || part.name == lora_rt::programPart ||
        part.name == lora_rt::tokenizerPart || part.name == lora_rt::textPart ||
        part.name == lora_rt::baseTokenizerPart ||
        part.name == lora_rt::baseTextPart)
      continue;
    if (part.name == lora_rt::manifestPart) {
      if (Error error = writer.addPart(part.name, manifest.print()))
        return error;
      continue;
    }
    auto bytes = source.parts().verified(part.name);
    if (!bytes)
      return bytes.takeError();
    if (Error error = writer.addPart(part.name, *bytes))
      return error;
    if (part.name == lora_rt::codePart)
      if (Error error = addText())
        return error;
  }
  return Error::success();
}

Error ProgramWriter::addText() {
  auto base = ModelText::ofBase(source.parts());
  if (!base)
    return base.takeError();
  // A file that was compiled without text stays without it.
  std::vector<std::string> folders;
  if (!edit.adapterFolder.empty() &&
      source.parts().find(lora_rt::tokenizerPart))
    folders.push_back(edit.adapterFolder);
  auto text =
      base->withAdapters(folders, manifest.model.vocabSize, edit.progress);
  if (!text)
    return text.takeError();
  return text->addParts(writer, *base);
}

Error ProgramWriter::addExact() {
  auto path = edit.makeExact();
  if (!path)
    return path.takeError();
  auto file = lora_rt::MappedFile::open(*path);
  if (!file)
    return file.takeError();
  if (Error error = writer.beginPart(lora_rt::exactPart))
    return error;
  constexpr size_t piece = size_t(16) << 20;
  for (size_t at = 0; at < file->bytes().size(); at += piece) {
    auto bytes =
        file->bytes().subspan(at, std::min(piece, file->bytes().size() - at));
    if (Error error = writer.append(bytes))
      return error;
    lora_rt::releasePages(bytes);
  }
  return writer.endPart();
}

Error ProgramWriter::run() {
  if (Error error = writePack())
    return error;
  if (Error error = copyParts())
    return error;
  if (edit.adapter)
    if (Error error = lora_rt::addAdapterPart(writer, *edit.adapter))
      return error;
  if (edit.makeExact)
    if (Error error = addExact())
      return error;
  return writer.commit();
}

Error lora::writeProgram(const ProgramFile &source, const std::string &output,
                         const ProgramEdit &edit) {
  std::error_code code;
  if (std::filesystem::is_directory(output, code))
    return lora_rt::makeError(lora_rt::ErrorCode::InvalidArgument, output,
                              ": is a folder, but what is written is a "
                              "compiled file; give it another name");
  auto writer = lora_rt::PayloadWriter::createLike(output, source.parts());
  if (!writer)
    return writer.takeError();
  return ProgramWriter(source, edit, std::move(*writer)).run();
}
