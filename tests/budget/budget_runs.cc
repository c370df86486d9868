// Fixed runs of work, for counting how many instructions a request costs (test_budgets.py counts them, with callgrind).
//
//   budget_runs RUN      does the work, all of it in kvstore_measured(), and prints one line of JSON about it
//   budget_runs          names the runs
//
// Every run is the same each time: same keys, same order, same hash secret, one thread that works. The keys, requests
// and what is done for the first time come before kvstore_measured(); its replies are checked after it.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "durability/storage.h"
#include "engine/engine.h"
#include "env/memory_directory.h"
#include "kvstore/key_value_store.h"
#include "server/client_registry.h"
#include "server/options.h"
#include "server/worker.h"
#include "tests/budget/serving.h"

namespace kvstore::budget {
namespace {

constexpr std::size_t kKeys = 10'000;
constexpr std::size_t kOperations = 20'480;  // whole turns
// As many pipelines as fill one batch of a worker.
constexpr std::size_t kConnections = 4;
constexpr std::size_t kPipeline = 16;
constexpr std::size_t kTurns = kOperations / (kConnections * kPipeline);
// That a reply may take. Any number; more means that it never comes.
constexpr int kTurnsMax = 100'000;
static_assert(kTurns * kConnections * kPipeline == kOperations);

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "budget_runs: %s\n", why.c_str());
  std::exit(1);
}

void expect(bool holds, const std::string& what) {
  if (!holds) fail(what);
}

// 16 bytes; neighbours in the order of use are none in the order of numbers, and every key has its turn.
std::string key_of(std::size_t number) {
  std::string digits = std::to_string(number * 7919 % kKeys);
  return "key:" + std::string(12 - digits.size(), '0') + digits;
}
// 32 bytes.
std::string value_of(std::size_t number) {
  std::string digits = std::to_string(number);
  return "value:" + std::string(26 - digits.size(), 'x') + digits;
}

std::vector<std::string> spell(std::string (*one)(std::size_t)) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < kOperations; ++i) all.push_back(one(i));
  return all;
}

class Run {
 public:
  Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  virtual ~Run() = default;
  virtual void work() = 0;
  // After each work(): whether it did what it should.
  virtual void check() = 0;
};

}  // namespace
}  // namespace kvstore::budget

// What is counted. A name that no compiler changes; not inlined, and called through a pointer to any run.
extern "C" [[gnu::noinline]] void kvstore_measured(kvstore::budget::Run& run) { run.work(); }

namespace kvstore::budget {
namespace {

// --- the library --------------------------------------------------------------------------------------------------

class LibraryRun : public Run {
 public:
  LibraryRun() : keys_(spell(key_of)), values_(spell(value_of)) {
    auto opened = KeyValueStore::open({});
    expect(opened.ok(), opened.status().message());
    store_ = std::move(opened).value();
    for (std::size_t i = 0; i < kKeys; ++i) expect(store_->set(keys_[i], values_[i]).ok(), "set");
  }

 protected:
  std::vector<std::string> keys_;
  std::vector<std::string> values_;
  std::unique_ptr<KeyValueStore> store_;
};

class LibraryGet final : public LibraryRun {
 public:
  void work() override {
    bytes_ = 0;
    for (const std::string& key : keys_) {
      if (store_->get(key, value_)) bytes_ += value_.size();
    }
  }
  void check() override { expect(bytes_ == kOperations * values_[0].size(), "a key was not found"); }

 private:
  std::string value_;
  std::size_t bytes_ = 0;
};

class LibrarySet final : public LibraryRun {
 public:
  void work() override {
    for (std::size_t i = 0; i < kOperations; ++i) failed_ += store_->set(keys_[i], values_[i]).ok() ? 0 : 1;
  }
  void check() override {
    expect(failed_ == 0 && store_->size() == kKeys, "a set failed");
    expect(store_->get(keys_.back()) == values_.back(), "the last set is not there");
  }

