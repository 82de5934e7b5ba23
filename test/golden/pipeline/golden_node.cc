// What golden cases change in their node.

#include "test/golden/pipeline/golden_node.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/timeouts.h"
#include "test/golden/pipeline/golden_nat.h"

namespace vswitch {
namespace {

EndpointRecord& EndpointNamed(TestNode& node, absl::string_view name) {
  return node.endpoints[ToInt(TestWorld::PortNamed(name))];
}

IdentityId IdentityOf(TestNode& node, absl::string_view name) {
  return EndpointNamed(node, name).identity;
}

PolicySetSpec& SetOf(TestNode& node, PolicySetId id) {
  return node.policy_sets[ToInt(id)];
}
PolicySetSpec& GuardedSet(TestNode& node) {
  return SetOf(node, EndpointNamed(node, "guarded").ingress);
}
PolicySetSpec& JailedSet(TestNode& node) {
  return SetOf(node, EndpointNamed(node, "jailed").egress);
}

PolicySetId AddSet(TestNode& node, PolicySetSpec spec) {
  node.policy_sets.push_back(std::move(spec));
  return PolicySetId{static_cast<uint32_t>(node.policy_sets.size() - 1)};
}

void ChangeDenial(TestNode& node, EstablishedAction established,
                  DenyResponse response) {
  for (PolicySetSpec* set : {&GuardedSet(node), &JailedSet(node)}) {
    set->default_precedence = Precedence(PolicyTier::kNetworkPolicy, 0,
                                         DenyVerdict(established, response));
  }
}

absl::Status ChangeDeny(const std::string& value, TestNode& node) {
  const auto established =
      static_cast<EstablishedAction>(GuardedSet(node).default_precedence & 3);
  for (const auto& [name, response] :
       {std::pair{"silent", DenyResponse::kSilent},
        std::pair{"reset", DenyResponse::kReset},
        std::pair{"icmp", DenyResponse::kIcmp}}) {
    if (value != name) continue;
    ChangeDenial(node, established, response);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("deny=", value));
}

absl::Status ChangeEstablished(const std::string& value, TestNode& node) {
  const auto response =
      static_cast<DenyResponse>(GuardedSet(node).default_precedence >> 2 & 3);
  for (const auto& [name, established] :
       {std::pair{"keep", EstablishedAction::kKeep},
        std::pair{"re-evaluate", EstablishedAction::kReEvaluate},
        std::pair{"reset", EstablishedAction::kReset}}) {
    if (value != name) continue;
    ChangeDenial(node, established, response);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("established=", value));
}

absl::Status ChangeClient(const std::string& value, TestNode& node) {
  const IdentityId client = IdentityOf(node, "client");
  // Out: the rule is about somebody who does not exist.
  GuardedSet(node).entries[0].identities = {value == "in" ? client
                                                          : IdentityId{999}};
  return absl::OkStatus();
}

absl::Status ChangeJailed(const std::string& value, TestNode& node) {
  PolicyEntry& entry = JailedSet(node).entries[0];
  entry.identities = {value == "all" ? IdentityOf(node, "server")
                                     : IdentityId{999}};
  entry.traffic.clear();
  return absl::OkStatus();
}

absl::Status ChangeType(const std::string& value, TestNode& node) {
  uint32_t type = 0;
  if (!absl::SimpleAtoi(value, &type) || type > 255) {
    return absl::InvalidArgumentError(absl::StrCat("type=", value));
  }
  const auto number = static_cast<uint16_t>(type);
  PolicyEntry entry;
  entry.rule = RuleId{8};
  entry.identities = {IdentityOf(node, "client")};
  entry.traffic = {{IpProtocol::kIcmp, number, number},
                   {IpProtocol::kIcmpv6, number, number}};
  GuardedSet(node).entries.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status ChangeShadow(const std::string& value, TestNode& node) {
  if (value == "jailed") {
    EndpointNamed(node, "jailed").shadow_egress = AddSet(node, {});
    return absl::OkStatus();
  }
  PolicySetSpec spec = GuardedSet(node);
  PolicyEntry entry;
  entry.rule = RuleId{21};
  entry.precedence = kNetworkPolicyDeny;
  entry.identities = {IdentityOf(node, "client")};
  spec.entries.push_back(std::move(entry));
  EndpointNamed(node, "guarded").shadow_ingress = AddSet(node, std::move(spec));
  return absl::OkStatus();
}

absl::Status ChangeHost(TestNode& node) {
  PolicyEntry in;
  in.rule = RuleId{31};
  in.identities = {IdentityOf(node, "client")};
  in.traffic = {{IpProtocol::kTcp, 22, 22}};
  PolicyEntry out;
  out.rule = RuleId{32};
  out.identities = {IdentityOf(node, "server")};
  out.traffic = {{IpProtocol::kUdp, 53, 53}};
  EndpointNamed(node, "host").ingress = AddSet(node, {.entries = {in}});
  EndpointNamed(node, "host").egress = AddSet(node, {.entries = {out}});
  return absl::OkStatus();
}

absl::Status ReuseAddresses(const std::string& value, TestNode& node) {
  const PortId port = TestWorld::PortNamed(value);
  if (port == kNoPort) {
    return absl::InvalidArgumentError(absl::StrCat("reuse=", value));
  }
  for (auto& [address, binding] : node.bindings) {
    if (ToInt(binding.endpoint) == ToInt(port)) ++binding.epoch;
  }
  return absl::OkStatus();
}

absl::Status ChangeTimeout(absl::string_view name, const std::string& value,
                           TestNode& node) {
  uint32_t seconds = 0;
  if (!absl::SimpleAtoi(value, &seconds)) {
    return absl::InvalidArgumentError(absl::StrCat("timeout-", name));
  }
  for (const TimeoutField& field : kTimeoutFields) {
    if (field.name != name) continue;
    node.settings.timeouts.*field.field = seconds;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("no timeout ", name));
}

absl::Status ChangeLimit(absl::string_view name, const std::string& value,
                         TestNode& node) {
  for (const LimitField& field : kLimitFields) {
    if (field.name == name &&
        absl::SimpleAtoi(value, &(node.settings.limits.*field.field))) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("limit-", name, "=", value));
}

absl::Status ChangeMtu(absl::string_view name, const std::string& value,
                       TestNode& node) {
  const PortId port = TestWorld::PortNamed(name);
  uint32_t mtu = 0;
  if (port == kNoPort || !absl::SimpleAtoi(value, &mtu)) {
    return absl::InvalidArgumentError(absl::StrCat("mtu-", name, "=", value));
  }
  node.ports[ToInt(port)].mtu = mtu;
  return absl::OkStatus();
}

// The routers of the uplink: the usual ones, or others.
absl::Status ChangeRouters(const std::string& value, TestNode& node) {
  PortRecord& uplink = node.ports[ToInt(TestWorld::PortNamed("uplink"))];
  const bool is_usual = value == "yes";
  for (const char* text : {is_usual ? "203.0.113.1" : "203.0.113.2",
                           is_usual ? "2001:db8::1" : "2001:db8::2"}) {
    ASSIGN_OR_RETURN(const IpAddress router, IpAddress::Parse(text));
    NameRouter(uplink, router);
  }
  return absl::OkStatus();
}

absl::Status ChangeIcmpErrors(const std::string& value, TestNode& node) {
  return absl::SimpleAtoi(value, &node.settings.icmp_errors_per_second_port)
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat("icmp-errors=", value));
}

absl::Status ChangeOne(const std::string& key, const std::string& value,
                       TestNode& node) {
  if (key == "deny") return ChangeDeny(value, node);
  if (key == "established") return ChangeEstablished(value, node);
  if (key == "client") return ChangeClient(value, node);
  if (key == "jailed") return ChangeJailed(value, node);
  if (key == "type") return ChangeType(value, node);
  if (key == "shadow") return ChangeShadow(value, node);
  if (key == "host") return ChangeHost(node);
  if (key == "routers") return ChangeRouters(value, node);
  if (key == "icmp-errors") return ChangeIcmpErrors(value, node);
  if (key == "reuse") return ReuseAddresses(value, node);
  if (key == "tcp-needs-syn") {
    node.settings.tcp_needs_syn = value == "yes" ? 1 : 0;
    return absl::OkStatus();
  }
  if (key == "profile" && value == "linux") {
    node.settings.timeouts = DefaultTimeouts(TimeoutProfile::kLinux);
    return absl::OkStatus();
  }
  if (IsNatChange(key)) return ChangeNat(key, value, node);
  absl::string_view name = key;
  if (absl::ConsumePrefix(&name, "timeout-")) {
    return ChangeTimeout(name, value, node);
  }
  if (absl::ConsumePrefix(&name, "limit-")) {
    return ChangeLimit(name, value, node);
  }
  if (absl::ConsumePrefix(&name, "mtu-")) return ChangeMtu(name, value, node);
  return absl::InvalidArgumentError(absl::StrCat("unknown change ", key));
}

}  // namespace

absl::Status ChangeNode(const GoldenDirective& directive, TestNode& node) {
  ASSIGN_OR_RETURN(const auto changes, KeyValues(directive));
  for (const auto& [key, value] : changes) {
    RETURN_IF_ERROR(ChangeOne(key, value, node));
  }
  return absl::OkStatus();
}

}  // namespace vswitch
