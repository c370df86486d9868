// Rules that hold for every row, so that a new command cannot forget one.

#include <gmock/gmock.h>

#include <algorithm>

#include "base/text.h"
#include "commands/command_fixture.h"
#include "commands/families.h"
#include "commands/subcommands.h"

namespace kvstore::commands {
namespace {

std::vector<const Command*> rows_and_subcommands(const CommandTable& table) {
  std::vector<const Command*> rows;
  for (const Command* row : table.all()) {
    rows.push_back(row);
    for (const Command& subcommand : row->subcommands) rows.push_back(&subcommand);
  }
  return rows;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

class CommandTableTest : public testing::Test {
 protected:
  CommandTable table_;
};

TEST_F(CommandTableTest, EveryCommandHasATest) {
  std::set<std::string> tested;
  for (const auto& [test, command] : tested_commands()) tested.insert(command);
  for (const Command* row : rows_and_subcommands(table_)) {
    EXPECT_EQ(tested.count(std::string(row->name)), 1U) << row->name << " has no COMMAND_TEST";
    tested.erase(std::string(row->name));
  }
  EXPECT_THAT(tested, testing::IsEmpty()) << "tests of commands that are not in the table";
}

TEST_F(CommandTableTest, FindsNamesInAnyCaseAndNothingElse) {
  for (const Command* row : table_.all()) {
    EXPECT_EQ(table_.find(row->name), row);
    EXPECT_EQ(table_.find(base::ascii_upper(row->name)), row);
    std::string mixed(row->name);
    for (std::size_t i = 0; i < mixed.size(); i += 2) mixed[i] = base::ascii_upper(mixed.substr(i, 1))[0];
    EXPECT_EQ(table_.find(mixed), row);
    EXPECT_EQ(table_.find(std::string(row->name) + "x"), nullptr);
    EXPECT_EQ(table_.find("x" + std::string(row->name)), nullptr);
    // Bytes that differ from a letter in the case bit alone, or lie outside ASCII, are no letters.
    for (std::size_t i = 0; i < row->name.size(); ++i) {
      for (const char flip : {'\x40', '\x60', '\x80', '\x10'}) {
        std::string other(row->name);
        other[i] = static_cast<char>(other[i] ^ flip);
        EXPECT_EQ(table_.find(other), nullptr) << row->name << " byte " << i;
      }
    }
  }
  EXPECT_EQ(table_.find(""), nullptr);
  EXPECT_EQ(table_.find(std::string_view("get\0", 4)), nullptr);
  EXPECT_EQ(table_.find(std::string(CommandTable::kNameBytesMax + 1, 'a')), nullptr);
  EXPECT_EQ(table_.find(std::string(1000, 'a')), nullptr);
  EXPECT_EQ(table_.find("client|id"), nullptr);  // a subcommand is not a command
}

TEST_F(CommandTableTest, FindsSubcommandsByTheirFullName) {
  for (const Command* row : rows_and_subcommands(table_)) {
    EXPECT_EQ(table_.find_full(base::ascii_upper(row->name)), row) << row->name;
  }
  EXPECT_EQ(table_.find_full("client|"), nullptr);
  EXPECT_EQ(table_.find_full("|id"), nullptr);
  EXPECT_EQ(table_.find_full("get|id"), nullptr);
}

TEST_F(CommandTableTest, IndexIsThePlaceInTheSortedTable) {
  for (std::size_t i = 0; i < table_.all().size(); ++i) {
    EXPECT_EQ(table_.index_of(*table_.all()[i]), i);
    if (i > 0) {
      EXPECT_LT(table_.all()[i - 1]->name, table_.all()[i]->name);
    }
  }
}

TEST_F(CommandTableTest, RowsOfAFamilyAreSorted) {
  for (const Family family : kFamilies) {
    const std::span<const Command> rows = family();
    ASSERT_FALSE(rows.empty());
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(), [](const Command& a, const Command& b) {
      return a.name < b.name;
    })) << rows.front().name;
  }
}

TEST_F(CommandTableTest, RowsDescribeThemselves) {
  for (const Command* row : rows_and_subcommands(table_)) {
    SCOPED_TRACE(row->name);
    EXPECT_EQ(base::ascii_lower(row->name), row->name);
    EXPECT_NE(row->handler, nullptr);
    EXPECT_FALSE(row->summary.empty());
    EXPECT_EQ(row->summary.back(), '.');
    EXPECT_FALSE(row->since.empty());
    EXPECT_FALSE(row->complexity.empty());
    EXPECT_THAT(row->group, testing::AnyOf("string", "generic", "connection", "server"));
    // The syntax names words exactly when the row takes some; QUIT takes any for the sake of old clients.
    const int name_words = row->name.find('|') == std::string_view::npos ? 1 : 2;
    const bool takes_words = row->arity != name_words && row->subcommands.empty() && row->name != "quit";
    EXPECT_EQ(!row->syntax.empty(), takes_words);
  }
}

TEST_F(CommandTableTest, AclCategoriesAgreeWithFlags) {
  for (const Command* row : rows_and_subcommands(table_)) {
    SCOPED_TRACE(row->name);
    const std::vector<std::string> categories = words_of(row->acl_categories);
    for (const std::string& category : categories) EXPECT_EQ(category[0], '@');
    const auto has = [&categories](const char* name) {
      return std::find(categories.begin(), categories.end(), name) != categories.end();
    };
    EXPECT_EQ(has("@write"), (row->flags & kWrite) != 0);
    EXPECT_EQ(has("@read"), (row->flags & kReadonly) != 0);
    // LASTSAVE only reads, and yet is in the category, as in Redis.
    if (row->name != "lastsave") {
      EXPECT_EQ(has("@admin"), (row->flags & kAdmin) != 0);
    }
    EXPECT_EQ(has("@fast"), (row->flags & kFast) != 0);
    EXPECT_EQ(has("@slow"), (row->flags & kFast) == 0);
    EXPECT_TRUE(!has("@admin") || has("@dangerous"));
  }
}

TEST_F(CommandTableTest, ArityIsExactOrAtLeast) {
  Command command;
  command.arity = 2;
  EXPECT_FALSE(command.accepts(1));
  EXPECT_TRUE(command.accepts(2));
  EXPECT_FALSE(command.accepts(3));
  command.arity = -2;
  EXPECT_FALSE(command.accepts(1));
  EXPECT_TRUE(command.accepts(2));
  EXPECT_TRUE(command.accepts(1'000'000));
}

TEST_F(CommandTableTest, KeysAgreeWithArityAndFlags) {
  for (const Command* row : rows_and_subcommands(table_)) {
    SCOPED_TRACE(row->name);
    const bool writes = (row->flags & kWrite) != 0;
    const bool reads = (row->flags & kReadonly) != 0;
    EXPECT_FALSE(writes && reads);
    EXPECT_TRUE(writes || (row->flags & kDenyOom) == 0);
    if (row->keys.first == 0) {
      EXPECT_EQ(row->keys.last, 0);
      EXPECT_EQ(row->keys.step, 0);
      // Data without keys: only commands on whole databases, which lock by themselves.
      static const std::set<std::string_view> kWholeDatabases = {"dbsize",    "flushall", "flushdb", "keys",
                                                                 "randomkey", "scan",     "swapdb"};
      EXPECT_EQ(writes || reads, kWholeDatabases.count(row->name) == 1);
      continue;
    }
    EXPECT_TRUE(writes || reads);
    EXPECT_GE(row->keys.step, 1);
    // The fewest words that the arity allows hold the first key, and the last when its place is fixed.
    const int fewest = row->arity < 0 ? -row->arity : row->arity;
    EXPECT_LT(std::max(row->keys.first, row->keys.last), fewest);
    EXPECT_TRUE(row->keys.last >= 0 || row->arity < 0);
  }
}

TEST_F(CommandTableTest, SubcommandsBelongToTheirCommand) {
  for (const Command* row : table_.all()) {
    std::string_view last;
    for (const Command& subcommand : row->subcommands) {
      SCOPED_TRACE(subcommand.name);
      EXPECT_EQ(subcommand.name.substr(0, row->name.size() + 1), std::string(row->name) + "|");
      EXPECT_LT(last, subcommand.name);
      last = subcommand.name;
      EXPECT_TRUE(subcommand.arity >= 2 || subcommand.arity <= -2);
      EXPECT_TRUE(subcommand.subcommands.empty());
      EXPECT_EQ(subcommand.group, row->group);
      // The engine locks by the row of the command: a subcommand with keys needs it to look further.
      EXPECT_EQ(subcommand.keys.first, 0);
    }
  }
}

}  // namespace
}  // namespace kvstore::commands
