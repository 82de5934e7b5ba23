// dataplane/conntrack/connection_layout.h
//
// Where things lie in the connection table's memory, and the store over them.
//
//   | header | buckets | entries | halves, original | halves, reply | rests |
//   | high addresses |
//
// Each part begins at a multiple of 64 bytes.  The last one is of use to IPv6
// connections only: where there are none the kernel never backs it.
// OpenConnectionTable() checks the header against the memory's size and copies
// what it needs, so that no later change of the header leads outside.
//
// Plain values; see connection_store.h for the threads.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LAYOUT_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/conntrack/connection_store.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"

namespace vswitch {

struct FlowHasher {
  HashSecret secret;
  [[gnu::always_inline]] uint64_t operator()(const FlowKey& key) const {
    return HashFlowKey(secret, key);
  }
};

using SharedConnectionStore = ConnectionStore<StdAtomics, FlowHasher>;

struct ConnectionHeader {
  uint64_t magic;
  uint64_t layout;  // of the structures; another build's memory is refused
  uint64_t bytes;
  uint32_t capacity;
  uint32_t bucket_count;
  HashSecret secret;
  // Entries from this index on were never used; raised by any worker before
  // it fills the first entry behind.
  StdAtomics::Atomic<uint32_t> used_limit;
};

struct ConnectionTableLayout {
  ConnectionHeader* header = nullptr;
  SharedConnectionStore store;
};

// Opens formatted memory.  A reader casts the constness away and keeps to the
// store's const methods.
absl::StatusOr<ConnectionTableLayout> OpenConnectionTable(
    std::span<std::byte> memory);

// Returns used_limit, bounded by the capacity.
uint32_t UsedLimit(const ConnectionTableLayout& layout);

// See ConnectionTable::ForEach() and CountActive().
void VisitConnections(const ConnectionTableLayout& layout,
                      absl::FunctionRef<void(const ConnectionInfo&)> visit);
uint64_t CountConnections(const ConnectionTableLayout& layout);

// Tells the quota about a live entry.
void NoteFound(const SharedConnectionStore& store, uint32_t index,
               ConnectionQuota& quota);

// Repairs what a killed writer left; afterwards every entry is live with both
// its slots, or free.  REQUIRES: nobody else writes the memory.
RecoveryReport RecoverConnections(ConnectionTableLayout& layout);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LAYOUT_H_
