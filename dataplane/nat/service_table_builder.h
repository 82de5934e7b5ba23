// dataplane/nat/service_table_builder.h
//
// ServiceTableBuilder: makes the blob that a ServiceTable opens.  Equal
// services give equal bytes, in whatever order they are inserted.  Addresses
// and ports with equal backends share their table.
//
//   ServiceTableBuilder builder(settings.maglev_seed);
//   RETURN_IF_ERROR(builder.Insert({.address = vip, .protocol = ...}));
//   ASSIGN_OR_RETURN(std::string blob, builder.Build());
//
// A Maglev table takes long to build, and most are the same in the next blob:
//
//   MaglevTables tables;
//   ASSIGN_OR_RETURN(std::string blob, builder.Build(earlier_tables, tables));
//
// Thread-compatible.

#ifndef VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_BUILDER_H_
#define VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_BUILDER_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/nat/maglev.h"
#include "dataplane/nat/service_table.h"

namespace vswitch {

// Packed Maglev tables (maglev.h) by their backends.
using MaglevTables =
    absl::flat_hash_map<std::vector<MaglevBackend>,
                        std::shared_ptr<const std::vector<uint16_t>>>;

struct BackendSpec {
  IpAddress address;
  uint16_t port = 0;  // 0: as the client asked
  EndpointId endpoint = kNoEndpoint;
  uint32_t weight = 1;
  bool is_gone = false;  // as BackendRecord
  friend auto operator<=>(const BackendSpec&, const BackendSpec&) = default;
};

struct ServiceSpec {
  IpAddress address;
  IpProtocol protocol{};  // TCP, UDP or SCTP
  uint16_t port = 0;
  uint16_t zone = 0;
  uint32_t service = 0;                // the compiler's number
  uint8_t flags = kServiceFromInside;  // of ServiceFlag
  uint32_t affinity_s = 0;             // as ServiceRecord
  uint32_t until_s = 0;                // likewise
  // Whether the address has ports that are no service's: the node's own.
  bool shares_address = false;
  std::vector<BackendSpec> backends;  // none: SERVICE_NO_BACKEND
  // Of clients from outside, if it serves them; other than `backends` where
  // only those of this node count.
  std::vector<BackendSpec> outside_backends;
  // Where clients from outside may have their addresses; empty: anywhere.
  std::vector<IpPrefix> source_ranges;
};

class ServiceTableBuilder {
 public:
  explicit ServiceTableBuilder(uint64_t seed) : seed_(seed) {}

  // Refuses: a second service with this address, protocol and port; two
  // backends of one address and port; a backend of the other family; more than
  // kMaxMaglevBackends backends; a total weight of 0; port 0.
  absl::Status Insert(ServiceSpec spec);

  absl::StatusOr<std::string> Build() const;
  // The same; takes what Maglev tables it can from `known`, and adds those that
  // the blob has to `used`.
  absl::StatusOr<std::string> Build(const MaglevTables& known,
                                    MaglevTables& used) const;

 private:
  struct Key {
    IpAddress address;
    uint16_t zone;
    uint8_t protocol;
    uint16_t port;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  uint64_t seed_;
  std::map<Key, ServiceSpec> services_;  // ordered: equal input, equal bytes
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_BUILDER_H_