 private:
  std::size_t failed_ = 0;
};

// --- a worker, from bytes to bytes --------------------------------------------------------------------------------

std::string resp(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return bytes;
}

struct Exchange {
  std::string request;
  std::string reply;
};
using Spelling = Exchange (*)(std::size_t);

Exchange resp_get(std::size_t i) { return {resp({"GET", key_of(i)}), "$32\r\n" + value_of(i % kKeys) + "\r\n"}; }
Exchange resp_set(std::size_t i) { return {resp({"SET", key_of(i), value_of(i % kKeys)}), "+OK\r\n"}; }
Exchange json_get_and_set(std::size_t i) {
  if (i % 2 == 0) {
    return {"GET " + key_of(i) + "\n", "{\"status\": \"OK\", \"value\": \"" + value_of(i % kKeys) + "\"}\n"};
  }
  return {"SET " + key_of(i) + " \"" + value_of(i % kKeys) + "\"\n",
          "{\"status\": \"OK\", \"message\": \"Key '" + key_of(i) + "' set\"}\n"};
}

store::Keyspace::Options fixed_keyspace() {
  store::Keyspace::Options options;
  for (std::size_t i = 0; i < options.hash_secret.size(); ++i) {
    options.hash_secret[i] = static_cast<unsigned char>(i * 157 + 91);
  }
  return options;
}

class ServedRun final : public Run {
 public:
  ServedRun(Spelling spelling, bool durable) {
    server::resolve_defaults(options_);
    worker_.emplace(server::Worker::Shared{engine_, control_, registry_, options_, clock_, storage_pointer_, loading_},
                    true);
    worker_->attach_loop(loop_);
    if (durable) open_storage();
    for (ReadingConnection& connection : connections_) worker_->on_open(connection);
    fill();
    spell_requests(spelling);
  }
  ~ServedRun() override {
    for (ReadingConnection& connection : connections_) worker_->on_close(connection);
    if (storage_ != nullptr) static_cast<void>(storage_->close());
  }

  void work() override {
    reply_bytes_ = 0;
    const std::string* request = requests_.data();
    for (std::size_t turn = 0; turn < kTurns; ++turn) {
      for (ReadingConnection& connection : connections_) worker_->on_receive(connection, *request++);
      end_turn();
    }
    // A reply that waits for the disk leaves in the turn in which the write has ended; two turns, unless the log's own
    // thread is just writing its marker.
    for (int turn = 0; reply_bytes_ < expected_bytes_ && turn < kTurnsMax; ++turn) end_turn();
  }
  void check() override {
    expect(reply_bytes_ == expected_bytes_,
           "replies of " + std::to_string(reply_bytes_) + " bytes instead of " + std::to_string(expected_bytes_));
    expect(engine_.keyspace().size(0) == kKeys, "the number of keys changed");
  }

