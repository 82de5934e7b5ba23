// Opens a service blob with every offset checked, and looks services up.

#include "dataplane/nat/service_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/nat/service_layout.h"

namespace vswitch {
namespace {

constexpr uint32_t kMaxProbes = 4096;

// Returns the array `array` of `blob`, checked against the blob's size.
template <typename T>
absl::StatusOr<std::span<const T>> OpenArray(std::span<const std::byte> blob,
                                             const ServiceArray& array,
                                             const char* name) {
  if (array.offset % 8 != 0 || array.offset > blob.size() ||
      array.count > (blob.size() - array.offset) / sizeof(T)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "service table: array ", name, " (offset ", array.offset, ", count ",
        array.count, ") leaves the blob of ", blob.size(), " bytes"));
  }
  return std::span<const T>(
      reinterpret_cast<const T*>(blob.data() + array.offset), array.count);
}

bool RangeFits(uint64_t first, uint64_t count, uint64_t size) {
  return first <= size && count <= size - first;
}

}  // namespace

absl::StatusOr<ServiceTable> ServiceTable::Open(
    std::span<const std::byte> blob) {
  ServiceTable table;
  if (blob.empty()) return table;
  ServiceHeader header;
  if (blob.size() < sizeof(header) ||
      reinterpret_cast<uintptr_t>(blob.data()) % 8 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "service table: a blob of ", blob.size(),
        " bytes; expected an aligned one of at least ", sizeof(header)));
  }
  std::memcpy(&header, blob.data(), sizeof(header));
  if (header.magic != kServiceMagic || header.max_probes > kMaxProbes) {
    return absl::InvalidArgumentError("service table: not a service blob");
  }
  table.seed_ = header.seed;
  table.max_probes_ = header.max_probes;
  ASSIGN_OR_RETURN(table.cells_,
                   OpenArray<uint32_t>(blob, header.cells, "cells"));
  ASSIGN_OR_RETURN(table.services_,
                   OpenArray<ServiceRecord>(blob, header.services, "services"));
  ASSIGN_OR_RETURN(table.backends_,
                   OpenArray<BackendRecord>(blob, header.backends, "backends"));
  ASSIGN_OR_RETURN(table.slots_,
                   OpenArray<uint16_t>(blob, header.slots, "slots"));
  if (!table.cells_.empty() && !std::has_single_bit(table.cells_.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("service table: ", table.cells_.size(),
                     " cells; expected a power of two"));
  }
  ASSIGN_OR_RETURN(table.ranges_,
                   OpenArray<SourceRange>(blob, header.ranges, "ranges"));
  for (const ServiceRecord& service : table.services_) {
    if (!table.Fits(service.inside) || !table.Fits(service.outside) ||
        !RangeFits(service.first_range, service.range_count,
                   table.ranges_.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("service table: service ", service.address.ToString(),
                       " refers outside of the blob"));
    }
  }
  return table;
}

bool ServiceTable::Fits(const BackendChoice& choice) const {
  return RangeFits(choice.first_backend, choice.backend_count,
                   backends_.size()) &&
         RangeFits(choice.first_slot,
                   MaglevWordCount(choice.backend_count, choice.slot_count),
                   slots_.size());
}

const ServiceRecord* ServiceTable::Find(const IpAddress& address,
                                        IpProtocol protocol, Be16 port,
                                        uint16_t zone) const {
  if (cells_.empty()) return nullptr;
  const size_t mask = cells_.size() - 1;
  size_t cell = ServiceCellHash(seed_, address, protocol, port, zone) & mask;
  for (uint32_t probe = 0; probe <= max_probes_; ++probe) {
    const uint32_t value = cells_[cell];
    if (value == 0 || value > services_.size()) return nullptr;
    const ServiceRecord& service = services_[value - 1];
    if (service.port == port && service.protocol == protocol &&
        service.zone == zone && service.address == address) {
      return &service;
    }
    cell = (cell + 1) & mask;
  }
  return nullptr;
}

