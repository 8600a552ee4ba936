//===- CacheTest.cpp - Which entries are found, and which are not ---------===//
//
// Tests the cache in temporary folders, with damaged and untrusted entries, the
// limit, several processes, and the environment.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/Cache.h"
#include "../Runtime/TestFiles.h"
#include "lora-mlir/Support/BuildIdentity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lora;
namespace fs = std::filesystem;

namespace {

/// A key: 64 digits that end in `number`.
std::string key(int number) {
  std::string digits = std::to_string(number);
  return std::string(64 - digits.size(), 'a') + digits;
}

/// Makes an entry older than others.
void setAge(const std::string &path, int seconds) {
  fs::last_write_time(path, fs::file_time_type::clock::now() -
                                std::chrono::seconds(seconds));
}

size_t countFiles(const std::string &folder) {
  return size_t(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Sets an environment variable during its lifetime.
class Variable {
public:
  Variable(const char *name, const char *value) : name(name) {
    if (const char *old = getenv(name))
      former = old;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { former ? setenv(name, former->c_str(), 1) : unsetenv(name); }

private:
  const char *name;
  std::optional<std::string> former;
};

TEST(Cache, FindsWhatWasStoredUnderTheSameKey) {
  TestFolder root;
  auto cache = Cache::openFolder(root.path("new/cache"));
  ASSERT_TRUE(cache);
  EXPECT_FALSE(cache->find(key(1)));
  std::string bytes("code\0of any\xff bytes", 17);
  cache->store(key(1), bytes);
  cache->store(key(2), "");
  EXPECT_EQ(cache->find(key(1)), bytes);
  EXPECT_EQ(cache->find(key(2)), "");
  EXPECT_FALSE(cache->find(key(3)));
  cache->store(key(1), "other");
  EXPECT_EQ(Cache::openFolder(root.path("new/cache"))->find(key(1)), "other");
  // No temporary file is left, and only the user may read the entries.
  EXPECT_EQ(countFiles(cache->folder()), 2u);
  struct stat facts;
  ASSERT_EQ(stat((cache->folder() + "/" + key(1)).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
  ASSERT_EQ(stat(root.path("new").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0700u);
}

TEST(Cache, OnlyKeysNameEntries) {
  TestFolder root;
  auto cache = Cache::openFolder(root.path("cache"));
  ASSERT_TRUE(cache);
  for (const std::string &name :
       {std::string(), std::string("../cache/x"), key(1).substr(1),
        key(1) + "0", std::string(63, 'a') + "g", std::string(63, 'a') + "/"}) {
    cache->store(name, "bytes");
    EXPECT_FALSE(cache->find(name)) << name;
  }
  EXPECT_EQ(countFiles(cache->folder()), 0u);
}

TEST(Cache, DamagedAndForeignEntriesAreIgnoredAndReplaced) {
  TestFolder root;
  auto cache = Cache::openFolder(root.path("cache"));
  ASSERT_TRUE(cache);
  cache->store(key(1), "the code of one");
  cache->store(key(2), "the code of two");
  std::string one = cache->folder() + "/" + key(1);
  std::string whole;
  std::getline(std::ifstream(one), whole, '\0');
  auto damage = [&](const std::string &text) {
    std::ofstream(one, std::ios::binary | std::ios::trunc) << text;
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string text = whole;
    text[i] = char(text[i] ^ 1);
    damage(text);
    EXPECT_FALSE(cache->find(key(1))) << "byte " << i;
    damage(whole.substr(0, i));
    EXPECT_FALSE(cache->find(key(1))) << "the first " << i << " bytes";
  }
  damage(whole + "x");
  EXPECT_FALSE(cache->find(key(1)));
  // A valid entry of another key.
  fs::copy_file(cache->folder() + "/" + key(2), one,
                fs::copy_options::overwrite_existing);
  EXPECT_FALSE(cache->find(key(1)));
  cache->store(key(1), "again");
  EXPECT_EQ(cache->find(key(1)), "again");
}

TEST(Cache, ReadsOnlyWhatNobodyElseMayHaveWritten) {
  TestFolder root;
  auto cache = Cache::openFolder(root.path("cache"));
  ASSERT_TRUE(cache);
  cache->store(key(1), "mine");
  std::string entry = cache->folder() + "/" + key(1);
  for (mode_t mode : {0620, 0602, 0666}) {
    ASSERT_EQ(chmod(entry.c_str(), mode), 0);
    EXPECT_FALSE(cache->find(key(1))) << mode;
  }
  ASSERT_EQ(chmod(entry.c_str(), 0644), 0);
  EXPECT_EQ(cache->find(key(1)), "mine");
  // A link is not an entry, even a link to a valid one. The entry that is
  // stored replaces it.
  fs::rename(entry, root.path("elsewhere"));
  fs::create_symlink(root.path("elsewhere"), entry);
  EXPECT_FALSE(cache->find(key(1)));
  cache->store(key(1), "replaced");
  EXPECT_EQ(cache->find(key(1)), "replaced");
  EXPECT_FALSE(fs::is_symlink(entry));
  // A file that cannot be read to its end is not an entry either.
  fs::remove(entry);
  ASSERT_EQ(mkfifo(entry.c_str(), 0600), 0);
  EXPECT_FALSE(cache->find(key(1)));
  if (geteuid() == 0) {
    cache->store(key(2), "given away");
    std::string other = cache->folder() + "/" + key(2);
    ASSERT_EQ(chown(other.c_str(), 1234, 1234), 0);
    EXPECT_FALSE(cache->find(key(2)));
  }
}

TEST(Cache, FoldersThatOthersMayWriteToAreNotUsed) {
  TestFolder root;
  ASSERT_TRUE(Cache::openFolder(root.path("cache")));
  std::string said;
  auto note = [&](const std::string &text) { said += text; };
  ASSERT_EQ(chmod(root.path("cache").c_str(), 0770), 0);
  EXPECT_FALSE(Cache::openFolder(root.path("cache"), 1000, note));
  EXPECT_EQ(said, "the cache " + root.path("cache") +
                      " is not used: others may write to it; chmod go-w makes "
                      "it yours alone");
  if (geteuid() == 0) {
    said.clear();
    ASSERT_EQ(chmod(root.path("cache").c_str(), 0700), 0);
    ASSERT_EQ(chown(root.path("cache").c_str(), 1234, 1234), 0);
    EXPECT_FALSE(Cache::openFolder(root.path("cache"), 1000, note));
    EXPECT_EQ(said, "the cache " + root.path("cache") +
                        " is not used: it belongs to user 1234");
  }
  // No folder can be created here: there is no cache, and no message.
  said.clear();
  root.write("file", "");
  EXPECT_FALSE(Cache::openFolder(root.path("file/cache"), 1000, note));
  EXPECT_FALSE(Cache::openFolder(root.path("file"), 1000, note));
  EXPECT_EQ(said, "");
}

TEST(Cache, TheOldestUseGoesFirst) {
  TestFolder root;
  constexpr uint64_t header = 98, limit = 3 * (header + 100);
  auto cache = Cache::openFolder(root.path("cache"), limit);
  ASSERT_TRUE(cache);
  std::string bytes(100, 'x');
  for (int i : {1, 2, 3}) {
    cache->store(key(i), bytes);
    setAge(cache->folder() + "/" + key(i), 100 - i);
  }
  root.write("cache/README", std::string(5000, 'r'));
  EXPECT_TRUE(cache->find(key(1))); // Now it is the newest.
  cache->store(key(4), bytes);
  EXPECT_TRUE(cache->find(key(1)));
  EXPECT_FALSE(cache->find(key(2)));
  EXPECT_TRUE(cache->find(key(3)));
  EXPECT_TRUE(cache->find(key(4)));
  // An entry above the limit is not stored, and no other is removed.
  cache->store(key(5), std::string(limit, 'x'));
  EXPECT_FALSE(cache->find(key(5)));
  EXPECT_TRUE(cache->find(key(4)));
  EXPECT_TRUE(fs::exists(root.path("cache/README")));
}

TEST(Cache, ManyProcessesReadWholeEntries) {
  TestFolder root;
  constexpr int processes = 6;
  std::string folder = root.path("cache");
  for (int i = 0; i < processes; ++i)
    if (fork() == 0) {
      auto cache = Cache::openFolder(folder, 40000);
      bool good = cache.has_value();
      for (int round = 0; good && round < 200; ++round) {
        int number = (round + i) % 5;
        std::string bytes(size_t(9000 + number), char('a' + number));
        cache->store(key(number), bytes);
        // Another process may have removed the entry, but only as a whole.
        std::optional<std::string> found = cache->find(key(number));
        good = !found || *found == bytes;
      }
      _exit(good ? 0 : 1);
    }
  for (int i = 0; i < processes; ++i) {
    int status = 0;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  EXPECT_LE(countFiles(folder), 4u);
}

TEST(Cache, TheEnvironmentSaysWhere) {
  Variable own("LORA_CACHE", nullptr), xdg("XDG_CACHE_HOME", "/x/cache"),
      home("HOME", "/home/someone");
  EXPECT_EQ(Cache::root(), "/x/cache/lora-mlir");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(Cache::root(), "/home/someone/.cache/lora-mlir");
  setenv("HOME", "", 1);
  EXPECT_EQ(Cache::root(), "");
  EXPECT_FALSE(Cache::open("code"));
  TestFolder folder;
  setenv("LORA_CACHE", folder.root().c_str(), 1);
  auto cache = Cache::open("code");
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->folder(), folder.path("code"));
  // A relative path would be another folder for each current one.
  for (const char *wrong : {"OFF", "0", "cache/here", "~/cache"}) {
    setenv("LORA_CACHE", wrong, 1);
    EXPECT_EQ(Cache::root(), "");
    std::string note;
    EXPECT_FALSE(Cache::open("code", 100,
                             [&](const std::string &text) { note = text; }));
    EXPECT_EQ(note, std::string("the cache is not used: LORA_CACHE is '") +
                        wrong + "', but must be an absolute path, or 'off'");
  }
  setenv("LORA_CACHE", "off", 1);
  EXPECT_FALSE(Cache::open("code"));
}

TEST(BuildIdentity, NamesTheProgramAndItsLibraries) {
  const std::string &identity = buildIdentity();
  // At least the program, libc and libstdc++.
  EXPECT_GE(std::count(identity.begin(), identity.end(), '\n'), 3) << identity;
  EXPECT_EQ(identity, buildIdentity());
}

} // namespace
