// dataplane/nat/service_table.h
//
// ServiceTable: which backend takes a packet that is addressed to a service.
// Services are found by their exact address, protocol and port; the backend
// comes from the service's Maglev table (maglev.h), so that a flow has the
// same backend on every node and after every restart.
//
//   ASSIGN_OR_RETURN(ServiceTable table, ServiceTable::Open(blob));
//   ServiceLookup found = table.Lookup(key, ClientSide::kInside);
//   switch (found.kind) {
//     case ServiceLookupKind::kNotService: ...   // not a service's address
//     case ServiceLookupKind::kNoPort: ...       // SERVICE_NO_PORT
//     case ServiceLookupKind::kFound:
//       const BackendRecord* backend = table.Select(*found.service, key, side);
//       if (backend == nullptr) ...              // SERVICE_NO_BACKEND
//   }
//
// A second table holds the backends that services had before their last change
// (controlplane/compile/earlier_services.h):
//
//   backend = earlier.SelectEarlier(key, side, now_s);  // nullptr: none
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
#include "dataplane/nat/maglev.h"

namespace vswitch {

// The backends of one kind of client, and their Maglev table.  The counts are
// narrow so that a service fits a cache line.
struct BackendChoice {
  uint32_t first_backend;
  uint32_t first_slot;  // its word in the slots, where they are packed
  uint32_t backend_count : 13;
  uint32_t slot_count : 19;
};
static_assert(kMaxMaglevBackends < 1u << 13 && kMaxMaglevSlots < 1u << 19);

// Addresses from first to last.
struct SourceRange {
  IpAddress first;
  IpAddress last;
};

// One port of one service address.  A record with protocol and port 0 says
// that nobody but services has the address.
struct ServiceRecord {
  IpAddress address;
  BackendChoice inside;   // for pods and the node
  BackendChoice outside;  // for whom comes in by an uplink
  uint32_t service;       // the compiler's number, which keeps the names
  // Session affinity: how long a client that makes no connection keeps its
  // backend, which is chosen by its address alone; 0: each connection has a
  // backend of its own.
  uint32_t affinity_s;
  // Where clients from outside may have their addresses: sorted and apart;
  // none: anywhere.
  uint32_t first_range;
  uint16_t range_count;
  uint16_t zone;
  Be16 port;
  IpProtocol protocol;
  uint8_t flags;  // ServiceFlag
  // Of a table of earlier backends: the second of the machine's monotonic clock
  // from which on the present ones alone count.
  uint32_t until_s;
};
static_assert(sizeof(ServiceRecord) == 64);

enum ServiceFlag : uint8_t {
  kServiceFromInside = 2,   // pods and the node are served
  kServiceFromOutside = 4,  // whom comes in by an uplink is served
  // There are backends, but none that these clients may have here.
  kServiceElsewhereInside = 8,
  kServiceElsewhereOutside = 16,
};

struct BackendRecord {
  IpAddress address;
  Be16 port;  // 0: as the client asked
  // 1: of a table of earlier backends, and no backend of the service any more.
  uint16_t is_gone;
  EndpointId endpoint;  // kNoEndpoint: not on this node
};
static_assert(sizeof(BackendRecord) == 24);

enum class ClientSide : uint8_t { kInside, kOutside };

enum class ServiceLookupKind : uint8_t {
  kNotService,
  kNoPort,       // a service's address, but not one of its ports
  kInsideOnly,   // the client comes from outside and is not served there
  kSourceRange,  // the client's address is in none of the service's ranges
  kFound,
};

struct ServiceLookup {
  ServiceLookupKind kind = ServiceLookupKind::kNotService;
  const ServiceRecord* service = nullptr;  // not of kNotService and kNoPort
};

class ServiceTable {
 public:
  ServiceTable() = default;  // no services

  // An empty blob is an empty table.  `blob` must outlive the table and be
  // aligned to 8 bytes.
  static absl::StatusOr<ServiceTable> Open(std::span<const std::byte> blob);

  // Looks up where a packet with `key` is addressed to, that comes from `side`.
  ServiceLookup Lookup(const FlowKey& key, ClientSide side) const;

  // Whether some service has the address and the port that a packet with `key`
  // is sent to, whomever it serves.
  bool HasPort(const FlowKey& key) const {
    const ServiceRecord* service =
        Find(key.destination, key.protocol, key.destination_port, key.zone);
    return service != nullptr && service->port.raw != 0;
  }

  // Returns the backend for the flow of `key`, nullptr if there is none.
  // REQUIRES: `service` is of this table.
  const BackendRecord* Select(const ServiceRecord& service, const FlowKey& key,
                              ClientSide side) const;

  // Of a table of earlier backends: returns the backend that the flow of `key`
  // had before the service changed, nullptr if that is not known at second
  // `now_s` of the machine's monotonic clock, or the backend is gone.
  const BackendRecord* SelectEarlier(const FlowKey& key, ClientSide side,
                                     uint64_t now_s) const;

  // Whether clients of `side` without a backend here would have one on another
  // node: a load balancer is to find that out by silence, not by a refusal.
  static bool IsElsewhere(const ServiceRecord& service, ClientSide side) {
    return (service.flags &
            (side == ClientSide::kInside ? kServiceElsewhereInside
                                         : kServiceElsewhereOutside)) != 0;
  }

  // Returns the backend of `service` that takes connections at `address` and
  // `port`, nullptr if there is none.
  const BackendRecord* FindBackend(const ServiceRecord& service,
                                   ClientSide side, const IpAddress& address,
                                   Be16 port) const;

  // Returns the key that a packet with `key` has behind the translation.
  static FlowKey Translate(const FlowKey& key, const BackendRecord& backend) {
    FlowKey result = key;
    result.destination = backend.address;
    if (backend.port.raw != 0) result.destination_port = backend.port;
    return result;
  }

  std::span<const ServiceRecord> services() const { return services_; }
  std::span<const BackendRecord> backends(const ServiceRecord& service,
                                          ClientSide side) const {
    const BackendChoice& choice = Choice(service, side);
    return backends_.subspan(choice.first_backend, choice.backend_count);
  }

 private:
  static const BackendChoice& Choice(const ServiceRecord& service,
                                     ClientSide side) {
    return side == ClientSide::kInside ? service.inside : service.outside;
  }
  bool Fits(const BackendChoice& choice) const;
  bool IsInRanges(const ServiceRecord& service, const IpAddress& source) const;
  const ServiceRecord* Find(const IpAddress& address, IpProtocol protocol,
                            Be16 port, uint16_t zone) const;

  uint64_t seed_ = 0;
  uint32_t max_probes_ = 0;
  std::span<const uint32_t> cells_;  // hash cells: index of a service, + 1
  std::span<const ServiceRecord> services_;
  std::span<const BackendRecord> backends_;
  std::span<const uint16_t> slots_;  // of all Maglev tables, packed
  std::span<const SourceRange> ranges_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SERVICE_TABLE_H_
