//===- FolderTest.cpp - What users give as a folder -----------------------===//
//
// findFolder and its errors for paths that users really give: hub names, cache
// entries, half downloads, folders of another kind.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Folder.h"
#include "TestFiles.h"
#include "lora-runtime/Checkpoint.h"

#include <gtest/gtest.h>

using namespace lora_rt;
namespace fs = std::filesystem;

namespace {

class Folder : public ::testing::Test {
protected:
  void make(const std::string &name) const {
    fs::create_directories(folder.path(name));
  }
  void write(const std::string &name, const std::string &text) const {
    fs::create_directories(fs::path(folder.path(name)).parent_path());
    folder.write(name, text);
  }
  /// Checks the part of the message after the path with which it begins.
  static void expectMessage(const std::string &message, const std::string &path,
                            const std::string &rest) {
    EXPECT_EQ(message.find(path + ": "), 0u) << message;
    EXPECT_NE(message.find(rest), std::string::npos)
        << message << "\nexpected: " << rest;
  }
  void expectNone(const std::string &name, const std::string &rest,
                  FolderKind kind = FolderKind::Model) const {
    Expected<std::string> found = findFolder(folder.path(name), kind);
    ASSERT_FALSE(found) << *found;
    expectMessage(found.message(), folder.path(name), rest);
  }
  void expectWeights(const std::string &name, const std::string &rest,
                     const std::string &stem = "model") const {
    Expected<Checkpoint> opened = Checkpoint::open(folder.path(name), stem);
    ASSERT_FALSE(opened);
    expectMessage(opened.message(), folder.path(name), rest);
  }

  TestFolder folder;
};

} // namespace

TEST_F(Folder, IsTakenAsItIs) {
  make("m");
  Expected<std::string> found = findFolder(folder.path("m"), FolderKind::Model);
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(*found, folder.path("m"));
  // It is not an entry of a cache, although it looks like one.
  make("m/snapshots");
  write("m/config.json", "{}");
  EXPECT_EQ(*findFolder(folder.path("m"), FolderKind::Model), folder.path("m"));
}

TEST_F(Folder, IsNotThere) {
  expectNone("none", "there is no such folder");
  fs::create_symlink("nowhere", folder.path("link"));
  expectNone("link", "a link to something that is not there");
}

TEST_F(Folder, NamesOfTheHubAreNotLookedUp) {
  setenv("HF_HUB_CACHE", folder.path("cache").c_str(), 1);
  for (const char *name : {"Qwen/Qwen3-0.6B", "gpt2-no-such-folder"}) {
    Expected<std::string> found = findFolder(name, FolderKind::Model);
    ASSERT_FALSE(found);
    expectMessage(found.message(), name,
                  "nothing is downloaded, fetch it with 'hf download " +
                      std::string(name) + " --local-dir DIR' and give DIR");
  }
  std::string entry = "cache/models--Qwen--Qwen3-0.6B";
  make(entry + "/snapshots/abc");
  Expected<std::string> found =
      findFolder("Qwen/Qwen3-0.6B", FolderKind::Model);
  ASSERT_FALSE(found);
  expectMessage(found.message(), "Qwen/Qwen3-0.6B",
                "was fetched before: give " + folder.path(entry));
  unsetenv("HF_HUB_CACHE");
  // A path, not a name.
  for (const char *path : {"./a/b", "/a/b", "a/b/c", "a b/c", "a/"}) {
    found = findFolder(path, FolderKind::Model);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.message().find("hf download"), std::string::npos) << path;
  }
}

TEST_F(Folder, EntriesOfTheHubsCache) {
  std::string entry = "models--a--b", root = folder.path(entry);
  write(entry + "/snapshots/one/config.json", "{}");
  write(entry + "/snapshots/two/config.json", "{}");
  expectNone(entry, "without refs/main, which would say which snapshot is "
                    "meant; of its snapshots 'one', 'two' give one, as " +
                        root + "/snapshots/one");
  write(entry + "/refs/main", "two\n");
  Expected<std::string> found = findFolder(root, FolderKind::Model);
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(*found, root + "/snapshots/two");
  for (const char *name : {"three", "../../etc", "", "..", "one/"}) {
    write(entry + "/refs/main", name);
    Expected<std::string> none = findFolder(root, FolderKind::Model);
    ASSERT_FALSE(none) << name;
  }
  write(entry + "/refs/main", "three");
  Expected<std::string> none = findFolder(root, FolderKind::Model);
  expectMessage(none.message(), root + "/refs/main",
                "names the snapshot 'three', which is not there; of its "
                "snapshots 'one', 'two' give one");
  // The folder of the cache itself.
  expectMessage(missingConfig(folder.root(), FolderKind::Model).message(),
                folder.root(),
                "models are in folders inside of it, 'models--a--b': give one "
                "of them");
}

TEST_F(Folder, SnapshotsWhoseFilesAreGone) {
  std::string entry = "models--a--b", root = folder.path(entry);
  write(entry + "/refs/main", "one");
  make(entry + "/snapshots/one");
  write(entry + "/snapshots/one/config.json", "{}");
  fs::create_symlink("../../blobs/x",
                     root + "/snapshots/one/model.safetensors");
  Expected<Checkpoint> opened = Checkpoint::open(root);
  ASSERT_FALSE(opened);
  expectMessage(opened.message(), root + "/snapshots/one",
                "model.safetensors is a link to something that is not there; "
                "the download is not complete");
}