 private:
  void end_turn() {
    loop_.end_writes();
    worker_->on_turn();
    for (ReadingConnection& connection : connections_) reply_bytes_ += connection.read();
  }
  void open_storage() {
    durability::StorageOptions options;
    options.segment_bytes = std::uint64_t{16} << 20;  // the measured work fits in one
    options.version = "budget";
    auto opened = durability::Storage::open(directory_, engine_.keyspace(), clock_, std::move(options));
    expect(opened.ok(), opened.status().message());
    storage_ = std::move(opened).value();
    storage_pointer_ = storage_.get();
    engine_.attach_log(storage_->log());
    // No write begins before the log's own thread has made files for it.
    while (storage_->segments().wants_segment()) std::this_thread::yield();
  }
  // The keys, without a worker and without a log.
  void fill() {
    store::WriteContext context;
    store::Keyspace& keyspace = engine_.keyspace();
    for (std::size_t i = 0; i < kKeys; ++i) {
      const std::string bytes = key_of(i);
      const store::Key key = keyspace.key(bytes);
      const unsigned shard = keyspace.shard_of(key.hash);
      keyspace.lock(shard);
      keyspace.set(0, key, store::ValueType::kString, store::NewValue::stage(value_of(i)), context);
      keyspace.unlock(shard);
      keyspace.do_chores(shard);
      context.release();
    }
  }
  // Also sends the first request of each kind alone, and reads its reply word for word.
  void spell_requests(Spelling spelling) {
    for (std::size_t i = 0; i < 2; ++i) {
      const Exchange exchange = spelling(i);
      worker_->on_receive(connections_[0], exchange.request);
      std::string reply;
      for (int turn = 0; turn < kTurnsMax && reply.empty(); ++turn) {
        loop_.end_writes();
        worker_->on_turn();
        reply = connections_[0].read_text();
      }
      expect(reply == exchange.reply, "the reply is '" + reply + "' instead of '" + exchange.reply + "'");
    }
    for (std::size_t i = 0; i < kOperations; ++i) {
      if (i % kPipeline == 0) requests_.emplace_back();
      const Exchange exchange = spelling(i);
      requests_.back() += exchange.request;
      expected_bytes_ += exchange.reply.size();
    }
  }

  StoppedClock clock_;
  env::MemoryDirectory directory_;
  engine::Engine engine_{fixed_keyspace()};
  QuietControl control_;
  server::ClientRegistry registry_{clock_};
  server::ServerOptions options_;
  std::unique_ptr<durability::Storage> storage_;
  durability::Storage* storage_pointer_ = nullptr;
  std::atomic<bool> loading_{false};
  InstantLoop loop_;
  std::optional<server::Worker> worker_;
  std::vector<ReadingConnection> connections_{kConnections};

  std::vector<std::string> requests_;  // kPipeline each
  std::size_t expected_bytes_ = 0;
  std::size_t reply_bytes_ = 0;
};

// --- the list -----------------------------------------------------------------------------------------------------

struct Row {
  const char* name;
  std::function<std::unique_ptr<Run>()> make;
};

template <typename Made>
std::unique_ptr<Run> library() {
  return std::make_unique<Made>();
}
std::function<std::unique_ptr<Run>()> served(Spelling spelling, bool durable = false) {
  return [spelling, durable] { return std::make_unique<ServedRun>(spelling, durable); };
}

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"library_get", library<LibraryGet>}, {"library_set", library<LibrarySet>},
      {"resp_get", served(resp_get)},       {"resp_set", served(resp_set)},
      {"json", served(json_get_and_set)},   {"resp_set_durable", served(resp_set, true)},
  };
  return kRows;
}

#if defined(__clang__)
constexpr const char* kCompiler = "clang++";
constexpr int kCompilerMajor = __clang_major__;
#else
constexpr const char* kCompiler = "g++";
constexpr int kCompilerMajor = __GNUC__;
#endif
#if defined(__OPTIMIZE__) && defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constexpr bool kRelease = true;
#else
constexpr bool kRelease = false;
#endif

int main_of(int argc, char** argv) {
  if (argc < 2) {
    for (const Row& row : rows()) std::printf("%s\n", row.name);
    return 0;
  }
  for (const Row& row : rows()) {
    if (std::string_view(argv[1]) != row.name) continue;
    const std::unique_ptr<Run> run = row.make();
    run->work();  // what happens once only: memory is taken, tables are built
    run->check();
    kvstore_measured(*run);
    run->check();
    std::printf("{\"run\": \"%s\", \"operations\": %zu, \"compiler\": \"%s %d\", \"release\": %s}\n", row.name,
                kOperations, kCompiler, kCompilerMajor, kRelease ? "true" : "false");
    return 0;
  }
  fail(std::string("there is no run named ") + argv[1]);
}

}  // namespace
}  // namespace kvstore::budget

int main(int argc, char** argv) { return kvstore::budget::main_of(argc, argv); }
