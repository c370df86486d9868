// run_forked: runs a measurement in a child process and brings its plain-data result back.
//
// A child starts from the parent's small, untouched memory, so what one measurement left in the allocator does not
// make the next one look small. The child dies with its parent.
// Thread rule: call it while this process has one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>

namespace kvstore::benchmarks {

// Runs `work`, which fills `size` bytes at `result`, in a child; false when the child failed or ended early.
[[nodiscard]] bool run_forked_raw(const std::function<bool(void*)>& work, void* result, std::size_t size);

// `work` returns false when it failed, after saying why on stderr.
template <typename Figures>
[[nodiscard]] std::optional<Figures> run_forked(const std::function<bool(Figures&)>& work) {
  static_assert(std::is_trivially_copyable_v<Figures>);
  Figures figures{};
  const auto fill = [&](void* memory) { return work(*static_cast<Figures*>(memory)); };
  if (!run_forked_raw(fill, &figures, sizeof figures)) return std::nullopt;
  return figures;
}

}  // namespace kvstore::benchmarks
