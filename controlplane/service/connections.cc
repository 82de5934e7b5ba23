// Listing and flushing connections.

#include <time.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"

namespace vswitch {
namespace {

constexpr int kBatch = 256;

uint32_t MonotonicSeconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint32_t>(now.tv_sec);
}

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

  bool Matches(const ConnectionRecord& record) const {
    auto is_end = [&](const IpAddress& wanted) {
      return record.original_source == wanted ||
             record.original_destination == wanted ||
             record.reply_source == wanted ||
             record.reply_destination == wanted;
    };
    if (address && !is_end(*address)) return false;
    if (pod && std::none_of(pod->begin(), pod->end(), is_end)) return false;
    if (protocol != 0 && static_cast<uint32_t>(record.protocol) != protocol) {
      return false;
    }
    return port == 0 || record.original_source_port.ToHost() == port ||
           record.original_destination_port.ToHost() == port ||
           record.reply_source_port.ToHost() == port;
  }
};

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
  return filter;
}

v1::Connection Describe(const ConnectionInfo& info, const Names& names,
                        uint32_t now_s) {
  const ConnectionRecord& record = info.record;
  const Judgement& judgement = record.judgement;
  const RuleCatalog& catalog = *names.snapshot().compiled.catalog;
  v1::Connection result;
  *result.mutable_original() = ToProto(record.Key(FlowDirection::kOriginal));
  *result.mutable_reply() = ToProto(record.Key(FlowDirection::kReply));
  *result.mutable_source() =
      names.Peer(record.original_source, judgement.source_identity);
  // The reply's source is who answers: behind a service, the backend.
  *result.mutable_destination() =
      names.Peer(record.reply_source, judgement.destination_identity);
  result.set_state(std::string(ConnectionStateName(info.state)));
  // What is denied makes no entry.
  result.set_allowed(true);
  if (std::optional<RuleInfo> rule = catalog.FindRule(judgement.rule)) {
    result.set_policy(rule->policy);
  }
  if (record.service != ConnectionRecord::kNoService) {
    result.set_service(names.ServiceOf(record.original_destination));
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
    if (!open || full || !filter->Matches(info.record)) return;
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
  if (filter->port != 0) {
    return ToGrpc(BadField(absl::StatusCode::kInvalidArgument, "port",
                           "flush selects by address, pod and protocol"));
  }
  Command command{};
  command.kind = CommandKind::kFlushConnections;
  if (filter->address) {
    command.flush_match |= kFlushBySource;
    command.key.source = *filter->address;
  }
  if (filter->protocol != 0) {
    command.flush_match |= kFlushByProtocol;
    command.key.protocol = static_cast<IpProtocol>(filter->protocol);
  }
  std::vector<Command> commands;
  if (!filter->pod) commands.push_back(command);
  for (const IpAddress& address :
       filter->pod.value_or(std::vector<IpAddress>())) {
    command.flush_match |= kFlushByDestination;
    command.key.destination = address;
    commands.push_back(command);
  }
  uint64_t flushed = 0;
  for (const Command& each : commands) {
    absl::StatusOr<Reply> reply = context_.commands.Ask(each);
    if (!reply.ok()) return ToGrpc(reply.status());
    flushed += reply->flushed_count;
  }
  response->set_flushed(flushed);
  return grpc::Status::OK;
}

}  // namespace vswitch
