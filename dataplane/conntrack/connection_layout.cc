// Sizes, formatting and checked opening of the connection table's memory.

#include "dataplane/conntrack/connection_layout.h"

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kConnectionMagic = 0x31304e4e4f435356;  // "VSCONN01"
constexpr uint64_t kLine = 64;

using Store = SharedConnectionStore;

// A number that differs when one of the structures does, or what is in them.
constexpr uint64_t kConnectionLayout =
    4 + (sizeof(Store::Bucket) << 8) + (sizeof(Store::Entry) << 20) +
    (sizeof(Store::Half) << 32) + (sizeof(Store::HighAddresses) << 44);

static_assert(sizeof(Store::Bucket) == kLine);
static_assert(sizeof(Store::Entry) == kLine);
static_assert(sizeof(Store::Half) == kLine / 2);
static_assert(sizeof(Store::HighAddresses) == 48);
static_assert(sizeof(ConnectionHeader) <= kLine);

struct Offsets {
  uint32_t bucket_count;
  uint64_t buckets;
  uint64_t entries;
  uint64_t halves[2];
  uint64_t rests;
  uint64_t high_addresses;
  uint64_t bytes;
};

uint64_t RoundUp(uint64_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

Offsets OffsetsFor(uint32_t capacity) {
  Offsets offsets;
  // Two slots per connection, ten per bucket, 65 % of them used when the table
  // is full (see connection_store.h); a few more, as small tables vary more.
  offsets.bucket_count = static_cast<uint32_t>(uint64_t{capacity} * 4 / 13 + 4);
  offsets.buckets = RoundUp(sizeof(ConnectionHeader));
  offsets.entries =
      offsets.buckets + uint64_t{offsets.bucket_count} * sizeof(Store::Bucket);
  offsets.halves[0] =
      offsets.entries + uint64_t{capacity} * sizeof(Store::Entry);
  const uint64_t halves_bytes =
      RoundUp(uint64_t{capacity} * sizeof(Store::Half));
  offsets.halves[1] = offsets.halves[0] + halves_bytes;
  offsets.rests = offsets.halves[1] + halves_bytes;
  offsets.high_addresses =
      offsets.rests + RoundUp(uint64_t{capacity} * sizeof(Store::Rest));
  offsets.bytes = offsets.high_addresses +
                  RoundUp(uint64_t{capacity} * sizeof(Store::HighAddresses));
  return offsets;
}

}  // namespace

uint64_t ConnectionTable::BytesFor(uint32_t capacity) {
  return OffsetsFor(capacity).bytes;
}

uint32_t ConnectionTable::CapacityFor(uint64_t bytes) {
  uint32_t low = 0;
  uint32_t high = kMaxConnections;
  while (low < high) {
    const uint32_t middle = low + (high - low + 1) / 2;
    if (BytesFor(middle) <= bytes) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

absl::Status ConnectionTable::Format(std::span<std::byte> memory,
                                     uint32_t capacity,
                                     const HashSecret& secret) {
  if (capacity == 0 || capacity > kMaxConnections) {
    return absl::InvalidArgumentError(
        absl::StrCat("connection table: a capacity of ", capacity,
                     " connections; expected 1 to ", kMaxConnections));
  }
  const Offsets offsets = OffsetsFor(capacity);
  if (memory.size() < offsets.bytes ||
      reinterpret_cast<uintptr_t>(memory.data()) % kLine != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "connection table: ", memory.size(), " bytes of memory; ", capacity,
        " connections need ", offsets.bytes, ", aligned to ", kLine));
  }
  auto* header = new (memory.data()) ConnectionHeader{};
  header->layout = kConnectionLayout;
  header->bytes = offsets.bytes;
  header->capacity = capacity;
  header->bucket_count = offsets.bucket_count;
  header->secret = secret;
  header->magic = kConnectionMagic;
  return absl::OkStatus();
}

absl::StatusOr<ConnectionTableLayout> OpenConnectionTable(
    std::span<std::byte> memory) {
  if (memory.size() < sizeof(ConnectionHeader) ||
      reinterpret_cast<uintptr_t>(memory.data()) % kLine != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("connection table: ", memory.size(),
                     " bytes, or not aligned to ", kLine));
  }
  ConnectionTableLayout layout;
  layout.header = reinterpret_cast<ConnectionHeader*>(memory.data());
  const uint32_t capacity = layout.header->capacity;
  if (layout.header->magic != kConnectionMagic ||
      layout.header->layout != kConnectionLayout) {
    return absl::FailedPreconditionError(
        "connection table: the memory holds none, or one of another version; "
        "it must be formatted anew");
  }
  const Offsets offsets = OffsetsFor(std::min(capacity, kMaxConnections));
  if (capacity == 0 || capacity > kMaxConnections ||
      layout.header->bucket_count != offsets.bucket_count ||
      layout.header->bytes != offsets.bytes || offsets.bytes > memory.size()) {
    return absl::DataLossError(absl::StrCat(
        "connection table: the header says ", capacity, " connections, ",
        layout.header->bucket_count, " buckets, ", layout.header->bytes,
        " bytes; that does not fit the memory of ", memory.size(), " bytes"));
  }
  Store::Arrays arrays;
  arrays.bucket_count = offsets.bucket_count;
  arrays.buckets =
      reinterpret_cast<Store::Bucket*>(memory.data() + offsets.buckets);
  arrays.entries =
      reinterpret_cast<Store::Entry*>(memory.data() + offsets.entries);
  for (uint32_t i = 0; i < 2; ++i) {
    arrays.halves[i] =
        reinterpret_cast<Store::Half*>(memory.data() + offsets.halves[i]);
  }
  arrays.rests = reinterpret_cast<Store::Rest*>(memory.data() + offsets.rests);
  arrays.high_addresses = reinterpret_cast<Store::HighAddresses*>(
      memory.data() + offsets.high_addresses);
  arrays.capacity = capacity;
  layout.store = Store(arrays, FlowHasher{layout.header->secret});
  return layout;
}

uint32_t UsedLimit(const ConnectionTableLayout& layout) {
  return std::min(layout.header->used_limit.LoadAcquire(),
                  layout.store.arrays().capacity);
}

}  // namespace vswitch
