// bench/micro/connection_tables.h
//
// Our connection table, and what it is compared with: rte_hash, lock-free for
// readers, and absl::flat_hash_map behind a reader-writer lock.  Each holds
// both keys of every connection, and answers with a number.
//
//   OurTable table(1 << 20);
//   table.Insert(ConnectionKey(7));
//   uint32_t found = table.Lookup(keys);   // a batch of up to 64
//
// REQUIRES: InitDpdk() (rule_tables.h).  Thread-compatible.

#ifndef VSWITCH_BENCH_MICRO_CONNECTION_TABLES_H_
#define VSWITCH_BENCH_MICRO_CONNECTION_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection_table.h"

struct rte_hash;

namespace vswitch {

inline constexpr size_t kMaxBatch = 64;

// Returns the key of the first packets of connection `number`.
FlowKey ConnectionKey(uint32_t number);

// Memory for one table, of huge pages where the kernel has them.
class TableBytes {
 public:
  explicit TableBytes(size_t size);
  TableBytes(const TableBytes&) = delete;
  ~TableBytes();
  std::span<std::byte> bytes() const { return {memory_, size_}; }

 private:
  std::byte* memory_;
  size_t size_;
};

class OurTable {
 public:
  // `capacity`: connections.
  explicit OurTable(uint32_t capacity);

  // Returns false if there is no room.
  bool Insert(const FlowKey& key);
  // Returns how many of the keys were found.  REQUIRES: at most kMaxBatch.
  uint32_t Lookup(std::span<const FlowKey* const> keys);

 private:
  TableBytes memory_;
  std::unique_ptr<ConnectionTable> table_;
  std::array<ConnectionView, kMaxBatch> views_;
};

class RteTable {
 public:
  explicit RteTable(uint32_t capacity);
  RteTable(const RteTable&) = delete;
  ~RteTable();

  bool Insert(const FlowKey& key);
  uint32_t Lookup(std::span<const FlowKey* const> keys);

 private:
  rte_hash* hash_;
  uintptr_t count_ = 0;
};

class FlatTable {
 public:
  explicit FlatTable(uint32_t capacity);

  bool Insert(const FlowKey& key);
  uint32_t Lookup(std::span<const FlowKey* const> keys);

 private:
  struct KeyHash {
    size_t operator()(const FlowKey& key) const;
  };

  absl::Mutex mutex_;
  absl::flat_hash_map<FlowKey, uint32_t, KeyHash> entries_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_MICRO_CONNECTION_TABLES_H_
