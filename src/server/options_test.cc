#include "server/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace kvstore::server {
namespace {

std::optional<int> parse(std::vector<std::string> words, ServerOptions& options) {
  words.insert(words.begin(), "kv_store_server");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), options);
}

TEST(OptionsTest, WithoutWordsTheDefaultsStand) {
  ServerOptions options;
  EXPECT_EQ(parse({}, options), std::nullopt);
  EXPECT_EQ(options.port, 6379U);
  EXPECT_EQ(options.bind, "0.0.0.0");
  EXPECT_TRUE(options.protected_mode);
}

TEST(OptionsTest, EveryKindOfOptionIsRead) {
  ServerOptions options;
  EXPECT_EQ(parse({"--port", "7000", "--bind=127.0.0.1", "--protected-mode", "no", "--io", "epoll"}, options),
            std::nullopt);
  EXPECT_EQ(options.port, 7000U);
  EXPECT_EQ(options.bind, "127.0.0.1");
  EXPECT_FALSE(options.protected_mode);
  EXPECT_EQ(options.io, "epoll");
}

TEST(OptionsTest, AMistakeEndsWithStatusOne) {
  ServerOptions options;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--port", "70000"}, {"--port", "x"}, {"--io", "kqueue"}, {"--protected-mode", "maybe"}, {"--nonsense"}}) {
    EXPECT_EQ(parse(words, options), 1) << words.front();
  }
}

TEST(OptionsTest, HelpAndVersionEndWithStatusZero) {
  ServerOptions options;
  EXPECT_EQ(parse({"--help"}, options), 0);
  EXPECT_EQ(parse({"--version"}, options), 0);
}

TEST(OptionsTest, ResolvedDefaultsAreUsable) {
  ServerOptions options;
  resolve_defaults(options);
  EXPECT_GE(options.threads, 1U);
  EXPECT_GE(options.max_client_memory_bytes, std::uint64_t{2} << 30);
}

TEST(OptionsTest, ConfigNamesAreUniqueAndHoldBothSpellings) {
  ServerOptions options;
  options.max_clients = 123;
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : config_values(options)) {
    EXPECT_TRUE(values.emplace(name, value).second) << name << " appears twice";
  }
  EXPECT_EQ(values["max-clients"], "123");
  EXPECT_EQ(values["maxclients"], "123");
  EXPECT_EQ(values["protected-mode"], "yes");
  EXPECT_EQ(values["save"], "");
  EXPECT_EQ(values["databases"], "16");
}

}  // namespace
}  // namespace kvstore::server
