// RecordingSink: for tests; keeps what it is told, and applies it to another store.
//
// Thread rule: one thread; the LSN counter may be shared by the sinks of several.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "store/mutation_sink.h"
#include "store/store_for_tests.h"

namespace kvstore::store {

struct Effect {
  enum class Kind { kSet, kSplice, kErase, kFlush, kSwap };

  Kind kind = Kind::kSet;
  int db = 0;
  std::string key;
  std::string bytes;
  bool shared = false;  // kSet: told as a block
  std::size_t offset = 0;
  std::size_t size = 0;
  int other_db = 0;
  Lsn lsn = 0;  // of its group; 0 until that is sealed
};

class RecordingSink final : public MutationSink {
 public:
  static constexpr Lsn kLsnStep = 10;

  explicit RecordingSink(std::atomic<Lsn>* lsns = nullptr) : lsns_(lsns == nullptr ? &own_lsns_ : lsns) {}

  void on_set(int db, std::string_view key, const ValueView& value) override {
    add(Effect::Kind::kSet, db, key, value.bytes).shared = value.block != nullptr;
  }
  void on_splice(int db, std::string_view key, std::size_t offset, std::size_t size, std::string_view bytes) override {
    Effect& effect = add(Effect::Kind::kSplice, db, key, bytes);
    effect.offset = offset;
    effect.size = size;
  }
  void on_erase(int db, std::string_view key) override { add(Effect::Kind::kErase, db, key, {}); }
  void on_flush(int db) override { add(Effect::Kind::kFlush, db, {}, {}); }
  void on_swap(int db_a, int db_b) override { add(Effect::Kind::kSwap, db_a, {}, {}).other_db = db_b; }
  Lsn seal() override {
    if (sealed_ == effects.size()) return 0;
    // relaxed: the shards' locks order it.
    const Lsn lsn = lsns_->fetch_add(kLsnStep, std::memory_order_relaxed) + kLsnStep;
    for (; sealed_ < effects.size(); ++sealed_) effects[sealed_].lsn = lsn;
    return lsn;
  }

  // Does to a store what was told of another.
  static void apply(const Effect& effect, Store& store) {
    switch (effect.kind) {
      case Effect::Kind::kSet:
        return store.set(effect.db, effect.key, effect.bytes);
      case Effect::Kind::kSplice:
        return store.splice(effect.db, effect.key, effect.offset, effect.size, effect.bytes);
      case Effect::Kind::kErase:
        KV_ASSERT(store.erase(effect.db, effect.key));  // told only of keys that were there
        return;
      case Effect::Kind::kFlush:
        return effect.db < 0 ? store.flush_all() : store.flush(effect.db);
      case Effect::Kind::kSwap:
        return store.swap(effect.db, effect.other_db);
    }
  }

  std::vector<Effect> effects;

 private:
  Effect& add(Effect::Kind kind, int db, std::string_view key, std::string_view bytes) {
    Effect& effect = effects.emplace_back();
    effect.kind = kind;
    effect.db = db;
    effect.key = key;
    effect.bytes = bytes;
    return effect;
  }

  std::atomic<Lsn> own_lsns_{0};
  std::atomic<Lsn>* lsns_;
  std::size_t sealed_ = 0;
};

}  // namespace kvstore::store
