// ZeroedMemory: calloc() with room to align.

#include "dataplane/offline/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace vswitch {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePageBytes = 2 << 20;
// From here on memory is used in such places that small pages are slow.
constexpr size_t kLargeBytes = 16 * kHugePageBytes;

}  // namespace

ZeroedMemory::ZeroedMemory(size_t bytes)
    : block_(std::calloc(1, bytes + kAlignment)), bytes_(bytes) {
  // As `new` ends a program that catches nothing.
  if (block_ == nullptr) std::abort();
  if (bytes < kLargeBytes) return;
  // For its speed alone, so that it does not matter whether it works.
  const auto begin =
      (reinterpret_cast<uintptr_t>(block_) + kHugePageBytes - 1) /
      kHugePageBytes * kHugePageBytes;
  const auto end = (reinterpret_cast<uintptr_t>(block_) + bytes) /
                   kHugePageBytes * kHugePageBytes;
  static_cast<void>(
      madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

ZeroedMemory::ZeroedMemory(ZeroedMemory&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

ZeroedMemory& ZeroedMemory::operator=(ZeroedMemory&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

ZeroedMemory::~ZeroedMemory() { std::free(block_); }

std::span<std::byte> ZeroedMemory::bytes() const {
  if (block_ == nullptr) return {};
  void* aligned = block_;
  size_t room = bytes_ + kAlignment;
  std::align(kAlignment, bytes_, aligned, room);
  return {static_cast<std::byte*>(aligned), bytes_};
}

}  // namespace vswitch