TEST_F(Folder, OfAnotherKind) {
  write("adapter/adapter_config.json",
        R"({"peft_type": "LORA", "base_model_name_or_path": "org/base"})");
  expectWeights("adapter", "no config.json is there; this is a PEFT adapter, "
                           "give the folder of its base model (it says "
                           "'org/base')");
  write("model/config.json", "{}");
  expectWeights("model",
                "no adapter_config.json is there; this is a model, "
                "not an adapter",
                "adapter_model");
  write("runs/checkpoint-7/config.json", "{}");
  write("runs/other/x", "");
  expectWeights("runs", "models are in folders inside of it, 'checkpoint-7': "
                        "give one of them, as " +
                            folder.path("runs/checkpoint-7"));
  make("empty");
  expectWeights("empty", "the folder is empty");
  write("gguf/x-Q4.gguf", "GGUF");
  expectWeights("gguf", "x-Q4.gguf is a file of llama.cpp, which is not read");
  write("text/notes.txt", "");
  expectWeights("text", "expected the folder of a Hugging Face model, but this "
                        "one holds 'notes.txt'");
}

TEST_F(Folder, Files) {
  write("m/config.json", "{}");
  write("m/model.safetensors", "x");
  for (const char *name : {"m/config.json", "m/model.safetensors"})
    expectNone(name, "a file, but the folder of a model is wanted; give " +
                         folder.path("m"));
  write("model.gguf", "GGUF\3");
  expectNone("model.gguf", "this is a GGUF file of llama.cpp");
  write("x", "hello");
  expectNone("x", "a file, but the folder of an adapter is wanted",
             FolderKind::Adapter);
}

TEST_F(Folder, WhatStandsInPlaceOfTheWeights) {
  struct Case {
    const char *name, *text;
  };
  for (auto [name, text] : {
           Case{"pytorch_model.bin", "weights in .bin files are not read, save "
                                     "them as safetensors"},
           Case{"pytorch_model.bin.index.json", "in .bin files are not read"},
           Case{"model-00002-of-00003.safetensors",
                "model-00002-of-00003.safetensors is one of several files, but "
                "model.safetensors.index.json, which says what belongs "
                "together, is not there"},
           Case{"model.fp16.safetensors",
                "model.fp16.safetensors is a variant, which transformers, too, "
                "takes only by name"},
           Case{"model.safetensors.index.fp16.json", "is a variant"},
           Case{"consolidated.safetensors", "has Mistral's own names"},
           Case{"adapter_model.safetensors",
                "adapter_model.safetensors is an adapter: give its base model"},
           Case{"tf_model.h5", "tf_model.h5 is of another program"},
           Case{"global_step500", "DeepSpeed"},
           Case{"notes.txt", "the folder holds 'config.json', 'notes.txt'"},
       }) {
    std::string at = std::string("of-") + name;
    write(at + "/config.json", "{}");
    write(at + "/" + name, "x");
    expectWeights(at, "neither model.safetensors nor "
                      "model.safetensors.index.json is there; ");
    expectWeights(at, text);
  }
  write("old/adapter_config.json", "{}");
  write("old/adapter_model.bin", "x");
  expectWeights("old", "which can run code when it is read", "adapter_model");
  expectWeights("old", "torch.load('adapter_model.bin', weights_only=True)",
                "adapter_model");
  write("dir/config.json", "{}");
  make("dir/model.safetensors");
  expectWeights("dir", "model.safetensors is a folder");
}

TEST_F(Folder, FilesThatAreNotWhatTheirNamesSay) {
  struct Case {
    std::string text, part;
  };
  for (const Case &test : {
           Case{"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
                "this is a Git LFS pointer, not the file itself: run 'git lfs "
                "pull'"},
           Case{"\n<!DOCTYPE html>\n<html>", "this is a web page"},
           Case{"<HTML lang=en>", "this is a web page"},
           Case{"Entry not found", "failed ('Entry not found')"},
           Case{"{\"error\":\"Repository not found\"}\nx",
                "failed ('{\"error\":\"Repository not found\"}')"},
           Case{"PK\3\4 and more bytes", "file of torch.save"},
           Case{"GGUF and more bytes of it", "GGUF file of llama.cpp"},
       }) {
    EXPECT_NE(describeContents(test.text).find(test.part), std::string::npos)
        << describeContents(test.text);
    write("m/config.json", "{}");
    write("m/model.safetensors", test.text);
    Expected<Checkpoint> opened = Checkpoint::open(folder.path("m"));
    ASSERT_FALSE(opened);
    expectMessage(opened.message(), folder.path("m/model.safetensors"),
                  "not a safetensors file: this ");
  }
  EXPECT_EQ(describeContents("{\"a\": 1}"), "");
  EXPECT_EQ(describeContents(""), "");
  write("m/model.safetensors", "");
  Expected<Checkpoint> opened = Checkpoint::open(folder.path("m"));
  expectMessage(opened.message(), folder.path("m/model.safetensors"),
                "the file is empty; fetch it again");
}
