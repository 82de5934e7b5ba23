// Opening the blobs of a generation.

#include "dataplane/forwarding/forwarding_state.h"

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Returns the blob as an array of records; at most `max_count` of them.
template <typename Record>
absl::StatusOr<std::span<const Record>> OpenRecords(
    std::span<const std::byte> blob, const char* name, uint32_t max_count) {
  if (blob.size() % sizeof(Record) != 0 ||
      blob.size() / sizeof(Record) > max_count ||
      reinterpret_cast<uintptr_t>(blob.data()) % alignof(Record) != 0) {
    return absl::DataLossError(
        absl::StrCat(name, ": ", blob.size(), " bytes are not up to ",
                     max_count, " records of ", sizeof(Record), " bytes"));
  }
  return std::span<const Record>(reinterpret_cast<const Record*>(blob.data()),
                                 blob.size() / sizeof(Record));
}

std::span<const std::byte> BlobOf(const BlobSpans& blobs, BlobKind kind) {
  return blobs[static_cast<size_t>(kind)];
}

absl::StatusOr<Settings> OpenSettings(std::span<const std::byte> blob) {
  Settings settings{};
  settings.host_port = kNoPort;
  if (blob.empty()) return settings;
  if (blob.size() != sizeof(settings)) {
    return absl::DataLossError(absl::StrCat(
        "settings: ", blob.size(), " bytes instead of ", sizeof(settings)));
  }
  // A copy: what was checked cannot change afterwards.
  std::memcpy(&settings, blob.data(), sizeof(settings));
  if (settings.node_address_count > kMaxNodeAddresses) {
    return absl::DataLossError(
        absl::StrCat("settings: ", settings.node_address_count,
                     " node addresses, at most ", kMaxNodeAddresses, " fit"));
  }
  if (settings.nat.address_count > kMaxNatAddresses) {
    return absl::DataLossError(absl::StrCat(
        "settings: ", settings.nat.address_count,
        " addresses of source NAT, at most ", kMaxNatAddresses, " fit"));
  }
  return settings;
}

}  // namespace

absl::StatusOr<ForwardingState> ForwardingState::Open(
    Generation generation, const BlobSpans& blobs,
    const PieceList& policy_sets) {
  ForwardingState state;
  state.generation_ = generation;
  ASSIGN_OR_RETURN(state.settings_,
                   OpenSettings(BlobOf(blobs, BlobKind::kSettings)));
  ASSIGN_OR_RETURN(state.ports_,
                   OpenRecords<PortRecord>(BlobOf(blobs, BlobKind::kPorts),
                                           "ports", kMaxPorts));
  for (const PortRecord& record : state.ports_) {
    if (record.address_count > kMaxPortAddresses) {
      return absl::DataLossError(
          absl::StrCat("ports: a record with ", int{record.address_count},
                       " addresses, at most ", kMaxPortAddresses, " fit"));
    }
  }
  ASSIGN_OR_RETURN(state.endpoints_, OpenRecords<EndpointRecord>(
                                         BlobOf(blobs, BlobKind::kEndpoints),
                                         "endpoints", kMaxPorts + 1));
  ASSIGN_OR_RETURN(state.routes_,
                   RouteTable::Open(BlobOf(blobs, BlobKind::kRoutes)));
  state.policy_ = PolicyTable::Open(policy_sets);
  ASSIGN_OR_RETURN(state.services_,
                   ServiceTable::Open(BlobOf(blobs, BlobKind::kServices)));
  ASSIGN_OR_RETURN(
      state.earlier_services_,
      ServiceTable::Open(BlobOf(blobs, BlobKind::kEarlierServices)));
  return state;
}

std::optional<RouteTarget> ForwardingState::route(
    const IpAddress& destination) const {
  std::optional<uint32_t> value = routes_.Lookup(destination);
  if (!value.has_value()) return std::nullopt;
  return UnpackRouteTarget(*value);
}

uint32_t PackRouteTarget(const RouteTarget& target) {
  return uint32_t{target.keeps_source} << 24 |
         uint32_t{static_cast<uint8_t>(target.kind)} << 16 | ToInt(target.port);
}

RouteTarget UnpackRouteTarget(uint32_t value) {
  return {.kind = static_cast<RouteKind>(value >> 16 & 0xff),
          .keeps_source = static_cast<uint8_t>(value >> 24 & 1),
          .port = PortId{static_cast<uint16_t>(value)}};
}

}  // namespace vswitch
