// dataplane/nat/service_table.h
//
// ServiceTable: which backend takes a packet that is addressed to a service.
// Services are found by their exact address, protocol and port; the backend
// comes from the service's Maglev table (maglev.h), so that a flow has the
// same backend on every node and after every restart.
//
//   ASSIGN_OR_RETURN(ServiceTable table, ServiceTable::Open(blob));
//   ServiceLookup found = table.Lookup(key);
//   switch (found.kind) {
//     case ServiceLookupKind::kNotService: ...   // not a service's address
//     case ServiceLookupKind::kNoPort: ...       // SERVICE_NO_PORT
//     case ServiceLookupKind::kFound:
//       const BackendRecord* backend = table.Select(*found.service, key);
//       if (backend == nullptr) ...              // SERVICE_NO_BACKEND
//   }
//
// A view of a blob that service_table_builder.h made; Open() checks every
// offset.  Immutable after construction: any number of threads.

#ifndef VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_H_
#define VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// One port of one service address.  A record with protocol and port 0 says
// that the address is a service's.
struct ServiceRecord {
  IpAddress address;
  uint32_t service;  // the compiler's number, which keeps the names
  uint32_t first_backend;
  uint32_t backend_count;
  uint32_t first_slot;
  uint32_t slot_count;
  uint32_t affinity_s;  // 0: no session affinity
  Be16 port;
  IpProtocol protocol;
  uint8_t flags;  // ServiceFlags
  uint16_t zone;
  uint16_t reserved;
};
static_assert(sizeof(ServiceRecord) == 48);

inline constexpr uint8_t kServiceSourceHash = 1;  // Maglev of the source alone

struct BackendRecord {
  IpAddress address;
  Be16 port;  // 0: as the client asked
  uint16_t reserved;
  EndpointId endpoint;  // kNoEndpoint: not on this node
};
static_assert(sizeof(BackendRecord) == 24);

enum class ServiceLookupKind : uint8_t { kNotService, kNoPort, kFound };

struct ServiceLookup {
  ServiceLookupKind kind = ServiceLookupKind::kNotService;
  const ServiceRecord* service = nullptr;  // of kFound
};

class ServiceTable {
 public:
  ServiceTable() = default;  // no services

  // An empty blob is an empty table.  `blob` must outlive the table and be
  // aligned to 8 bytes.
  static absl::StatusOr<ServiceTable> Open(std::span<const std::byte> blob);

  // Looks up where a packet with `key` is addressed to.
  ServiceLookup Lookup(const FlowKey& key) const;

  // Returns the backend for the flow of `key`, nullptr if there is none.
  // REQUIRES: `service` is of this table.
  const BackendRecord* Select(const ServiceRecord& service,
                              const FlowKey& key) const;

  // Returns the key that a packet with `key` has behind the translation.
  static FlowKey Translate(const FlowKey& key, const BackendRecord& backend) {
    FlowKey result = key;
    result.destination = backend.address;
    if (backend.port.raw != 0) result.destination_port = backend.port;
    return result;
  }

  std::span<const ServiceRecord> services() const { return services_; }
  std::span<const BackendRecord> backends(const ServiceRecord& service) const {
    return backends_.subspan(service.first_backend, service.backend_count);
  }

 private:
  const ServiceRecord* Find(const IpAddress& address, IpProtocol protocol,
                            Be16 port, uint16_t zone) const;

  uint64_t seed_ = 0;
  uint32_t max_probes_ = 0;
  std::span<const uint32_t> cells_;  // hash cells: index of a service, + 1
  std::span<const ServiceRecord> services_;
  std::span<const BackendRecord> backends_;
  std::span<const uint16_t> slots_;  // of all Maglev tables
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_H_
