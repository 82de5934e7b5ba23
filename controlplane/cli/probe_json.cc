// Probes and their results as JSON.

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/cluster_ends.h"
#include "controlplane/cli/probe.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr int64_t kMaxPort = 65535;
constexpr int64_t kMaxIcmpType = 255;

// Reads the fields of one probe; the first fault is kept.
class ProbeReader {
 public:
  ProbeReader(const Json& object, size_t index)
      : object_(object), index_(index) {}

  std::optional<std::string> Text(const char* field) {
    const Json* value = Find(field);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    if (value->is_number_unsigned()) {
      return absl::StrCat(value->get<uint64_t>());
    }
    Fault(field, "is not a text");
    return std::nullopt;
  }
  std::string RequiredText(const char* field) {
    std::optional<std::string> text = Text(field);
    if (!text.has_value() || text->empty()) Fault(field, "is missing");
    return text.value_or("");
  }
  std::optional<int64_t> Number(const char* field, int64_t min, int64_t max) {
    const Json* value = Find(field);
    if (value == nullptr) return std::nullopt;
    const int64_t number =
        value->is_number_integer() ? value->get<int64_t>() : min - 1;
    if (number >= min && number <= max) return number;
    Fault(field, absl::StrCat("is not a number from ", min, " to ", max));
    return std::nullopt;
  }
  void Fault(const char* field, absl::string_view text) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(
        absl::StrCat("probes[", index_, "].", field, ": ", text));
  }
  const absl::Status& status() const { return status_; }

 private:
  // A null is as good as nothing.
  const Json* Find(const char* field) const {
    const auto found = object_.find(field);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  const Json& object_;
  const size_t index_;
  absl::Status status_;
};

absl::StatusOr<Probe> ReadProbe(const Json& object, size_t index) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("probes[", index, "]: is not an object"));
  }
  ProbeReader reader(object, index);
  Probe probe{.source = object};
  probe.from = reader.RequiredText("from");
  probe.to = reader.RequiredText("to");
  if (const auto protocol = reader.Text("protocol")) {
    const auto number = ProtocolByName(*protocol);
    if (!number.has_value()) {
      reader.Fault("protocol",
                   absl::StrCat("\"", *protocol, "\" is unknown; want TCP, ",
                                "UDP, SCTP, ICMP or a number from 0 to 255"));
    }
    probe.protocol = number.value_or(IpProtocol::kTcp);
  }
  probe.port =
      static_cast<uint16_t>(reader.Number("port", 0, kMaxPort).value_or(0));
  if (const auto type = reader.Number("icmpType", 0, kMaxIcmpType)) {
    probe.icmp_type = static_cast<uint8_t>(*type);
  }
  if (const auto family = reader.Text("family")) {
    if (*family != "4" && *family != "6") reader.Fault("family", "want 4 or 6");
    probe.family = *family == "4" ? IpFamily::kIpv4 : IpFamily::kIpv6;
  }
  if (const auto expect = reader.Text("expect")) {
    if (*expect != "allow" && *expect != "deny") {
      reader.Fault("expect", absl::StrCat("\"", *expect,
                                          "\" is unknown; want allow or deny"));
    }
    probe.expect_allowed = *expect == "allow";
  }
  RETURN_IF_ERROR(reader.status());
  return probe;
}

Json TextOrNull(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json SideJson(const ClusterSide& side) {
  const DirectionExplanation& words = side.words;
  return {{"isolated", words.isolated},
          {"allowed", words.allowed},
          {"policy", TextOrNull(words.policy)},
          {"rule", TextOrNull(side.rule_name)},
          {"ruleText", TextOrNull(words.rule_text)},
          {"tier", TextOrNull(side.tier)},
          {"isolating", words.isolating},
          {"nearestMisses", words.nearest_misses}};
}

std::string SideText(absl::string_view title, const ClusterSide& whole) {
  const DirectionExplanation& side = whole.words;
  if (!side.policy.empty()) {
    return absl::StrCat(title, " ", side.policy, ", ", whole.rule_name, ": ",
                        side.rule_text);
  }
  if (side.allowed) return "";
  return absl::StrCat(
      title, " isolated by ", absl::StrJoin(side.isolating, ", "),
      side.nearest_misses.empty() ? "" : "; ",
      side.nearest_misses.empty() ? "" : side.nearest_misses.front());
}

}  // namespace

absl::StatusOr<ProbeFile> ReadProbes(const std::string& text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return absl::InvalidArgumentError("is not JSON");
  }
  ProbeFile file{.is_list = document.is_array()};
  const Json* list = &document;
  if (document.is_object() && document.contains("probes")) {
    list = &document["probes"];
  }
  if (!list->is_array()) {
    return absl::InvalidArgumentError(
        "want a list of probes, or {\"probes\": [...]}");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    ASSIGN_OR_RETURN(Probe probe, ReadProbe((*list)[i], i));
    file.probes.push_back(std::move(probe));
  }
  return file;
}

Json ToJson(const Probe& probe, const ProbeResult& result) {
  Json json = probe.source.is_object() ? probe.source : Json::object();
  json["verdict"] = result.allowed ? "allow" : "deny";
  json["egress"] = SideJson(result.words.egress);
  json["ingress"] = SideJson(result.words.ingress);
  json["reason"] = result.allowed
                       ? Json(nullptr)
                       : Json(std::string(DropReasonName(result.drop)));
  json["policy"] = TextOrNull(result.policy);
  return json;
}

std::string ReasonText(const ProbeResult& result) {
  const auto& [egress, ingress] = result.words;
  std::vector<std::string> parts;
  if (!result.allowed && result.drop != DropReason::kPolicyDenied &&
      result.drop != DropReason::kPolicyDenyRule) {
    parts.push_back(std::string(GetDropReasonInfo(result.drop).text));
  }
  if (result.allowed || !egress.words.allowed) {
    parts.push_back(SideText("egress", egress));
  }
  if (result.allowed || egress.words.allowed) {
    parts.push_back(SideText("ingress", ingress));
  }
  parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
  return parts.empty() ? "nothing isolates either side"
                       : absl::StrJoin(parts, "; ");
}

}  // namespace vswitch
