// Replies of both protocols: complete ones are taken whole, incomplete ones wait, and what they mean is told apart.
#include "tcp_client.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace kvstore::benchmarks {
namespace {

void expect_reply(Protocol protocol, std::string_view bytes, ReplyKind kind, std::string_view text) {
  const std::string input = std::string(bytes) + "next";
  std::size_t consumed = 0;
  const std::optional<Reply> reply = take_reply(protocol, input, consumed);
  ASSERT_TRUE(reply.has_value()) << bytes;
  EXPECT_EQ(reply->kind, kind) << bytes;
  EXPECT_EQ(reply->text, text) << bytes;
  EXPECT_EQ(consumed, bytes.size()) << bytes;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(take_reply(protocol, bytes.substr(0, length), consumed).has_value()) << length << " of " << bytes;
  }
}

TEST(TakeReply, Resp) {
  expect_reply(Protocol::kResp, "+OK\r\n", ReplyKind::kOk, "OK");
  expect_reply(Protocol::kResp, ":12\r\n", ReplyKind::kOk, "12");
  expect_reply(Protocol::kResp, "$4\r\n\r\n\r\n\r\n", ReplyKind::kOk, "\r\n\r\n");
  expect_reply(Protocol::kResp, "$0\r\n\r\n", ReplyKind::kOk, "");
  expect_reply(Protocol::kResp, "$-1\r\n", ReplyKind::kMissing, "");
  expect_reply(Protocol::kResp, "_\r\n", ReplyKind::kMissing, "");
  expect_reply(Protocol::kResp, "-ERR no\r\n", ReplyKind::kError, "ERR no");
}

TEST(TakeReply, Memcached) {
  expect_reply(Protocol::kMemcached, "STORED\r\n", ReplyKind::kOk, "STORED");
  expect_reply(Protocol::kMemcached, "DELETED\r\n", ReplyKind::kOk, "DELETED");
  expect_reply(Protocol::kMemcached, "VERSION 1.6\r\n", ReplyKind::kOk, "VERSION 1.6");
  expect_reply(Protocol::kMemcached, "VALUE k 0 4\r\njohn\r\nEND\r\n", ReplyKind::kOk, "john");
  expect_reply(Protocol::kMemcached, "VALUE k 0 0\r\n\r\nEND\r\n", ReplyKind::kOk, "");
  expect_reply(Protocol::kMemcached, "END\r\n", ReplyKind::kMissing, "END");
  expect_reply(Protocol::kMemcached, "NOT_FOUND\r\n", ReplyKind::kMissing, "NOT_FOUND");
  expect_reply(Protocol::kMemcached, "ERROR\r\n", ReplyKind::kError, "ERROR");
  expect_reply(Protocol::kMemcached, "NOT_STORED\r\n", ReplyKind::kError, "NOT_STORED");
  expect_reply(Protocol::kMemcached, "SERVER_ERROR out of memory\r\n", ReplyKind::kError, "SERVER_ERROR out of memory");
}

TEST(TakeReply, MemcachedValueThatHoldsTheEndOfAReplyIsTakenWhole) {
  expect_reply(Protocol::kMemcached, "VALUE k 0 14\r\nx\r\nEND\r\nSTORED\r\nEND\r\n", ReplyKind::kOk,
               "x\r\nEND\r\nSTORED");
}

TEST(TakeReply, MemcachedValueOfAnotherLengthThanItSaysIsAnError) {
  std::size_t consumed = 0;
  for (const std::string_view reply : {"VALUE k 0 2\r\njohn\r\nEND\r\n", "VALUE k 0 x\r\njohn\r\nEND\r\n"}) {
    const std::optional<Reply> taken = take_reply(Protocol::kMemcached, reply, consumed);
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->kind, ReplyKind::kError);
  }
}

TEST(TakeReply, Json) {
  const auto expect = [](std::string_view line, ReplyKind kind) {
    expect_reply(Protocol::kJson, std::string(line) + "\n", kind, line);
  };
  expect(R"({"status": "OK", "value": "john"})", ReplyKind::kOk);
  expect(R"({"status": "ERROR"})", ReplyKind::kMissing);
  expect(R"({"status": "ERROR", "message": "Key 'k' not found"})", ReplyKind::kMissing);
  expect(R"({"status": "ERROR", "message": "Unknown command"})", ReplyKind::kError);
}

TEST(Requests, AreSpelledAsEachProtocolWants) {
  std::string out;
  append_set(Protocol::kResp, "k", "vv", out);
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n");
  out.clear();
  append_set(Protocol::kJson, "k", "vv", out);
  append_get(Protocol::kJson, "k", out);
  append_delete(Protocol::kJson, "k", out);
  EXPECT_EQ(out, "SET k \"vv\"\nGET k\nDELETE k\n");
  out.clear();
  append_set(Protocol::kMemcached, "k", "vv", out);
  append_get(Protocol::kMemcached, "k", out);
  append_delete(Protocol::kMemcached, "k", out);
  append_words(Protocol::kMemcached, "version", out);
  EXPECT_EQ(out, "set k 0 0 2\r\nvv\r\nget k\r\ndelete k\r\nversion\r\n");
  out.clear();
  append_words(Protocol::kResp, "INFO server", out);
  EXPECT_EQ(out, "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n");
}

}  // namespace
}  // namespace kvstore::benchmarks
