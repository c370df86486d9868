#include "durability/log.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/bytes.h"

namespace kvstore::durability {
namespace {

std::uint64_t random_salt() {
  std::uint64_t salt = 0;
  KV_ASSERT(getrandom(&salt, sizeof salt, 0) == sizeof salt);
  return salt;
}

}  // namespace

Log::Log(SegmentPool& segments, const env::Clock& clock, Options options, Position position)
    : segments_(segments),
      clock_(clock),
      options_(std::move(options)),
      database_id_(position.database_id),
      open_(new_buffer()),
      end_lsn_(position.lsn),
      segment_(std::move(position.segment)),
      salt_(position.salt),
      next_salt_(position.next_salt != 0 ? position.next_salt : random_salt()),
      offset_(position.offset),
      acknowledged_lsn_(position.lsn),
      durable_lsn_(position.lsn),
      marked_lsn_(0) {
  const base::SpinLockGuard guard(mutex_);
  open_->reset(position.lsn);
  if (segment_.file != nullptr) {
    segment_room_.store(segments_.options().segment_bytes - offset_, std::memory_order_relaxed);
  }
}

Log::~Log() = default;

// --- writing -------------------------------------------------------------------------------------------------------

Lsn Log::append(std::string_view bytes, std::span<Insertion> insertions) {
  std::size_t body = bytes.size();
  for (const Insertion& insertion : insertions) body += insertion.bytes.size();
  std::array<char, kVarintBytesMax> prefix;
  const auto prefix_bytes = static_cast<std::size_t>(put_varint(prefix.data(), body) - prefix.data());

  const base::SpinLockGuard guard(mutex_);
  copy_in({prefix.data(), prefix_bytes});
  std::size_t copied = 0;
  for (Insertion& insertion : insertions) {
    copy_in(bytes.substr(copied, insertion.offset - copied));
    copied = insertion.offset;
    open_->insert(std::move(insertion.block), insertion.bytes);
  }
  copy_in(bytes.substr(copied));
  open_->prefetch(prefix_bytes + bytes.size());
  const Lsn end =
      end_lsn_.load(std::memory_order_relaxed) + prefix_bytes + body;  // relaxed: changed under mutex_ alone
  end_lsn_.store(end, std::memory_order_release);
  return end;
}

void Log::copy_in(std::string_view bytes) {
  while (!bytes.empty()) {
    if (open_->room() == 0) next_buffer();
    const std::string_view piece = bytes.substr(0, open_->room());
    open_->add(piece);
    bytes.remove_prefix(piece.size());
  }
}

void Log::next_buffer() {
  const Lsn next = open_->first_lsn() + open_->stream_bytes();
  full_.push_back(std::move(open_));
  if (spare_.empty()) {
    // Writers were faster than refill_spares(): rare, and better than to fail.
    open_ = new_buffer();
  } else {
    open_ = std::move(spare_.back());
    spare_.pop_back();
  }
  open_->reset(next);
}

bool Log::has_room() const { return queued_bytes() < kQueuedBytesMax && !wants_segment_now(); }

// While the keeper makes one ready, half of the segment in use may be filled; less where that would not leave enough
// for the commands that run already.
bool Log::wants_segment_now() const {
  if (segments_.ready_count() > 0 || segments_.disk_full()) return false;
  return space_left() < std::max(segments_.options().segment_bytes / 2, kRoomForRunning);
}

bool Log::shall_fill_segment() const {
  return !wants_segment_now() && recent_batch_bytes_.load(std::memory_order_relaxed) < kLargeBatchBytes;
}

// --- committing ----------------------------------------------------------------------------------------------------

std::optional<Log::Commit> Log::begin_commit() { return begin(/*marker=*/false); }
std::optional<Log::Commit> Log::begin_marker() { return begin(/*marker=*/true); }

// A writer appends, then looks at commit_under_way_; a committer clears it, then looks for what was appended. Both are
// seq_cst (the appends are under the mutex, which is no weaker), so at least one of the two sees the other: nothing
// stays behind without a commit.
std::optional<Log::Commit> Log::begin(bool marker) {
  for (;;) {
    if (failed_.load(std::memory_order_acquire)) return std::nullopt;
    if (commit_under_way_.exchange(true, std::memory_order_seq_cst)) return std::nullopt;
    if (take_source()) {
      const std::size_t payload = std::min(source_->stream_bytes(), source_->payload_max());
      if (ensure_segment(payload)) {
        const Lsn first_lsn = source_->first_lsn();
        if (!source_->has_blocks()) return prepare_batch(*source_, first_lsn, payload, closes_page());
        if (staging_ == nullptr) staging_ = new_buffer();
        KV_ASSERT(source_->take(staging_->payload(), payload) == payload);
        return prepare_batch(*staging_, first_lsn, payload, closes_page());
      }
      blocked_.store(true, std::memory_order_seq_cst);
      commit_under_way_.store(false, std::memory_order_seq_cst);
      wake_waiters();
      if (segments_.ready() == 0) return std::nullopt;  // segments_changed() will say when
      continue;
    }
    if (marker && !KV_SEEDED_BUG(marker_not_written) && wants_marker() && ensure_segment(0)) {
      return prepare_marker(closes_page());
    }
    commit_under_way_.store(false, std::memory_order_seq_cst);
    wake_waiters();
    if (!has_dirty()) return std::nullopt;
  }
}

bool Log::wants_marker() const { return marked_lsn_.load(std::memory_order_relaxed) < durable_lsn() || commits() == 0; }

bool Log::has_dirty() const {
  const base::SpinLockGuard guard(mutex_);
  return !full_.empty() || !open_->empty();
}

// Makes source_ what is to be written next; false when there is nothing.
bool Log::take_source() {
  if (source_ != nullptr) return true;
  const base::SpinLockGuard guard(mutex_);
  if (full_.empty()) {
    if (open_->empty()) return false;
    next_buffer();
  }
  source_ = std::move(full_.front());
  full_.pop_front();
  return true;
}

// Makes room for a batch in the segment in use, or goes on to the next one; false when none is ready.
bool Log::ensure_segment(std::size_t payload) {
  if (segment_.file != nullptr && offset_ + batch_bytes(payload, closes_page()) <= segments_.options().segment_bytes) {
    return true;
  }
  std::optional<ReadySegment> next = segments_.take(acknowledged_lsn());
  if (!next) return false;
  blocked_.store(false, std::memory_order_seq_cst);
  segment_ = std::move(*next);
  previous_salt_ = salt_;
  salt_ = next_salt_;
  next_salt_ = random_salt();
  offset_ = kPageBytes;
  new_segment_ = true;
  segment_room_.store(segments_.options().segment_bytes - offset_, std::memory_order_relaxed);
  if (options_.on_segment_taken) options_.on_segment_taken();
  return true;
}

std::size_t Log::batch_bytes(std::size_t payload, bool closes_page) const {
  const std::size_t step = closes_page ? kPageBytes : kBatchStepBytes;
  return round_up(offset_ + kBatchHeaderBytes + payload, step) - offset_;
}

Log::Commit Log::prepare_marker(bool closes_page) {
  if (staging_ == nullptr) staging_ = new_buffer();
  return prepare_batch(*staging_, acknowledged_lsn(), 0, closes_page);
}

Log::Commit Log::prepare_batch(LogBuffer& buffer, Lsn first_lsn, std::size_t payload_bytes, bool closes_page) {
  BatchHeader header;
  header.segment_number = segment_.number;
  header.salt = salt_;
  header.first_lsn = first_lsn;
  header.durable_lsn = KV_SEEDED_BUG(durable_lsn_too_high) ? first_lsn + payload_bytes : durable_lsn();
  header.wall_us = clock_.wall_us();
  header.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  header.flags = first_of_start_ ? BatchHeader::kFirstOfStart : 0;
  batch_bytes_ = batch_bytes(payload_bytes, closes_page);
  header.disk_bytes = static_cast<std::uint32_t>(batch_bytes_);
  payload_bytes_ = payload_bytes;
  batch_end_ = header.end_lsn();
  if (!KV_SEEDED_BUG(padding_not_zeroed)) {
    std::memset(buffer.payload() + payload_bytes, 0, batch_bytes_ - kBatchHeaderBytes - payload_bytes);
  }
  seal_batch(header, buffer.batch());
  marked_lsn_.store(header.durable_lsn, std::memory_order_relaxed);
  if (KV_SEEDED_BUG(acknowledged_before_write)) acknowledged_lsn_.store(batch_end_, std::memory_order_seq_cst);

  // Were the first batch of a start lost and a later one not, what a group left unfinished before the start would get
  // that batch for its rest.
  const bool durable = (options_.mode == Mode::kAlways && !KV_SEEDED_BUG(written_without_sync)) ||
                       (first_of_start_ && !KV_SEEDED_BUG(start_marker_not_durable));
  if (!new_segment_) return {segment_.file.get(), offset_, {buffer.batch(), batch_bytes_}, durable};
  encode_segment_header(
      {database_id_, segment_.number, salt_, first_lsn, previous_salt_, segments_.options().segment_bytes, next_salt_},
      buffer.segment_header());
  return {segment_.file.get(), 0, {buffer.segment_header(), kPageBytes + batch_bytes_}, durable};
}

void Log::finish_commit(const Status& status) {
  KV_ASSERT(commit_under_way_.load(std::memory_order_relaxed));  // relaxed: set by this thread, or handed over with it
  if (!status.ok() && !KV_SEEDED_BUG(failed_write_ignored)) return fail(status);
  offset_ += batch_bytes_;
  segment_room_.store(segments_.options().segment_bytes - offset_, std::memory_order_relaxed);
  if (options_.mode == Mode::kEverySecond) {
    const base::MutexLock lock(wait_mutex_);
    if (unsynced_.empty() || unsynced_.back() != segment_.file) unsynced_.push_back(segment_.file);
  }
  new_segment_ = first_of_start_ = false;
  if (payload_bytes_ > 0) release_source();
  if (options_.mode == Mode::kAlways) durable_lsn_.store(batch_end_, std::memory_order_release);
  acknowledged_lsn_.store(batch_end_, std::memory_order_seq_cst);
  commits_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t recent = recent_batch_bytes_.load(std::memory_order_relaxed);
  recent_batch_bytes_.store(recent - recent / 8 + batch_bytes_ / 8, std::memory_order_relaxed);
  commit_under_way_.store(false, std::memory_order_seq_cst);
  notify();
}

void Log::release_source() {
  refill_spares();
  // A source with blocks is written in several batches.
  if (source_->has_blocks() && source_->stream_bytes() > 0) return;
  std::unique_ptr<LogBuffer> done = std::move(source_);
  done->reset(0);  // lets go of blocks
  const base::SpinLockGuard guard(mutex_);
  if (spare_.size() < kBuffersRetained) spare_.push_back(std::move(done));
}

std::unique_ptr<LogBuffer> Log::new_buffer() const {
  return std::make_unique<LogBuffer>(segments_.options().batch_bytes);
}

void Log::refill_spares() {
  {
    const base::SpinLockGuard guard(mutex_);
    if (!spare_.empty()) return;
  }
  auto buffer = new_buffer();
  const base::SpinLockGuard guard(mutex_);
  spare_.push_back(std::move(buffer));
}

void Log::perform(const Commit& commit) {
  finish_commit(commit.durable ? commit.file->write_durably(commit.offset, commit.bytes)
                               : commit.file->write(commit.offset, commit.bytes));
}

void Log::commit_here() {
  while (std::optional<Commit> commit = begin_commit()) perform(*commit);
}

Status Log::write_marker() {
  if (std::optional<Commit> marker = begin_marker()) perform(*marker);
  commit_here();
  const base::MutexLock lock(wait_mutex_);
  return failure_;
}

// --- space ---------------------------------------------------------------------------------------------------------

void Log::segments_changed() {
  blocked_.store(false, std::memory_order_seq_cst);
  notify();
}

bool Log::takes(std::uint64_t bytes) const {
  const bool full = segments_.disk_full();
  // Something this small is only run while a whole segment is ready or half of one is left (has_room()), or it is known
  // that the disk is full.
  if (!full && bytes <= kSmallBytes) return true;
  const std::uint64_t left = space_left();
  const std::uint64_t reserved = segments_.options().segment_bytes / 2;
  if (bytes == kErasesOnly) return left >= reserved / 2;
  if (bytes == kUnknownBytes) {
    if (full) return false;
    bytes = segments_.options().segment_bytes;
  }
  if (left >= bytes + reserved) return true;
  // The keeper may not have met the full disk yet.
  if (full) return false;
  return left + segments_.room_for_more() >= bytes + reserved;
}

// What surely fits into the segments there are. A batch does not cross into the next segment, so up to a batch of room
// may stay unused at the end of each but the last.
std::uint64_t Log::space_left() const {
  const SegmentPool::Options& options = segments_.options();
  std::uint64_t left = segment_room_.load(std::memory_order_relaxed);
  if (const std::uint64_t ready = segments_.ready_count(); ready > 0) {
    left -= std::min<std::uint64_t>(left, options.batch_bytes);
    left += ready * (options.segment_bytes - kPageBytes) - (ready - 1) * options.batch_bytes;
  }
  return left - std::min(left, queued_bytes());
}

}  // namespace kvstore::durability
