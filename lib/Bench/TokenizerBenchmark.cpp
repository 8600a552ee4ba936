//===- TokenizerBenchmark.cpp - How fast texts become ids -----------------===//
//
// Our tokenizer runs in this process, the other one in a process of its own
// that answers requests (tools/lora-bench/peers/tokenizers_peer.py). They take
// turns.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/TokenizerBenchmark.h"
#include "BenchmarkRun.h"
#include "SampleText.h"
#include "Table.h"
#include "lora-mlir/Bench/Statistics.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"
#include "lora-runtime/Tokenizer.h"

#include <cstring>
#include <ctime>

using namespace lora::bench;
using namespace lora_rt;

namespace {

constexpr uint64_t maxTextBytes = uint64_t(1) << 30;

double processorSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Calls a function that returns an Expected; adds its time to `times`.
template <typename Call> auto timed(std::vector<double> &times, Call call) {
  double start = processorSeconds();
  auto result = call();
  times.push_back(processorSeconds() - start);
  return result;
}

Expected<Tokenizer> readTokenizer(const std::string &path) {
  if (!isFile(path))
    return Tokenizer::load(path);
  Expected<std::string> bytes = readTextFile(path, maxTextBytes);
  if (!bytes)
    return bytes.takeError();
  return path.ends_with(".model") ? Tokenizer::fromSentencePiece(*bytes, path)
                                  : Tokenizer::fromJson(*bytes, path);
}

class Run {
public:
  explicit Run(const TokenizerOptions &options) : options(options) {}

  Expected<TokenizerResults> measure() {
    results.command = options.command;
    results.time = timeText();
    results.tokenizer = options.tokenizer;
    progress("reading " + options.tokenizer);
    Expected<Tokenizer> tokenizer =
        timed(results.load, [&] { return readTokenizer(options.tokenizer); });
    if (!tokenizer)
      return tokenizer.takeError();
    results.ids = tokenizer->idLimit();
    if (Error error = measureOpening(*tokenizer))
      return error;
    Expected<WorkFolder> work = WorkFolder::create("", /*keeps=*/false);
    if (!work)
      return work.takeError();
    if (options.peers)
      startPeer(*work / "log-tokenizers.txt");
    Expected<std::vector<std::pair<std::string, std::string>>> texts =
        readTexts();
    if (!texts)
      return texts.takeError();
    for (auto &[name, text] : *texts)
      if (Error error = measureText(*tokenizer, name, text, *work / "text.txt"))
        return error;
    return std::move(results);
  }

private:
  const TokenizerOptions &options;
  TokenizerResults results;
  std::unique_ptr<Worker> peer;

  void progress(const std::string &text) {
    if (options.progress)
      options.progress(text);
  }