ServiceLookup ServiceTable::Lookup(const FlowKey& key, ClientSide side) const {
  const ServiceRecord* service =
      Find(key.destination, key.protocol, key.destination_port, key.zone);
  // The record of protocol and port 0 stands for the address; a packet of
  // protocol 0 must not be taken for one to a service's port.
  if (service != nullptr && service->port.raw != 0) {
    if (side == ClientSide::kInside) {
      if ((service->flags & kServiceFromInside) != 0) {
        return {ServiceLookupKind::kFound, service};
      }
      return {};  // to them it is an address like any other
    }
    if ((service->flags & kServiceFromOutside) == 0) {
      return {ServiceLookupKind::kInsideOnly, service};
    }
    return {IsInRanges(*service, key.source) ? ServiceLookupKind::kFound
                                             : ServiceLookupKind::kSourceRange,
            service};
  }
  if (Find(key.destination, IpProtocol{}, Be16{}, key.zone) != nullptr) {
    return {ServiceLookupKind::kNoPort, nullptr};
  }
  return {};
}

bool ServiceTable::IsInRanges(const ServiceRecord& service,
                              const IpAddress& source) const {
  if (service.range_count == 0) return true;
  const auto ranges = ranges_.subspan(service.first_range, service.range_count);
  // The first range that begins behind the source; the one before may hold it.
  const auto behind =
      std::upper_bound(ranges.begin(), ranges.end(), source,
                       [](const IpAddress& address, const SourceRange& range) {
                         return address < range.first;
                       });
  return behind != ranges.begin() && source <= (behind - 1)->last;
}

const BackendRecord* ServiceTable::Select(const ServiceRecord& service,
                                          const FlowKey& key,
                                          ClientSide side) const {
  const BackendChoice& choice = Choice(service, side);
  if (choice.slot_count == 0 || choice.backend_count == 0) return nullptr;
  const auto source = AddressWords(key.source);
  const auto destination = AddressWords(key.destination);
  const bool source_only = service.affinity_s != 0;
  const uint64_t ports = static_cast<uint64_t>(key.protocol) |
                         static_cast<uint64_t>(key.destination_port.raw) << 16 |
                         static_cast<uint64_t>(key.zone) << 32;
  const uint64_t port = source_only ? 0 : key.source_port.raw;
  const uint64_t hash = HashWords(seed_, {source[0], source[1], destination[0],
                                          destination[1], ports, port});
  const uint32_t backend =
      choice.backend_count == 1
          ? 0
          : MaglevBackendAt(slots_.data() + choice.first_slot,
                            MaglevSlot(hash, choice.slot_count),
                            choice.backend_count);
  if (backend >= choice.backend_count) return nullptr;
  return &backends_[choice.first_backend + backend];
}

const BackendRecord* ServiceTable::SelectEarlier(const FlowKey& key,
                                                 ClientSide side,
                                                 uint64_t now_s) const {
  const ServiceLookup found = Lookup(key, side);
  if (found.kind != ServiceLookupKind::kFound ||
      now_s >= found.service->until_s) {
    return nullptr;
  }
  const BackendRecord* backend = Select(*found.service, key, side);
  return backend != nullptr && backend->is_gone == 0 ? backend : nullptr;
}

const BackendRecord* ServiceTable::FindBackend(const ServiceRecord& service,
                                               ClientSide side,
                                               const IpAddress& address,
                                               Be16 port) const {
  // The builder has them in order of addresses.
  const std::span<const BackendRecord> all = backends(service, side);
  auto backend = std::lower_bound(
      all.begin(), all.end(), address,
      [](const BackendRecord& record, const IpAddress& wanted) {
        return record.address < wanted;
      });
  for (; backend != all.end() && backend->address == address; ++backend) {
    if (backend->port == port || backend->port.raw == 0) return &*backend;
  }
  return nullptr;
}

}  // namespace vswitch
