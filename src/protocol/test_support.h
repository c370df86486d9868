// What the tests of this room share: a parser fed in every possible way, and the bytes of an output.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_buffer.h"
#include "protocol/request.h"

namespace kvstore::protocol::test {

using Words = std::vector<std::string>;

// One thing a parser said, kIncomplete and kNothing aside.
struct Outcome {
  ParseStatus status = ParseStatus::kRequest;
  Words words;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

inline Outcome request(Words words) { return {ParseStatus::kRequest, std::move(words), {}}; }
inline Outcome failure(std::string error) { return {ParseStatus::kError, {}, std::move(error)}; }
inline Outcome closing() { return {ParseStatus::kClose, {}, {}}; }

inline void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << "status " << static_cast<int>(outcome.status) << " error '" << outcome.error << "' words";
  for (const std::string& word : outcome.words) *out << " <" << word << '>';
}

// Feeds the pieces as a connection does. Every call sees a block of exactly the bytes there are, at a new address, so
// that AddressSanitizer sees a byte too many and a parser that keeps pointers is found.
class Feeder {
 public:
  explicit Feeder(RequestParser& parser) : parser_(parser) {}

  void feed(std::string_view piece) {
    buffer_ += piece;
    while (!stopped_) {
      const auto block = std::make_unique<char[]>(buffer_.size());
      buffer_.copy(block.get(), buffer_.size());
      std::vector<std::string_view> words = {"kept"};  // of an earlier request in the same batch
      base::Scratch scratch;
      ParseResult result = parser_.parse({block.get(), buffer_.size()}, words, scratch);
      sane_ = sane_ && result.consumed <= buffer_.size() && words.front() == "kept" &&
              (words.size() == 1 || result.status == ParseStatus::kRequest);
      if (result.status == ParseStatus::kIncomplete) {
        sane_ = sane_ && result.consumed == 0;
        return;
      }
      if (result.status != ParseStatus::kNothing) {
        outcomes_.push_back({result.status, Words(words.begin() + 1, words.end()), parser_.error()});
      }
      stopped_ = result.status == ParseStatus::kError || result.status == ParseStatus::kClose;
      buffer_.erase(0, result.consumed);
    }
  }
  [[nodiscard]] const std::vector<Outcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] std::size_t left() const { return buffer_.size(); }
  // The contract of RequestParser was kept so far.
  [[nodiscard]] bool sane() const { return sane_; }

 private:
  RequestParser& parser_;
  std::string buffer_;
  std::vector<Outcome> outcomes_;
  bool stopped_ = false;
  bool sane_ = true;
};

// What parse_every_way() returns when it finds a fault.
inline Outcome fault(std::string text) { return {ParseStatus::kNothing, {}, std::move(text)}; }
inline bool depends_on_pieces(const std::vector<Outcome>& outcomes) {
  return !outcomes.empty() && outcomes.front().status == ParseStatus::kNothing;
}

template <typename Parser>
std::vector<Outcome> parse_pieces(const std::vector<std::string_view>& pieces, const ParserLimits& limits) {
  Parser parser(limits);
  Feeder feeder(parser);
  for (const std::string_view piece : pieces) feeder.feed(piece);
  if (!feeder.sane()) return {fault("the parser broke its contract")};
  return feeder.outcomes();
}

// The outcomes of `input` in one piece, or a fault when some other way of cutting it gives other ones.
template <typename Parser>
std::vector<Outcome> parse_every_way(std::string_view input, const ParserLimits& limits = {}) {
  const std::vector<Outcome> whole = parse_pieces<Parser>({input}, limits);
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    if (parse_pieces<Parser>({input.substr(0, cut), input.substr(cut)}, limits) != whole) {
      return {fault("cut at " + std::to_string(cut) + " it parses differently")};
    }
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
  if (parse_pieces<Parser>(bytes, limits) != whole) return {fault("byte by byte it parses differently")};
  return whole;
}

inline std::string bytes_of(const base::OutputBuffer& output) {
  std::vector<iovec> pieces(1024);
  const int count = output.fill(pieces.data(), static_cast<int>(pieces.size()));
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<std::size_t>(i)];
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return bytes;
}

// What `writer` writes for one reply.
template <typename Writer, typename Reply>
std::string written(Writer& writer, Reply reply) {
  base::OutputBuffer output;
  writer.begin(output);
  reply(writer);
  writer.end();
  return bytes_of(output);
}

}  // namespace kvstore::protocol::test