  Error measureOpening(const Tokenizer &tokenizer) {
    std::string bytes = tokenizer.store();
    results.storedBytes = bytes.size();
    // In a compiled file, it is at a multiple of 8.
    std::vector<uint64_t> words((bytes.size() + 7) / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    std::span<const std::byte> view = {
        reinterpret_cast<const std::byte *>(words.data()), bytes.size()};
    for (int i = 0; i < 20; ++i) {
      Expected<Tokenizer> opened = timed(results.open, [&] {
        return Tokenizer::fromStored(view, options.tokenizer);
      });
      if (!opened)
        return opened.takeError();
    }
    return Error::success();
  }

  void startPeer(const std::string &log) {
    progress("starting the Python package tokenizers");
    Expected<std::unique_ptr<Worker>> started = Worker::start(
        {options.python,
         programFolder() + "/../share/lora-mlir/peers/tokenizers_peer.py",
         options.tokenizer},
        log);
    if (!started) {
      results.notes.push_back("without tokenizers: " + started.message());
      return;
    }
    peer = std::move(*started);
    if (auto seconds = peer->description().find("load_seconds");
        seconds != peer->description().end() && seconds->is_number())
      results.peerLoad.push_back(seconds->get<double>());
  }

  Expected<std::vector<std::pair<std::string, std::string>>> readTexts() {
    std::vector<std::pair<std::string, std::string>> texts;
    if (options.textFile.empty()) {
      texts = longTexts(options.bytes);
      texts.insert(texts.begin(), {"made-up text", sampleText(options.bytes)});
      return texts;
    }
    Expected<std::string> text = readTextFile(options.textFile, maxTextBytes);
    if (!text)
      return text.takeError();
    if (text->empty())
      return makeError(ErrorCode::InvalidArgument, options.textFile,
                       ": an empty text cannot be measured");
    texts.emplace_back(options.textFile, std::move(*text));
    return texts;
  }

  Error measureText(const Tokenizer &tokenizer, const std::string &name,
                    const std::string &text, const std::string &file) {
    TokenizerText &result = results.texts.emplace_back();
    result.name = name;
    result.bytes = text.size();
    if (peer)
      if (Error error = writeTextFile(file, text))
        return error;
    for (int round = 0; round < options.repetitions; ++round) {
      progress(name + ": round " + std::to_string(round + 1) + " of " +
               std::to_string(options.repetitions));
      Expected<TextEncoding> encoding =
          timed(result.ours.encode, [&] { return tokenizer.encode(text); });
      if (!encoding)
        return encoding.takeError();
      result.ours.tokens = encoding->ids.size();
      Expected<std::string> decoded = timed(
          result.ours.decode, [&] { return tokenizer.decode(encoding->ids); });
      if (!decoded)
        return decoded.takeError();
      if (peer)
        askPeer(result, file);
    }
    return Error::success();
  }

  /// A peer that fails is left out from then on.
  void askPeer(TokenizerText &result, const std::string &file) {
    Expected<Json> answer = peer->request({{"do", "tokenize"}, {"file", file}});
    if (!answer) {
      results.notes.push_back("tokenizers, " + result.name + ": " +
                              answer.message());
      peer.reset();
      return;
    }
    result.peer.tokens = answer->value("tokens", uint64_t(0));
    result.peer.encode.push_back(answer->value("encode_seconds", 0.0));
    result.peer.decode.push_back(answer->value("decode_seconds", 0.0));
    if (result.peer.tokens != result.ours.tokens &&
        result.peer.encode.size() == 1)
      results.notes.push_back(
          result.name + ": " + std::to_string(result.ours.tokens) +
          " tokens here, " + std::to_string(result.peer.tokens) +
          " by tokenizers");
  }
};

double least(const std::vector<double> &values) {
  return summarize(values).least;
}

std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

OrderedJson timesJson(const std::vector<double> &seconds) {
  return {{"least", least(seconds)}, {"rounds", seconds}};
}

} // namespace

Expected<TokenizerResults>
lora::bench::measureTokenizer(const TokenizerOptions &options) {
  return Run(options).measure();
}

std::string lora::bench::toText(const TokenizerResults &results) {
  std::string text = "tokenizer  " + results.tokenizer + ", " +
                     std::to_string(results.ids) + " ids\n";
  text += "load       " + format("%.1f ms", 1e3 * least(results.load));
  if (!results.peerLoad.empty())
    text += format(", tokenizers %.1f ms", 1e3 * least(results.peerLoad)) +
            format(" (%.2f x)", least(results.peerLoad) / least(results.load));
  text += "\nopen       " + format("%.0f us", 1e6 * least(results.open)) +
          " in a compiled file, where it has " +
          format("%.1f MB", double(results.storedBytes) / 1e6) + "\n\n";
  Table table("one thread, MB/s");
  bool hasPeer = false;
  for (const TokenizerText &one : results.texts)
    hasPeer |= !one.peer.encode.empty();
  for (const char *task : {"encode", "decode"}) {
    table.addColumn(task);
    if (hasPeer) {
      table.addColumn(std::string("tokenizers ") + task);
      table.addColumn(std::string(task) + " ratio");
    }
  }
  for (const TokenizerText &one : results.texts) {
    table.addRow(one.name + ", " +
                 format("%.1f MB, ", double(one.bytes) / 1e6) +
                 std::to_string(one.ours.tokens) + " tokens");
    auto set = [&](const std::string &task, const std::vector<double> &ours,
                   const std::vector<double> &peer) {
      double megabytes = double(one.bytes) / 1e6;
      table.set(task, format("%.1f", megabytes / least(ours)));
      if (peer.empty())
        return;
      table.set("tokenizers " + task, format("%.1f", megabytes / least(peer)));
      table.set(task + " ratio", format("%.1f x", least(peer) / least(ours)));
    };
    set("encode", one.ours.encode, one.peer.encode);
    set("decode", one.ours.decode, one.peer.decode);
  }
  text += table.text();
  for (const std::string &note : results.notes)
    text += "note: " + note + "\n";
  return text;
}

std::string lora::bench::toJson(const TokenizerResults &results) {
  OrderedJson texts = OrderedJson::array();
  auto program = [](const TokenizerTimes &times) -> OrderedJson {
    return {{"tokens", times.tokens},
            {"encode_seconds", timesJson(times.encode)},
            {"decode_seconds", timesJson(times.decode)}};
  };
  for (const TokenizerText &one : results.texts) {
    texts.push_back({{"name", one.name},
                     {"bytes", one.bytes},
                     {"ours", program(one.ours)}});
    if (!one.peer.encode.empty())
      texts.back()["tokenizers"] = program(one.peer);
  }
  OrderedJson json = {{"version", 1},
                      {"command", results.command},
                      {"time", results.time},
                      {"tokenizer", results.tokenizer},
                      {"ids", results.ids},
                      {"load_seconds", timesJson(results.load)},
                      {"open_seconds", timesJson(results.open)},
                      {"stored_bytes", results.storedBytes}};
  if (!results.peerLoad.empty())
    json["tokenizers_load_seconds"] = timesJson(results.peerLoad);
  json["texts"] = std::move(texts);
  json["notes"] = results.notes;
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}
