#include "net/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace kvstore::net {
namespace {

TEST(ListenerTest, PortZeroTakesAFreePort) {
  auto listener = open_listener("127.0.0.1", 0);
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  EXPECT_GT(listener_port(*listener), 0);
  close(*listener);
}

TEST(ListenerTest, TakenPortSaysHowToFindTheHolder) {
  auto first = open_listener("127.0.0.1", 0);
  ASSERT_TRUE(first.ok());
  const std::uint16_t port = listener_port(*first);
  auto second = open_listener("127.0.0.1", port);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  const std::string number = std::to_string(port);
  EXPECT_EQ(second.status().message(),
            "Port " + number + " is already in use. To find the holder: ss -ltnp 'sport = :" + number + "'");
  close(*first);
}

TEST(ListenerTest, PortThatIsGivenUpSoonIsWaitedFor) {
  auto first = open_listener("127.0.0.1", 0);
  ASSERT_TRUE(first.ok());
  const std::uint16_t port = listener_port(*first);
  std::thread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    close(*first);
  });
  auto second = open_listener("127.0.0.1", port);
  holder.join();
  ASSERT_TRUE(second.ok()) << second.status().message();
  close(*second);
}

TEST(ListenerTest, PortIsFreeAgainRightAfterAConnectionEndedHere) {
  // Our side closes first, so the connection stays in TIME_WAIT on this port; a restarted server must bind all the
  // same.
  auto listener = open_listener("127.0.0.1", 0);
  ASSERT_TRUE(listener.ok());
  const std::uint16_t port = listener_port(*listener);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const int accepted = accept(*listener, nullptr, nullptr);
  ASSERT_GE(accepted, 0);
  close(accepted);
  char byte;
  EXPECT_EQ(recv(client, &byte, 1, 0), 0);
  close(client);
  close(*listener);
  auto again = open_listener("127.0.0.1", port);
  ASSERT_TRUE(again.ok()) << again.status().message();
  close(*again);
}

TEST(ListenerTest, WordThatIsNoAddressIsRefusedByName) {
  for (const std::string address : {"localhost", "", "1.2.3", "300.1.1.1", "[::1]", "127.0.0.1:80"}) {
    auto listener = open_listener(address, 0);
    ASSERT_FALSE(listener.ok()) << address;
    EXPECT_EQ(listener.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(listener.status().message().find("\"" + address + "\""), std::string::npos);
  }
}

TEST(ListenerTest, AddressOfAnotherMachineIsRefused) {
  auto listener = open_listener("192.0.2.1", 0);
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(listener.status().message().find("192.0.2.1"), std::string::npos);
}

TEST(ListenerTest, ListensOnIpv6) {
  const int probe = socket(AF_INET6, SOCK_STREAM, 0);
  if (probe < 0) GTEST_SKIP() << "no IPv6 here";
  close(probe);
  auto listener = open_listener("::1", 0);
  if (!listener.ok()) GTEST_SKIP() << listener.status().message();
  EXPECT_GT(listener_port(*listener), 0);
  close(*listener);
}

}  // namespace
}  // namespace kvstore::net
