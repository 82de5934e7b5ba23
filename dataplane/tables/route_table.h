// dataplane/tables/route_table.h
//
// RouteTable: longest-prefix match of an address to a 32-bit value, for IPv4
// and IPv6 with one code path.  Built once by RouteTableBuilder into a blob and
// never changed: a new generation has a new blob.
//
// The blob is a compressed trie that consumes six address bits per node: a
// 64-bit map says which of the 64 branches lead to a child, another where the
// value changes between branches; children and values are counted with
// popcount (the idea of Asai and Ohara, "Poptrie", SIGCOMM 2015).  IPv4 has a
// root of its own over its 32 bits.  A lookup takes at most 6 (IPv4) or 22
// (IPv6) nodes; a /64 takes 11.
//
//   RouteTableBuilder builder;
//   RETURN_IF_ERROR(builder.Insert(prefix, value));
//   std::string blob = builder.Build();
//   ASSIGN_OR_RETURN(RouteTable table, RouteTable::Open(bytes));
//   std::optional<uint32_t> value = table.Lookup(address);
//
// RouteTable is a view: the bytes must outlive it.  Immutable: any thread.

#ifndef VSWITCH_DATAPLANE_TABLES_ROUTE_TABLE_H_
#define VSWITCH_DATAPLANE_TABLES_ROUTE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/address.h"

namespace vswitch {

struct RouteNode;  // route_table.cc

class RouteTable {
 public:
  // A value that cannot be inserted: it stands for "no prefix".
  static constexpr uint32_t kNoValue = 0xffffffff;

  // An empty table: no address matches.
  RouteTable() = default;

  // Checks every node, offset and count of `bytes`, so that no lookup can read
  // outside of it; an empty span is an empty table.  Cost: one pass.
  // `bytes` must be aligned to 8.
  static absl::StatusOr<RouteTable> Open(std::span<const std::byte> bytes);

  // Returns the value of the longest prefix that contains `address`.
  std::optional<uint32_t> Lookup(const IpAddress& address) const;

 private:
  const RouteNode* nodes_ = nullptr;
  const uint32_t* values_ = nullptr;
  uint32_t roots_[2] = {};  // node of IPv4, node of IPv6
};

// Control thread only.
class RouteTableBuilder {
 public:
  // Adds or replaces a prefix.  Refuses a prefix with bits set behind its
  // length, a length too long for its family, and RouteTable::kNoValue.
  absl::Status Insert(const IpPrefix& prefix, uint32_t value);

  size_t prefix_count() const { return prefixes_.size(); }

  // Returns the blob.  Equal contents give equal bytes.
  std::string Build() const;

 private:
  std::map<IpPrefix, uint32_t> prefixes_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_ROUTE_TABLE_H_
