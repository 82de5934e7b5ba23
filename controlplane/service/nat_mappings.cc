// Listing the mappings of source NAT.

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controlplane/publish/monotonic_clock.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/nat/source_nat.h"

namespace vswitch {
namespace {

constexpr int kBatch = 256;

struct Filter {
  std::optional<IpAddress> address;
  uint32_t protocol = 0;

  bool Matches(const ConnectionRecord& record) const {
    if (address && record.original_source != *address &&
        record.reply_destination != *address) {
      return false;
    }
    return protocol == 0 || static_cast<uint32_t>(record.protocol) == protocol;
  }
};

absl::Status BadField(std::string field, std::string message) {
  return FaultStatus(absl::StatusCode::kInvalidArgument,
                     Fault{std::nullopt, std::move(field), std::move(message)});
}

absl::StatusOr<Filter> ReadFilter(const v1::ListNatMappingsRequest& request,
                                  const NatSettings& nat) {
  Filter filter;
  if (!request.address().empty()) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(request.address());
    if (!address.ok()) {
      return BadField("address", absl::StrCat("\"", request.address(),
                                              "\" is not an IP address"));
    }
    filter.address = *address;
  }
  filter.protocol = request.protocol();
  const bool has_mappings =
      filter.protocol < 256 &&
      IsEndpointIndependent(nat, static_cast<IpProtocol>(filter.protocol));
  if (filter.protocol != 0 && !has_mappings) {
    return BadField("protocol",
                    absl::StrCat(filter.protocol,
                                 " has no mappings; want 17 (UDP) or 136 "
                                 "(UDP-Lite), or 6 (TCP) where the Settings "
                                 "say so, or connections instead"));
  }
  return filter;
}

// A client's port.
using ClientPort = std::tuple<IpAddress, uint16_t, IpProtocol>;
ClientPort ClientOf(const ConnectionRecord& record) {
  return {record.original_source, record.original_source_port.raw,
          record.protocol};
}

v1::NatMapping Describe(const ConnectionInfo& info, const Names& names,
                        uint32_t now_s) {
  const ConnectionRecord& record = info.record;
  const auto since = [now_s](uint32_t then_s) {
    return now_s > then_s ? now_s - then_s : 0;
  };
  // Only what the client sends keeps it.
  const uint32_t idle_s = since(info.counts[0].last_seen_s);
  const uint32_t timeout_s = TimeoutSeconds(
      record.protocol, info.state, names.snapshot().compiled.settings.timeouts);
  v1::NatMapping mapping;
  mapping.set_protocol(static_cast<uint32_t>(record.protocol));
  mapping.set_protocol_name(ToString(record.protocol));
  mapping.set_inside_address(record.original_source.ToString());
  mapping.set_inside_port(record.original_source_port.ToHost());
  mapping.set_outside_address(record.reply_destination.ToString());
  mapping.set_outside_port(record.reply_destination_port.ToHost());
  *mapping.mutable_inside() = names.PeerAt(record.original_source);
  mapping.set_age_seconds(since(info.created_s));
  mapping.set_idle_seconds(idle_s);
  mapping.set_expires_in_seconds(timeout_s > idle_s ? timeout_s - idle_s : 0);
  return mapping;
}

}  // namespace

grpc::Status ObserveServiceImpl::ListNatMappings(
    grpc::ServerContext* call, const v1::ListNatMappingsRequest* request,
    grpc::ServerWriter<v1::ListNatMappingsResponse>* writer) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Names> names = CurrentNames();
  absl::StatusOr<Filter> filter =
      ReadFilter(*request, names->snapshot().compiled.settings.nat);
  if (!filter.ok()) return ToGrpc(filter.status());
  std::vector<ConnectionInfo> mappings;
  absl::flat_hash_map<ClientPort, uint64_t> contacts;
  context_.connections.ForEach([&](const ConnectionInfo& info) {
    if ((info.record.flags & kNatContact) != 0) {
      ++contacts[ClientOf(info.record)];
    } else if ((info.record.flags & kNatMapping) != 0 &&
               filter->Matches(info.record) &&
               (request->limit() == 0 || mappings.size() < request->limit())) {
      mappings.push_back(info);
    }
  });
  const uint32_t now_s = MonotonicSeconds();
  v1::ListNatMappingsResponse batch;
  bool open = true;
  for (const ConnectionInfo& info : mappings) {
    v1::NatMapping* mapping = batch.add_mappings();
    *mapping = Describe(info, *names, now_s);
    const auto found = contacts.find(ClientOf(info.record));
    if (found != contacts.end()) mapping->set_contacts(found->second);
    if (batch.mappings_size() < kBatch) continue;
    open = writer->Write(batch) && !call->IsCancelled();
    batch.Clear();
    if (!open) break;
  }
  if (open && batch.mappings_size() > 0) writer->Write(batch);
  return grpc::Status::OK;
}

}  // namespace vswitch
