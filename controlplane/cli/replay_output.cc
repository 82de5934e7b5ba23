// How a replay is told: as JSON, packet by packet, and as two tables.

#include "absl/strings/str_cat.h"
#include "controlplane/cli/replay.h"

namespace vswitch {
namespace {

Json PlaceJson(const PacketPlace& place) {
  return {{"port", place.port}, {"index", place.index}};
}

Json PacketJson(const ReplayedInput& packet) {
  Json out = Json::array();
  for (const PacketPlace& place : packet.out) out.push_back(PlaceJson(place));
  return {
      {"in", packet.in.port},
      {"index", packet.in.index},
      {"out", std::move(out)},
      {"drop", packet.drop == DropReason::kNone
                   ? Json(nullptr)
                   : Json(std::string(DropReasonName(packet.drop)))},
      {"policy", packet.policy.empty() ? Json(nullptr) : Json(packet.policy)}};
}

struct PortCounts {
  uint64_t received = 0;
  uint64_t sent = 0;
  uint64_t generated = 0;  // of those sent
  uint64_t dropped = 0;    // of those received
};

std::map<std::string, PortCounts> CountByPort(const ReplayReport& report) {
  std::map<std::string, PortCounts> counts;
  for (const ReplayedInput& packet : report.packets) {
    PortCounts& port = counts[packet.in.port];
    ++port.received;
    if (packet.drop != DropReason::kNone) ++port.dropped;
  }
  for (const auto& [name, capture] : report.sent) {
    if (capture.size() > 0) counts[name].sent = capture.size();
  }
  for (const GeneratedPacket& packet : report.generated) {
    ++counts[packet.out.port].generated;
  }
  return counts;
}

}  // namespace

Json ToJson(const ReplayReport& report) {
  Json packets = Json::array();
  for (const ReplayedInput& packet : report.packets) {
    packets.push_back(PacketJson(packet));
  }
  Json generated = Json::array();
  for (const GeneratedPacket& packet : report.generated) {
    Json json = PlaceJson(packet.out);
    json["cause"] = packet.cause;
    generated.push_back(std::move(json));
  }
  Json drops = Json::object();
  for (const auto& [reason_and_policy, count] : report.drops) {
    const std::string reason(DropReasonName(reason_and_policy.first));
    drops[reason] = drops.value(reason, uint64_t{0}) + count;
  }
  return {{"packets", std::move(packets)},
          {"generated", std::move(generated)},
          {"drops", std::move(drops)},
          {"connections", report.connections}};
}

std::string ReplayText(const ReplayReport& report) {
  Table ports({"PORT", "RECEIVED", "DROPPED", "SENT", "GENERATED"});
  for (const auto& [name, counts] : CountByPort(report)) {
    ports.AddRow({name, absl::StrCat(counts.received),
                  absl::StrCat(counts.dropped), absl::StrCat(counts.sent),
                  absl::StrCat(counts.generated)});
  }
  Table drops({"REASON", "PACKETS", "POLICY", "MEANING"});
  for (const auto& [reason_and_policy, count] : report.drops) {
    const auto& [reason, policy] = reason_and_policy;
    drops.AddRow({std::string(DropReasonName(reason)), absl::StrCat(count),
                  policy, std::string(GetDropReasonInfo(reason).text)});
  }
  std::string text = ports.ToText();
  if (!drops.empty()) absl::StrAppend(&text, "\n", drops.ToText());
  absl::StrAppend(&text, "\n", report.connections,
                  report.connections == 1 ? " connection" : " connections",
                  " at the end\n");
  return text;
}

}  // namespace vswitch
