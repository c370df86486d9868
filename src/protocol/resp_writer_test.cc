#include "protocol/resp_writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "protocol/test_support.h"

namespace kvstore::protocol {
namespace {

using namespace std::string_literals;

template <typename Reply>
std::string resp2(Reply reply) {
  Resp2Writer writer;
  return test::written(writer, reply);
}

template <typename Reply>
std::string resp3(Reply reply) {
  Resp3Writer writer;
  return test::written(writer, reply);
}

TEST(RespWriter, IntegersOfAnySize) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.integer(0); }), ":0\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.integer(9); }), ":9\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.integer(10); }), ":10\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.integer(-1); }), ":-1\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.integer(std::numeric_limits<std::int64_t>::min()); }),
            ":-9223372036854775808\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.integer(std::numeric_limits<std::int64_t>::max()); }),
            ":9223372036854775807\r\n");
}

TEST(RespWriter, BulkStringsAreBinarySafe) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.bulk(""); }), "$0\r\n\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.bulk("a\r\n\0b"s); }), "$5\r\na\r\n\0b\r\n"s);
  const std::string large(100'000, 'x');
  EXPECT_EQ(resp3([&](ReplyWriter& w) { w.bulk(large); }), "$100000\r\n" + large + "\r\n");
}

TEST(RespWriter, LargeValuesAreReferencedNotCopied) {
  const base::SharedBytesRef block = base::SharedBytesRef::copy_of(std::string(9000, 'x'));
  base::OutputBuffer output;
  Resp2Writer writer;
  writer.begin(output);
  writer.array(2);
  writer.bulk(block);
  writer.bulk("y");
  writer.end();
  EXPECT_FALSE(block.unique());
  EXPECT_EQ(test::bytes_of(output), "*2\r\n$9000\r\n" + std::string(9000, 'x') + "\r\n$1\r\ny\r\n");
  output.clear();
  EXPECT_TRUE(block.unique());
}

TEST(RespWriter, APartOfALargeValueIsReferencedToo) {
  const base::SharedBytesRef block = base::SharedBytesRef::copy_of("0123456789");
  EXPECT_EQ(resp2([&](ReplyWriter& w) { w.bulk_slice(block, 3, 4); }), "$4\r\n3456\r\n");
  EXPECT_EQ(resp2([&](ReplyWriter& w) { w.bulk_slice(block, 10, 0); }), "$0\r\n\r\n");
}

TEST(RespWriter, HelloIsSpelledAsTheVersionItSwitchesTo) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.map_as_resp(3, 7); }), "%7\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.map_as_resp(2, 7); }), "*14\r\n");
}

TEST(RespWriter, AnEmptyLargeValueIsAnEmptyString) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.bulk(base::SharedBytesRef::copy_of("")); }), "$0\r\n\r\n");
}

TEST(RespWriter, TypesThatResp2DoesNotHaveBecomeTheirOldForms) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.null(); }), "$-1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.null_array(); }), "*-1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.boolean(true); }), ":1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.boolean(false); }), ":0\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.real(3.5); }), "$3\r\n3.5\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.real(std::numeric_limits<double>::infinity()); }), "$3\r\ninf\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.verbatim("a\nb"); }), "$3\r\na\nb\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.set(0); }), "*0\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) {
              w.map(1);
              w.bulk("k");
              w.integer(1);
            }),
            "*2\r\n$1\r\nk\r\n:1\r\n");
}

TEST(RespWriter, Resp3HasTypesOfItsOwn) {
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.null(); }), "_\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.null_array(); }), "_\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.boolean(true); }), "#t\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.boolean(false); }), "#f\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.real(3.5); }), ",3.5\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.real(-std::numeric_limits<double>::infinity()); }), ",-inf\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.real(std::numeric_limits<double>::quiet_NaN()); }), ",nan\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.verbatim("a\nb"); }), "=7\r\ntxt:a\nb\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) {
              w.map(1);
              w.bulk("k");
              w.set(1);
              w.array(0);
            }),
            "%1\r\n$1\r\nk\r\n~1\r\n*0\r\n");
}

TEST(RespWriter, NativeRepliesHaveTheirRespForms) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.ok(); }), "+OK\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.message("PONG"); }), "+PONG\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.key_set("k"); }), "+OK\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.key_not_found("k"); }), "$-1\r\n");
  EXPECT_EQ(resp3([](ReplyWriter& w) { w.key_not_found("k"); }), "_\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.deleted(true); }), ":1\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.deleted(false); }), ":0\r\n");
}

TEST(RespWriter, LineEndsInAnErrorCannotEndIt) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.error("wrong\r\n+OK\r\n"); }), "-ERR wrong  +OK\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.error("WRONGTYPE", "Operation"); }), "-WRONGTYPE Operation\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.simple("a\nb"); }), "+a b\r\n");
}

TEST(RespWriter, UnknownCommandsAreNamedWithTheirFirstArguments) {
  const auto unknown = [](const std::vector<std::string_view>& words) {
    return resp2([&](ReplyWriter& w) { w.unknown_command(words); });
  };
  EXPECT_EQ(unknown({"foo"}), "-ERR unknown command 'foo', with args beginning with: \r\n");
  EXPECT_EQ(unknown({"foo", "a", ""}), "-ERR unknown command 'foo', with args beginning with: 'a' '' \r\n");
  EXPECT_EQ(unknown({"f\r\no", "a\nb"}), "-ERR unknown command 'f  o', with args beginning with: 'a b' \r\n");
  const std::string hundred(100, 'x');
  const std::string two_hundred(200, 'y');
  EXPECT_EQ(unknown({two_hundred, hundred, hundred, hundred}), "-ERR unknown command '" + std::string(128, 'y') +
                                                                   "', with args beginning with: '" + hundred + "' '" +
                                                                   std::string(25, 'x') + "' \r\n");
}

TEST(RespWriter, WrongArityNamesTheCommand) {
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.wrong_arity("get"); }),
            "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(resp2([](ReplyWriter& w) { w.wrong_arity("config|get"); }),
            "-ERR wrong number of arguments for 'config|get' command\r\n");
}

TEST(RespWriter, AReplyOverTheLimitBecomesOneErrorAndSparesItsNeighbours) {
  const base::SharedBytesRef block =
      base::SharedBytesRef::copy_of(std::string(64 << 20, 'x'));  // referenced 16 times: the limit, headers aside
  base::OutputBuffer output;
  Resp2Writer writer;
  writer.begin(output);
  writer.integer(1);
  writer.end();
  writer.begin(output);
  writer.array(19);
  writer.bulk("first");
  for (int i = 0; i < 16; ++i) writer.bulk(block);
  writer.integer(7);
  writer.bulk("last");
  writer.end();
  EXPECT_TRUE(block.unique());  // nothing waits to be sent
  writer.begin(output);
  writer.integer(2);
  writer.end();
  EXPECT_EQ(test::bytes_of(output), ":1\r\n-ERR reply exceeds the limit of 1073741824 bytes\r\n:2\r\n");
}

}  // namespace
}  // namespace kvstore::protocol
