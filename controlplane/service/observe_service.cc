// Counters and drops, summed from worker memory.

#include "controlplane/service/observe_service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/compile/explain.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/service/connection_counts.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"

namespace vswitch {
namespace {

constexpr absl::Duration kWatchPause = absl::Milliseconds(200);

// The ports asked for by name, or all that exist or ever counted anything.
absl::StatusOr<std::vector<PortId>> SelectPorts(
    const google::protobuf::RepeatedPtrField<std::string>& wanted,
    const Names& names, const CounterView& counters) {
  std::vector<PortId> ports;
  for (const std::string& name : wanted) {
    std::optional<PortId> port = names.FindPort(name);
    if (!port) {
      return FaultStatus(
          absl::StatusCode::kNotFound,
          Fault{ObjectKey{ObjectKind::kPort, "", name}, "", "does not exist"});
    }
    ports.push_back(*port);
  }
  if (!ports.empty()) return ports;
  std::set<uint16_t> existing;
  for (const auto& [name, number] : names.snapshot().ports.ports()) {
    existing.insert(ToInt(number.id));
  }
  for (uint16_t i = 0; i < kMaxPorts; ++i) {
    PortId port{i};
    if (existing.contains(i) || !counters.SumPort(port).IsZero()) {
      ports.push_back(port);
    }
  }
  return ports;
}

v1::PortCounters ToProto(const std::string& name, PortId port,
                         const PortTotals& totals) {
  v1::PortCounters result;
  result.set_port(name);
  result.set_id(ToInt(port));
  result.set_rx_packets(totals.rx_packets);
  result.set_rx_bytes(totals.rx_bytes);
  result.set_forwarded_packets(totals.forwarded_in);
  result.set_local_packets(totals.local_in);
  result.set_held_packets(totals.held);
  result.set_tx_tried_packets(totals.tx_try);
  result.set_tx_packets(totals.tx_ok);
  result.set_tx_bytes(totals.tx_bytes);
  result.set_rx_dropped_packets(totals.DropsIn());
  result.set_tx_dropped_packets(totals.DropsOut());
  return result;
}

// The names of ConnectionEnd, in its order.
constexpr const char* kConnectionEnds[kConnectionEndCount] = {
    "expired",       "closed", "flushed",  "evicted",
    "endpoint_gone", "denied", "replaced", "restarted",
};

void Fill(const WorkerTotals& totals, v1::SwitchCounters& result) {
  result.set_generated_packets(totals.generated);
  result.set_icmp_wanted(totals.icmp_wanted);
  result.set_icmp_sent(totals.icmp_sent);
  result.set_icmp_suppressed_rate(totals.icmp_suppressed_rate);
  result.set_icmp_suppressed_rule(totals.icmp_suppressed_rule);
  result.set_policy_lookups(totals.policy_lookups);
  result.set_policy_allowed(totals.policy_allowed);
  result.set_policy_denied(totals.policy_denied);
  result.set_policy_cached_allow(totals.policy_cached_allow);
  result.set_policy_cached_deny(totals.policy_cached_deny);
  result.set_policy_kept(totals.policy_kept);
  result.set_policy_shadow_denied(totals.policy_shadow_denied);
  result.set_policy_shadow_suppressed(totals.policy_shadow_suppressed);
  result.set_resets_sent(totals.resets_sent);
  result.set_resets_suppressed(totals.resets_suppressed);
  result.set_connections_inserted(totals.connections_inserted);
  for (uint32_t i = 0; i < kConnectionEndCount; ++i) {
    if (totals.connections_deleted[i] == 0) continue;
    (*result.mutable_connections_deleted())[kConnectionEnds[i]] =
        totals.connections_deleted[i];
  }
}

// Names the policies that isolate the end that refused the packet.
void AddIsolating(const Event& event, const Names& names,
                  v1::DropRecord& record) {
  const Snapshot& snapshot = names.snapshot();
  const Explanation explanation =
      ExplainVerdict(snapshot.compiled, snapshot.stored.desired,
                     {event.key, event.source_identity,
                      event.destination_identity, event.reason});
  const DirectionExplanation& side =
      explanation.egress.allowed ? explanation.ingress : explanation.egress;
  if (side.isolating.empty()) return;
  record.mutable_isolating_policies()->Assign(side.isolating.begin(),
                                              side.isolating.end());
  // Only policies of this tier isolate.
  record.set_tier(ToString(PolicyTier::kNetworkPolicy));
}

void AddRule(const Event& event, const Names& names, v1::DropRecord& record) {
  const RuleCatalog& catalog = *names.snapshot().compiled.catalog;
  const std::optional<RuleInfo> rule = catalog.FindRule(event.rule);
  if (!rule.has_value()) return;
  record.set_policy(rule->policy);
  record.set_rule(
      absl::StrCat(rule->section, " rule ", rule->index, ": ", rule->text));
  record.set_tier(ToString(rule->tier));
}

v1::DropRecord ToProto(const DropEntry& entry, const Names& names) {
  const Event& event = entry.event;
  v1::DropRecord record;
  *record.mutable_time() = ToTimestamp(entry.time);
  record.set_port(names.PortName(event.port));
  record.set_reason(std::string(DropReasonName(event.reason)));
  *record.mutable_flow() = ToProto(event.key);
  *record.mutable_source() =
      names.Peer(event.key.source, event.source_identity);
  *record.mutable_destination() =
      names.Peer(event.key.destination, event.destination_identity);
  record.set_generation(event.generation);
  if (event.reason == DropReason::kPolicyDenied) {
    AddIsolating(event, names, record);
  } else if (event.reason == DropReason::kPolicyDenyRule) {
    // Of any other drop the event has the rule that let the connection in.
    AddRule(event, names, record);
  }
  record.set_packet_bytes(event.packet_bytes);
  record.set_head(event.packet, event.captured_bytes);
  return record;
}

// Whether a record is one that was asked for; empty lists ask for all.
bool Matches(const v1::DropRecord& record,
             const google::protobuf::RepeatedPtrField<std::string>& ports,
             const google::protobuf::RepeatedPtrField<std::string>& reasons) {
  auto holds = [](const auto& list, const std::string& text) {
    return list.empty() ||
           std::find(list.begin(), list.end(), text) != list.end();
  };
  return holds(ports, record.port()) && holds(reasons, record.reason());
}

void AddDrops(const std::string& port, const PortTotals& totals,
              v1::GetDropsResponse& response) {
  for (const DropReasonInfo& info : DropReasons()) {
    uint64_t packets = totals.drops[ToIndex(info.reason)];
    if (packets == 0) continue;
    v1::DropCount* drop = response.add_drops();
    drop->set_port(port);
    drop->set_reason(std::string(info.name));
    drop->set_packets(packets);
    drop->set_stage(std::string(DropStageName(info.stage)));
    // The API's numbers begin with UNSPECIFIED.
    drop->set_severity(static_cast<v1::DropSeverity>(
        static_cast<int>(info.severity) + v1::DROP_SEVERITY_EXPECTED));
    drop->set_text(std::string(info.text));
  }
}

}  // namespace

grpc::Status ObserveServiceImpl::GetCounters(
    grpc::ServerContext*, const v1::GetCountersRequest* request,
    v1::GetCountersResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Names> names = CurrentNames();
  absl::StatusOr<std::vector<PortId>> ports =
      SelectPorts(request->ports(), *names, context_.counters);
  if (!ports.ok()) return ToGrpc(ports.status());
  for (PortId port : *ports) {
    *response->add_ports() =
        ToProto(names->PortName(port), port, context_.counters.SumPort(port));
  }
  v1::SwitchCounters& totals = *response->mutable_totals();
  Fill(context_.counters.SumWorkers(), totals);
  totals.set_connections_active(CountEntries(context_.connections).connections);
  totals.set_events_lost(context_.drops.lost_count());
  return grpc::Status::OK;
}

grpc::Status ObserveServiceImpl::GetDrops(grpc::ServerContext*,
                                          const v1::GetDropsRequest* request,
                                          v1::GetDropsResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Names> names = CurrentNames();
  absl::StatusOr<std::vector<PortId>> ports =
      SelectPorts(request->ports(), *names, context_.counters);
  if (!ports.ok()) return ToGrpc(ports.status());
  for (PortId port : *ports) {
    AddDrops(names->PortName(port), context_.counters.SumPort(port), *response);
  }
  // Filtered before they are counted: the latest of the ports asked for.
  std::vector<v1::DropRecord> records;
  if (request->max_records() > 0) {
    for (const DropEntry& entry : context_.drops.Latest(DropLog::kCapacity)) {
      v1::DropRecord record = ToProto(entry, *names);
      if (Matches(record, request->ports(), {})) {
        records.push_back(std::move(record));
      }
    }
  }
  size_t count = std::min<size_t>(records.size(), request->max_records());
  for (size_t i = records.size() - count; i < records.size(); ++i) {
    *response->add_records() = std::move(records[i]);
  }
  return grpc::Status::OK;
}

grpc::Status ObserveServiceImpl::WatchDrops(
    grpc::ServerContext* call, const v1::WatchDropsRequest* request,
    grpc::ServerWriter<v1::DropRecord>* writer) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  for (const std::string& reason : request->reasons()) {
    if (!FindDropReason(reason)) {
      return ToGrpc(FaultStatus(
          absl::StatusCode::kInvalidArgument,
          Fault{std::nullopt, "reasons",
                absl::StrCat("\"", reason, "\" is no drop reason")}));
    }
  }
  uint64_t next = context_.drops.next_number();
  // The client knows by the headers that the watch has begun.
  writer->SendInitialMetadata();
  while (!call->IsCancelled()) {
    std::vector<DropEntry> entries =
        context_.drops.Since(next, absl::Now() + kWatchPause);
    if (entries.empty()) continue;
    std::shared_ptr<const Names> names = CurrentNames();
    for (const DropEntry& entry : entries) {
      v1::DropRecord record = ToProto(entry, *names);
      if (!Matches(record, request->ports(), request->reasons())) continue;
      if (!writer->Write(record)) return grpc::Status::CANCELLED;
    }
    next = entries.back().number + 1;
  }
  return grpc::Status::CANCELLED;
}

}  // namespace vswitch
