// dataplane/offline/offline_tables.h
//
// OfflineTables: one generation as the compiler makes it; LoadedTables: the
// same opened as a worker opens it, and the identity table that a generation's
// bindings fill, both in memory of their own.
//
//   ASSIGN_OR_RETURN(LoadedTables loaded, LoadedTables::Load(tables, 1));
//   loaded.state().endpoint(id);
//
// Thread-compatible.

#ifndef VSWITCH_DATAPLANE_OFFLINE_OFFLINE_TABLES_H_
#define VSWITCH_DATAPLANE_OFFLINE_OFFLINE_TABLES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/offline/zeroed_memory.h"
#include "dataplane/tables/hash.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

// The tables of one generation, as the compiler makes them.
struct OfflineTables {
  std::array<std::string, kBlobKindCount> blobs;                // by BlobKind
  std::vector<std::shared_ptr<const std::string>> policy_sets;  // by id
  // All addresses with an identity.
  std::vector<std::pair<IpAddress, HostBinding>> bindings;
  // The addresses whose connections are to be judged again; nullopt: all.
  std::optional<std::vector<IpAddress>> changed;
};

class LoadedTables {
 public:
  LoadedTables() = default;
  // Copies the blobs of `tables` and opens them; bindings are not looked at.
  static absl::StatusOr<LoadedTables> Load(const OfflineTables& tables,
                                           Generation generation);

  const ForwardingState& state() const { return state_; }

 private:
  std::array<ZeroedMemory, kBlobKindCount> blobs_;
  PieceCopies policy_sets_;
  ForwardingState state_;
};

// Memory of an identity table.
class IdentityArea {
 public:
  IdentityArea() = default;
  // Has room for `max_addresses`.
  explicit IdentityArea(uint32_t max_addresses);

  IdentityTableMemory<StdAtomics> memory() const;

 private:
  uint32_t group_count_ = 0;
  ZeroedMemory tags_;
  ZeroedMemory slots_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_OFFLINE_TABLES_H_
