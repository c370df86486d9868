// How each server is told to run, and how one is named on the command line.
#include "peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kvstore::benchmarks {
namespace {

using testing::ElementsAre;

// The word behind an option; empty when the option is not there.
std::string behind(const std::vector<std::string>& arguments, const std::string& option) {
  const auto found = std::find(arguments.begin(), arguments.end(), option);
  return found == arguments.end() || found + 1 == arguments.end() ? std::string() : *(found + 1);
}

PeerSetting setting_of(Durability durability) {
  PeerSetting setting;
  setting.durability = durability;
  setting.port = 7001;
  setting.directory = "/somewhere";
  return setting;
}

TEST(PeerArguments, EveryServerMakesTheSamePromiseAboutTheDisk) {
  const Peer ours{PeerKind::kOurs, "kvstore", "server"};
  const Peer redis{PeerKind::kRedis, "redis", "redis-server"};
  EXPECT_EQ(behind(peer_arguments(ours, setting_of(Durability::kOff)), "--durability"), "none");
  EXPECT_EQ(behind(peer_arguments(redis, setting_of(Durability::kOff)), "--appendonly"), "no");
  for (const Durability durability : {Durability::kEverySecond, Durability::kAlways}) {
    const std::string name(durability_name(durability));
    EXPECT_EQ(behind(peer_arguments(ours, setting_of(durability)), "--durability"), name);
    EXPECT_EQ(behind(peer_arguments(redis, setting_of(durability)), "--appendonly"), "yes");
    EXPECT_EQ(behind(peer_arguments(redis, setting_of(durability)), "--appendfsync"), name);
  }
}

TEST(PeerArguments, OnlyServersThatHaveAModeAreMeasuredInIt) {
  for (const PeerKind kind : {PeerKind::kMemcached, PeerKind::kFloor, PeerKind::kNamed}) {
    const Peer peer{kind, "peer", "program"};
    EXPECT_TRUE(peer.has(Durability::kOff));
    EXPECT_FALSE(peer.has(Durability::kEverySecond));
    EXPECT_FALSE(peer.has(Durability::kAlways));
  }
}

TEST(PeerArguments, TheFloorIsToldTheLengthsOfRequestAndReply) {
  PeerSetting setting = setting_of(Durability::kOff);
  setting.request_bytes = 36;
  setting.value_bytes = 32;
  const Peer floor{PeerKind::kFloor, "floor", "floor"};
  EXPECT_EQ(behind(peer_arguments(floor, setting), "--request-bytes"), "36");
  EXPECT_EQ(behind(peer_arguments(floor, setting), "--value-bytes"), "32");
  setting.replies_ok = true;
  EXPECT_EQ(behind(peer_arguments(floor, setting), "--value-bytes"), "");
}

TEST(ParsePeer, FillsInPortDirectoryAndThreads) {
  const Result<Peer> peer = parse_peer("other=/bin/sh --port {port} --at={dir}/x:{port}  -t {threads}");
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer.value().name, "other");
  EXPECT_EQ(peer.value().program, "/bin/sh");
  EXPECT_THAT(peer_arguments(peer.value(), setting_of(Durability::kOff)),
              ElementsAre("--port", "7001", "--at=/somewhere/x:7001", "-t", "1"));
}

TEST(ParsePeer, AProgramThatIsNotThereIsNoMistake) {
  const Result<Peer> peer = parse_peer("other=/nonexistent/program {port}");
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer.value().program, "");
}

TEST(ParsePeer, RefusesWhatCannotBeRun) {
  for (const char* text : {"", "name", "=program {port}", "name=", "name=program", "name= --port"}) {
    EXPECT_FALSE(parse_peer(text).ok()) << text;
  }
}

TEST(FindProgram, LooksAlongThePathUnlessTheNameHasASlash) {
  EXPECT_THAT(find_program("sh"), testing::EndsWith("/sh"));
  EXPECT_EQ(find_program("no-such-program-anywhere"), "");
  EXPECT_EQ(find_program("./sh-that-is-not-here"), "");
}

}  // namespace
}  // namespace kvstore::benchmarks
