// CommandTest: for tests; runs commands against a real keyspace with a client and a server that only remember.
//
//   COMMAND_TEST("getdel", GetdelRemovesTheKeyItAnswers) {
//     run("SET k v");
//     EXPECT_EQ(run("GETDEL k"), "\"v\"");
//   }
//
// COMMAND_TEST says which command it tests; the test fails when it does not run that command, and the test of the
// whole table (command_table_test.cc) fails when a command has no COMMAND_TEST.
// After each test, what its commands told the sink must make an equal keyspace: every command leaves its effect in the
// log, and nothing else.
//
// Thread rule: one thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/command_context.h"
#include "commands/command_table.h"
#include "commands/fake_persistence.h"
#include "commands/recording_reply.h"
#include "store/recording_sink.h"
#include "store/store_for_tests.h"

namespace kvstore::commands {

// Test name -> the command it tests.
inline std::map<std::string, std::string>& tested_commands() {
  static std::map<std::string, std::string> tests;
  return tests;
}

struct TestedCommand {
  TestedCommand(const char* command, const char* test) { KV_ASSERT(tested_commands().emplace(test, command).second); }
};

#define COMMAND_TEST(command, test_name)                                                      \
  static const ::kvstore::commands::TestedCommand tested_by_##test_name(command, #test_name); \
  TEST_F(CommandTest, test_name)

class FakeClient final : public Client {
 public:
  [[nodiscard]] std::uint64_t id() const override { return 7; }
  [[nodiscard]] Protocol protocol() const override { return protocol_; }
  [[nodiscard]] int database() const override { return database_; }
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::string info_line() const override { return "id=7 name=" + name_; }
  void select(int db) override { database_ = db; }
  void switch_protocol(Protocol protocol) override { protocol_ = protocol; }
  void set_name(std::string_view name) override { name_ = name; }
  void set_library_name(std::string_view name) override { library_name_ = name; }
  void set_library_version(std::string_view version) override { library_version_ = version; }
  void close_after_reply() override { closing_ = true; }
  void wait_for(std::unique_ptr<Waiter> waiter) override { waiter_ = std::move(waiter); }
  void reset() override {
    database_ = 0;
    name_.clear();
    protocol_ = Protocol::kResp2;
  }

  Protocol protocol_ = Protocol::kResp2;
  int database_ = 0;
  std::string name_;
  std::string library_name_;
  std::string library_version_;
  bool closing_ = false;
  std::unique_ptr<Waiter> waiter_;
};

class FakeServer final : public ServerControl {
 public:
  [[nodiscard]] std::string info_section(std::string_view section) const override {
    if (section == "server") return "# Server\r\nversion:1\r\nport:6379";
    if (section == "clients") return "# Clients\nconnected:3";
    return {};
  }
  [[nodiscard]] std::vector<std::string_view> info_sections() const override { return {"server", "clients"}; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override {
    return {{"appendonly", "no"}, {"maxmemory", "0"}, {"maxmemory-policy", "noeviction"}, {"save", ""}};
  }
  void reset_statistics() override { ++statistics_resets_; }
  [[nodiscard]] std::string client_list() const override {
    return "id=3 addr=127.0.0.1:1 name= flags=N db=0\n"
           "id=5 addr=127.0.0.1:2 name=id=9 flags=P db=0\n"
           "id=7 addr=127.0.0.1:3 name=me flags=N db=0\n";
  }
  [[nodiscard]] std::string version() const override { return "1.2.3"; }
  void request_shutdown() override { ++shutdowns_; }
  std::uint64_t begin_shutdown() override {
    ++shutdowns_waiting_;
    return aborted_;
  }
  void end_shutdown() override { --shutdowns_waiting_; }
  bool abort_shutdowns() override {
    if (shutdowns_waiting_ == 0) return false;
    ++aborted_;
    return true;
  }
  std::uint64_t shutdowns_aborted() const override { return aborted_; }
  Persistence& persistence() override { return persistence_; }

  int statistics_resets_ = 0;
  int shutdowns_ = 0;
  int shutdowns_waiting_ = 0;
  std::uint64_t aborted_ = 0;
  FakePersistence persistence_;
};

class CommandTest : public testing::Test {
 protected:
  static constexpr std::int64_t kNowUs = 1'700'000'000'123'456;

