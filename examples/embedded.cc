// The key-value store inside your own program: no server, no sockets, one header.
//
// It opens a store in memory, writes, reads, erases, walks over all keys and lets four threads write at once. Then it
// opens a store on disk, writes to it, and finds everything again. It prints what it does and ends with status 0 if
// everything came out as it should.
#include <kvstore/key_value_store.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

void set_and_get(kvstore::KeyValueStore& store) {
  // set() creates or replaces. It fails only for a key or value of more than 512 MiB; the compiler warns when the
  // status is not looked at.
  const kvstore::Status status = store.set("user:1", "john");
  if (!status.ok()) std::printf("set failed: %s\n", status.message().c_str());

  // get() copies the value out, or says that the key is not there.
  const std::optional<std::string> name = store.get("user:1");
  std::printf("user:1 is %s\n", name ? name->c_str() : "missing");
  std::printf("user:2 is %s\n", store.get("user:2") ? "there" : "missing");

  // Keys and values are bytes: zeros are welcome.
  using namespace std::string_view_literals;
  if (store.set("binary\0key"sv, "a\0b"sv).ok()) {
    std::printf("the binary value has %zu bytes\n", store.get("binary\0key"sv)->size());
  }

  // In a loop, read into one string: its memory is used again.
  std::string value;
  if (store.get("user:1", value)) std::printf("read again: %s\n", value.c_str());

  // erase() says whether the key was there. In memory it cannot fail.
  std::printf("erased user:1: %s\n", store.erase("user:1").value() ? "yes" : "no");
  std::printf("erased it again: %s\n", store.erase("user:1").value() ? "yes" : "no");
}

void write_from_threads(kvstore::KeyValueStore& store) {
  // All functions may be called from any thread at any time; you need no lock of your own.
  constexpr int kThreads = 4;
  constexpr int kKeysPerThread = 25'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&store, t] {
      for (int i = 0; i < kKeysPerThread; ++i) {
        const std::string key = "thread" + std::to_string(t) + ":" + std::to_string(i);
        if (const auto status = store.set(key, std::to_string(i)); !status.ok()) {
          std::printf("set failed: %s\n", status.message().c_str());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("%d threads wrote %d keys each\n", kThreads, kKeysPerThread);
}

// Counts the keys that begin with `prefix`. The views are valid inside the call only; return false to stop early.
std::size_t count_keys(const kvstore::KeyValueStore& store, std::string_view prefix) {
  std::size_t count = 0;
  store.for_each([&](std::string_view key, std::string_view /*value*/) {
    if (key.substr(0, prefix.size()) == prefix) ++count;
    return true;
  });
  return count;
}

// With a data_dir a write returns when it is on disk, and the next open() has it, whatever happened in between.
bool keep_on_disk() {
  std::string directory = (std::filesystem::temp_directory_path() / "kvstore-example-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return false;
  kvstore::Options options;
  options.data_dir = directory;
  options.log_segment_bytes = 2 << 20;  // this store stays small

  bool kept = false;
  for (int times_opened = 1; times_opened <= 2; ++times_opened) {
    auto opened = kvstore::KeyValueStore::open(options);
    if (!opened.ok()) {
      std::fprintf(stderr, "cannot open the store: %s\n", opened.status().message().c_str());
      break;
    }
    kvstore::KeyValueStore& store = *opened.value();
    std::printf("opened %s: %zu keys\n", directory.c_str(), store.size());
    if (times_opened == 2) {
      kept = store.get("from") == "90" && store.get("to") == "10" && !store.contains("lock");
      continue;
    }
    // A batch is made as a whole: no reader and no crash ever sees half of it.
    kvstore::WriteBatch transfer;
    transfer.set("from", "90");
    transfer.set("to", "10");
    transfer.erase("lock");
    kvstore::Status status = store.set("lock", "taken");
    if (status.ok()) status = store.write(transfer);
    // Not needed, but shortens the next open(): the log is replaced by a snapshot of what is there.
    if (status.ok()) status = store.snapshot();
    if (!status.ok()) std::printf("writing failed: %s\n", status.message().c_str());
  }
  std::filesystem::remove_all(directory);
  std::printf("found everything again: %s\n", kept ? "yes" : "no");
  return kept;
}

}  // namespace

int main() {
  kvstore::Options options;
  options.shards = 64;  // the default; more shards let more threads write at once
  auto opened = kvstore::KeyValueStore::open(options);
  if (!opened.ok()) {
    std::fprintf(stderr, "cannot open the store: %s\n", opened.status().message().c_str());
    return 1;
  }
  kvstore::KeyValueStore& store = *opened.value();

  set_and_get(store);
  write_from_threads(store);

  const std::size_t keys = store.size();
  const std::size_t of_thread_2 = count_keys(store, "thread2:");
  const kvstore::Stats stats = store.stats();
  std::printf("%zu keys, %zu of them from thread 2\n", keys, of_thread_2);
  std::printf("memory: %zu bytes of records, %zu bytes of index\n", stats.record_bytes, stats.index_bytes);

  const bool cleared = store.clear().ok();
  std::printf("after clear(): %zu keys\n", store.size());

  const bool kept = keep_on_disk();
  const bool as_expected = keys == 100'001 && of_thread_2 == 25'000 && cleared && store.size() == 0 && kept;
  std::printf("%s\n", as_expected ? "done" : "something went wrong");
  return as_expected ? 0 : 1;
}
