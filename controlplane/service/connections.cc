// Listing and flushing connections.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/publish/monotonic_clock.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr int kBatch = 256;

absl::Status BadField(absl::StatusCode code, std::string field,
                      std::string message) {
  return FaultStatus(code, Fault{std::nullopt, absl::StrCat("filter.", field),
                                 std::move(message)});
}

// A ConnectionFilter with its names resolved.
struct Filter {
  std::optional<IpAddress> address;
  std::optional<std::vector<IpAddress>> pod;
  uint32_t protocol = 0;
  uint32_t port = 0;
  std::optional<ConnectionState> state;
  std::optional<std::vector<IpAddress>> service;  // all but the node's

  bool Matches(const ConnectionInfo& info) const {
    const ConnectionRecord& record = info.record;
    auto is_end = [&](const IpAddress& wanted) {
      return record.original_source == wanted ||
             record.original_destination == wanted ||
             record.reply_source == wanted ||
             record.reply_destination == wanted;
    };
    if (state && info.state != *state) return false;
    if (address && !is_end(*address)) return false;
    if (service && std::none_of(service->begin(), service->end(), is_end)) {
      return false;
    }
    if (pod && std::none_of(pod->begin(), pod->end(), is_end)) return false;
    if (protocol != 0 && static_cast<uint32_t>(record.protocol) != protocol) {
      return false;
    }
    return port == 0 || record.original_source_port.ToHost() == port ||
           record.original_destination_port.ToHost() == port ||
           record.reply_source_port.ToHost() == port;
  }
};

absl::StatusOr<ConnectionState> ReadState(const std::string& name) {
  std::vector<absl::string_view> known;
  for (uint32_t i = 1; i < kConnectionStateCount; ++i) {
    const auto state = static_cast<ConnectionState>(i);
    known.push_back(ConnectionStateName(state));
    if (known.back() == name) return state;
  }
  return BadField(absl::StatusCode::kInvalidArgument, "state",
                  absl::StrCat("\"", name, "\" is unknown; want one of ",
                               absl::StrJoin(known, ", ")));
}

absl::StatusOr<std::vector<IpAddress>> ReadService(
    const std::string& text, const DesiredState& desired) {
  const std::pair<std::string, std::string> name =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const auto* service = desired.Find<Service>(name.first, name.second);
  if (service != nullptr) {
    std::vector<IpAddress> addresses = service->cluster_ips;
    for (const auto* more :
         {&service->external_ips, &service->load_balancer_ips}) {
      addresses.insert(addresses.end(), more->begin(), more->end());
    }
    return addresses;
  }
  return BadField(absl::StatusCode::kNotFound, "service",
                  absl::StrCat("Service ", text, " does not exist"));
}

absl::StatusOr<Filter> ReadFilter(const v1::ConnectionFilter& message,
                                  const DesiredState& desired) {
  Filter filter;
  if (!message.address().empty()) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(message.address());
    if (!address.ok()) {
      return BadField(
          absl::StatusCode::kInvalidArgument, "address",
          absl::StrCat("\"", message.address(), "\" is not an IP address"));
    }
    filter.address = *address;
  }
  if (!message.pod().empty()) {
    std::pair<std::string, std::string> name =
        absl::StrSplit(message.pod(), absl::MaxSplits('/', 1));
    const Pod* pod = desired.Find<Pod>(name.first, name.second);
    if (pod == nullptr) {
      return BadField(absl::StatusCode::kNotFound, "pod",
                      absl::StrCat("Pod ", message.pod(), " does not exist"));
    }
    filter.pod = pod->addresses;
  }
  if (message.protocol() > 255) {
    return BadField(absl::StatusCode::kInvalidArgument, "protocol",
                    absl::StrCat(message.protocol(), " is not from 0 to 255"));
  }
  if (message.port() > 65535) {
    return BadField(absl::StatusCode::kInvalidArgument, "port",
                    absl::StrCat(message.port(), " is not from 0 to 65535"));
  }
  filter.protocol = message.protocol();
  filter.port = message.port();
  if (!message.state().empty()) {
    ASSIGN_OR_RETURN(filter.state, ReadState(message.state()));
  }
  if (!message.service().empty()) {
    ASSIGN_OR_RETURN(filter.service, ReadService(message.service(), desired));
  }
  return filter;
}