  void TearDown() override {
    expect_that_effects_make_the_same_keyspace();
    const auto test = tested_commands().find(testing::UnitTest::GetInstance()->current_test_info()->name());
    if (test == tested_commands().end()) return;
    EXPECT_TRUE(commands_run_.count(test->second) == 1) << "the test does not run " << test->second;
  }

  // Runs a line of words separated by single spaces; '' is an empty word.
  std::string run(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
      const std::size_t end = line.find(' ');
      const std::string_view word = line.substr(0, end);
      words.push_back(word == "''" ? std::string_view() : word);
      if (end == std::string_view::npos) break;
      line.remove_prefix(end + 1);
    }
    return run_words(words);
  }

  // Does what session and engine do: finds the row, checks the number of words, fills blocks for large arguments, locks
  // the keys' shards, runs.
  std::string run_words(const std::vector<std::string_view>& words) {
    const protocol::Args args(words);
    const Command* command = table_.find(words[0]);
    if (command == nullptr) {
      reply_.unknown_command(args);
    } else if (!command->accepts(words.size())) {
      reply_.wrong_arity(command->name);
    } else {
      note(*command, args);
      run_locked(*command, args);
    }
    return reply_.take();
  }

  // What a command that waited answers now; "(waits)" while it still has none.
  std::string answer_now() { return answer_at(kNowUs); }
  std::string answer_at(std::int64_t now_us) {
    if (!client_.waiter_->answer(reply_, now_us)) return "(waits)";
    client_.waiter_.reset();
    return reply_.take();
  }

  store::Keyspace keyspace_{store::Keyspace::Options{}};
  CommandTable table_;
  FakeClient client_;
  FakeServer server_;

 private:
  void expect_that_effects_make_the_same_keyspace() {
    store::Store replayed{store::Keyspace::Options{}};
    for (const store::Effect& effect : sink_.effects) store::RecordingSink::apply(effect, replayed);
    for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
      std::map<std::string, std::string> found;
      for (std::uint64_t cursor = 0;;) {
        cursor = keyspace_.scan(db, cursor, 100, [&](std::string_view key, const store::ValueView& value) {
          found.emplace(key, value.bytes);
        });
        if (cursor == 0) break;
      }
      EXPECT_TRUE(found == replayed.contents(db, 100)) << "effects told of database " << db;
    }
  }

  void note(const Command& command, protocol::Args args) {
    commands_run_.insert(std::string(command.name));
    const Command* row = resolve_subcommand(command, args);
    if (row != nullptr) commands_run_.insert(std::string(row->name));
  }

  void run_locked(const Command& command, protocol::Args args) {
    store::ShardSet shards;
    const auto words = static_cast<int>(args.size());
    const int last = command.keys.last < 0 ? words + command.keys.last : std::min(command.keys.last, words - 1);
    store::Key first_key;
    for (int i = command.keys.first; i > 0 && i <= last; i += command.keys.step) {
      const store::Key key = keyspace_.key(args[static_cast<std::size_t>(i)]);
      if (i == command.keys.first) first_key = key;
      shards.add(keyspace_.shard_of(key.hash));
    }
    StagedArguments staged;
    for (std::size_t i = 1; i < args.size() && (command.flags & kWrite) != 0; ++i) {
      if (args[i].size() >= store::kLargeValueBytes) staged.add(i, args[i]);
    }
    CommandContext context{command, args,     reply_, keyspace_, writes_,           client_, server_,
                           table_,  lookups_, staged, first_key, client_.database_, kNowUs};
    const std::size_t effects = sink_.effects.size();
    keyspace_.lock(shards);
    command.handler(context);
    static_cast<void>(keyspace_.seal(shards, writes_));
    keyspace_.unlock(shards);
    EXPECT_TRUE((command.flags & kWrite) != 0 || sink_.effects.size() == effects) << command.name << " is no write";
    shards.for_each([this](unsigned shard) { keyspace_.do_chores(shard); });
    writes_.release();
  }

  RecordingReply reply_;
  Lookups lookups_;
  store::RecordingSink sink_;
  store::WriteContext writes_{&sink_};
  std::set<std::string> commands_run_;
};

}  // namespace kvstore::commands