// What the dataplane is to be asked, one command for each choice of addresses:
// a command compares two.
absl::StatusOr<std::vector<Command>> FlushCommands(const Filter& filter) {
  if (filter.address && filter.pod && filter.service) {
    return BadField(absl::StatusCode::kInvalidArgument, "service",
                    "a flush selects by two of address, pod and service");
  }
  Command command{};
  command.kind = CommandKind::kFlushConnections;
  if (filter.protocol != 0) {
    command.flush_match |= kFlushByProtocol;
    command.key.protocol = static_cast<IpProtocol>(filter.protocol);
  }
  if (filter.port != 0) {
    command.flush_match |= kFlushByFlowPort;
    command.key.destination_port =
        Be16::FromHost(static_cast<uint16_t>(filter.port));
  }
  if (filter.state) {
    command.flush_match |= kFlushByState;
    command.state = static_cast<uint8_t>(*filter.state);
  }
  std::vector<Command> commands = {command};
  auto require = [&commands](const std::vector<IpAddress>& choices) {
    std::vector<Command> result;
    for (Command each : commands) {
      const bool is_first = (each.flush_match & kFlushBySource) == 0;
      each.flush_match |= is_first ? kFlushBySource : kFlushByDestination;
      for (const IpAddress& choice : choices) {
        (is_first ? each.key.source : each.key.destination) = choice;
        result.push_back(each);
      }
    }
    commands = std::move(result);
  };
  if (filter.address) require({*filter.address});
  if (filter.pod) require(*filter.pod);
  if (filter.service) require(*filter.service);
  return commands;
}

// The name of the Service, or Pod with a host port, that led the connection.
std::string ServiceOf(const ConnectionRecord& record, const Names& names) {
  std::string name = names.ServiceOf(record.original_destination);
  if (!name.empty()) return name;
  // The node's own address: the number tells, "demo/web:80".
  name = names.snapshot().compiled.catalog->ServiceText(record.service);
  return name.substr(0, name.find(':'));
}

v1::Connection Describe(const ConnectionInfo& info, const Names& names,
                        uint32_t now_s) {
  const ConnectionRecord& record = info.record;
  const Judgement& judgement = record.judgement;
  const RuleCatalog& catalog = *names.snapshot().compiled.catalog;
  v1::Connection result;
  *result.mutable_original() = ToProto(record.Key(FlowDirection::kOriginal));
  *result.mutable_reply() = ToProto(record.Key(FlowDirection::kReply));
  *result.mutable_source() = names.PeerAt(record.original_source);
  // The reply's source is who answers: behind a service, the backend.
  *result.mutable_destination() = names.PeerAt(record.reply_source);
  result.set_state(std::string(ConnectionStateName(info.state)));
  // What is denied makes no entry.
  result.set_allowed(true);
  if (std::optional<RuleInfo> rule = catalog.FindRule(judgement.rule)) {
    result.set_policy(rule->policy);
  }
  if (record.service != ConnectionRecord::kNoService) {
    result.set_service(ServiceOf(record, names));
  }
  result.set_original_packets(info.counts[0].packets);
  result.set_original_bytes(info.counts[0].bytes);
  result.set_reply_packets(info.counts[1].packets);
  result.set_reply_bytes(info.counts[1].bytes);
  uint32_t seen_s =
      std::max(info.counts[0].last_seen_s, info.counts[1].last_seen_s);
  result.set_idle_seconds(now_s > seen_s ? now_s - seen_s : 0);
  result.set_generation(judgement.generation);
  return result;
}

}  // namespace

grpc::Status ObserveServiceImpl::ListConnections(
    grpc::ServerContext* call, const v1::ListConnectionsRequest* request,
    grpc::ServerWriter<v1::ListConnectionsResponse>* writer) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Names> names = CurrentNames();
  absl::StatusOr<Filter> filter =
      ReadFilter(request->filter(), names->snapshot().stored.desired);
  if (!filter.ok()) return ToGrpc(filter.status());
  v1::ListConnectionsResponse batch;
  uint64_t count = 0;
  bool open = true;
  uint32_t now_s = MonotonicSeconds();
  context_.connections.ForEach([&](const ConnectionInfo& info) {
    bool full = request->limit() != 0 && count >= request->limit();
    if ((info.record.flags & kNotAConnection) != 0) return;
    if (!open || full || !filter->Matches(info)) return;
    ++count;
    *batch.add_connections() = Describe(info, *names, now_s);
    if (batch.connections_size() < kBatch) return;
    open = writer->Write(batch) && !call->IsCancelled();
    batch.Clear();
  });
  if (open && batch.connections_size() > 0) writer->Write(batch);
  return grpc::Status::OK;
}

grpc::Status ObserveServiceImpl::FlushConnections(
    grpc::ServerContext*, const v1::FlushConnectionsRequest* request,
    v1::FlushConnectionsResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Names> names = CurrentNames();
  absl::StatusOr<Filter> filter =
      ReadFilter(request->filter(), names->snapshot().stored.desired);
  if (!filter.ok()) return ToGrpc(filter.status());
  absl::StatusOr<std::vector<Command>> commands = FlushCommands(*filter);
  if (!commands.ok()) return ToGrpc(commands.status());
  uint64_t flushed = 0;
  for (const Command& each : *commands) {
    absl::StatusOr<Reply> reply = context_.commands.Ask(each);
    if (!reply.ok()) return ToGrpc(reply.status());
    flushed += reply->flushed_count;
  }
  response->set_flushed(flushed);
  return grpc::Status::OK;
}

}  // namespace vswitch
