// CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, with the validation
// rules of cilium.io/v2.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/translate/to_model_internal.h"

namespace vswitch {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr uint32_t kMaxPort = 65535;
constexpr uint32_t kMaxIcmpType = 255;

constexpr absl::string_view kSources[] = {"k8s", "any", "container", "unspec",
                                          "reserved"};
constexpr absl::string_view kReservedNames[] = {
    "host", "world",  "world-ipv4",  "world-ipv6",     "unmanaged",
    "init", "health", "remote-node", "kube-apiserver", "ingress"};

// What differs between the two kinds and the two directions.
struct Place {
  bool clusterwide = false;
  bool egress = false;
};

// A label key with an optional source in front: "role", "k8s:role",
// "reserved:host".
void CheckCiliumKey(FieldReader& reader, const FieldPath& path,
                    const std::string& key) {
  size_t colon = key.find(':');
  if (colon == std::string::npos) {
    reader.CheckLabelKey(path, key);
    return;
  }
  absl::string_view source = absl::string_view(key).substr(0, colon);
  std::string name = key.substr(colon + 1);
  auto among = [](absl::Span<const absl::string_view> names,
                  absl::string_view wanted) {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  };
  if (!among(kSources, source)) {
    reader.AddFault(path, absl::StrCat("\"", source.substr(0, 64),
                                       ":\" is no source of labels; want ",
                                       absl::StrJoin(kSources, ":, "), ":"));
  } else if (source != "reserved") {
    reader.CheckLabelKey(path, name);
  } else if (!among(kReservedNames, name)) {
    reader.AddFault(path,
                    absl::StrCat("\"reserved:", name.substr(0, 64),
                                 "\" is unknown; want reserved: and one of ",
                                 absl::StrJoin(kReservedNames, ", ")));
  }
}

LabelSelector ReadCiliumSelector(FieldReader& reader, const FieldPath& path,
                                 const v1::LabelSelector& message) {
  return ReadSelector(reader, path, message, CheckCiliumKey);
}

std::vector<LabelSelector> ReadSelectors(FieldReader& reader,
                                         const FieldPath& path,
                                         const v1::CiliumSelectors& message) {
  std::vector<LabelSelector> result;
  for (int i = 0; i < message.selectors_size(); ++i) {
    result.push_back(ReadCiliumSelector(reader, {&path, "selectors", i},
                                        message.selectors(i)));
  }
  return result;
}

std::vector<CiliumEntity> ReadEntities(FieldReader& reader,
                                       const FieldPath& path,
                                       const v1::CiliumEntities& message) {
  std::vector<CiliumEntity> result;
  for (int i = 0; i < message.entities_size(); ++i) {
    if (message.entities(i) == v1::CILIUM_ENTITY_UNSPECIFIED) {
      reader.AddFault({&path, "entities", i}, "must be set");
      continue;
    }
    result.push_back(
        static_cast<CiliumEntity>(message.entities(i) - v1::CILIUM_ENTITY_ALL));
  }
  return result;
}

// A single address is the block of it alone, as Cilium has it.
std::vector<IpBlock> ReadBlocks(FieldReader& reader, const FieldPath& path,
                                const v1::CiliumCidrs& message) {
  std::vector<IpBlock> result;
  for (int i = 0; i < message.blocks_size(); ++i) {
    const v1::IpBlock& block = message.blocks(i);
    FieldPath at(&path, "blocks", i);
    absl::StatusOr<IpAddress> address = IpAddress::Parse(block.cidr());
    if (address.ok() && block.except().empty()) {
      result.push_back(
          {{*address, static_cast<uint8_t>(address->IsIpv4() ? 32 : 128)}, {}});
    } else {
      result.push_back(ReadIpBlock(reader, at, block));
    }
  }
  return result;
}

CiliumServiceReference ReadService(FieldReader& reader, const FieldPath& path,
                                   Place place,
                                   const v1::CiliumServiceReference& message) {
  CiliumServiceReference result;
  result.name = message.service_name();
  result.ns = message.namespace_();
  if (result.name.empty() != message.has_selector()) {
    reader.AddFault(path, "must have one of service_name and selector");
  }
  if (!result.name.empty()) {
    reader.CheckDnsName({&path, "service_name"}, result.name, 253);
    if (place.clusterwide && result.ns.empty()) {
      reader.AddFault({&path, "namespace"},
                      "must be set: the policy itself is in no namespace");
    }
  }
  if (!result.ns.empty()) {
    reader.CheckDnsName({&path, "namespace"}, result.ns, 63);
  }
  result.selector =
      ReadSelector(reader, {&path, "selector"}, message.selector());
  return result;
}

std::optional<IpProtocol> ReadCiliumProtocol(v1::CiliumProtocol protocol) {
  switch (protocol) {
    case v1::CILIUM_PROTOCOL_TCP:
      return IpProtocol::kTcp;
    case v1::CILIUM_PROTOCOL_UDP:
      return IpProtocol::kUdp;
    case v1::CILIUM_PROTOCOL_SCTP:
      return IpProtocol::kSctp;
    case v1::CILIUM_PROTOCOL_ICMP:
      return IpProtocol::kIcmp;
    case v1::CILIUM_PROTOCOL_ICMPV6:
      return IpProtocol::kIcmpv6;
    default:
      return std::nullopt;
  }
}

void ReadPortRange(FieldReader& reader, const FieldPath& path,
                   const v1::CiliumPort& message, CiliumPort& port) {
  if (message.port() > kMaxPort) {
    reader.AddFault({&path, "port"},
                    absl::StrCat(message.port(), " is not from 0 to 65535"));
    return;
  }
  FieldPath end(&path, "end_port");
  if (message.port() == 0) {  // every port
    if (message.end_port() != 0) reader.AddFault(end, "needs a port above 0");
    return;
  }
  port.first = port.last = static_cast<uint16_t>(message.port());
  if (message.end_port() == 0) return;
  port.last = reader.ReadPortNumber(end, message.end_port());
  if (port.last < port.first) {
    reader.AddFault(end, absl::StrCat(message.end_port(), " is less than port ",
                                      message.port()));
  }
}

CiliumPort ReadPort(FieldReader& reader, const FieldPath& path,
                    const v1::CiliumPort& message) {
  CiliumPort port;
  port.protocol = ReadCiliumProtocol(message.protocol());
  bool is_icmp = port.protocol == IpProtocol::kIcmp ||
                 port.protocol == IpProtocol::kIcmpv6;
  FieldPath name(&path, "port_name");
  switch (message.port_match_case()) {
    case v1::CiliumPort::kPort:
      ReadPortRange(reader, path, message, port);
      if (is_icmp && message.port() != 0) {
        reader.AddFault({&path, "port"},
                        "must be 0 for ICMP; single types are for icmps");
      }
      break;
    case v1::CiliumPort::kPortName:
      // Cilium ignores endPort beside a name.
      port.port_name = message.port_name();
      reader.CheckLength(name, port.port_name, kMaxPortNameLength);
      if (port.port_name.empty()) reader.AddFault(name, "must not be empty");
      if (is_icmp) reader.AddFault(name, "has no meaning for ICMP");
      break;
    case v1::CiliumPort::PORT_MATCH_NOT_SET:
      reader.AddFault({&path, "port"}, "must be set; 0 is every port");
  }
  return port;
}

CiliumIcmp ReadIcmp(FieldReader& reader, const FieldPath& path,
                    const v1::CiliumIcmpField& message) {
  CiliumIcmp result;
  if (message.family() == v1::ADDRESS_TYPE_IPV6) {
    result.family = IpFamily::kIpv6;
  }
  if (message.type() > kMaxIcmpType) {
    reader.AddFault({&path, "type"},
                    absl::StrCat(message.type(), " is not from 0 to 255"));
  }
  result.type = static_cast<uint8_t>(message.type());
  return result;
}

void ReadPeers(FieldReader& reader, const FieldPath& path, Place place,
               const v1::CiliumRule& message, CiliumRule& rule) {
  if (message.has_endpoints()) {
    rule.endpoints =
        ReadSelectors(reader, {&path, "endpoints"}, message.endpoints());
  }
  if (message.has_entities()) {
    rule.entities =
        ReadEntities(reader, {&path, "entities"}, message.entities());
  }
  if (message.has_cidrs()) {
    rule.cidrs = ReadBlocks(reader, {&path, "cidrs"}, message.cidrs());
  }
  if (message.has_nodes()) {
    rule.nodes = ReadSelectors(reader, {&path, "nodes"}, message.nodes());
  }
  if (message.has_services()) {
    FieldPath services(&path, "services");
    if (!place.egress) reader.AddFault(services, "is only for egress rules");
    rule.services.emplace();
    for (int i = 0; i < message.services().services_size(); ++i) {
      rule.services->push_back(ReadService(reader, {&services, "services", i},
                                           place,
                                           message.services().services(i)));
    }
  }
  int kinds = message.has_endpoints() + message.has_entities() +
              message.has_cidrs() + message.has_nodes() +
              message.has_services();
  if (kinds > 1) {
    reader.AddFault(path,
                    "must have one of endpoints, entities, cidrs, nodes and "
                    "services, not several; write a rule for each");
  }
}

std::vector<CiliumRule> ReadRules(FieldReader& reader, const FieldPath& parent,
                                  absl::string_view name, Place place,
                                  const RepeatedPtrField<v1::CiliumRule>& in) {
  std::vector<CiliumRule> rules;
  for (int i = 0; i < in.size(); ++i) {
    FieldPath path(&parent, name, i);
    CiliumRule rule;
    ReadPeers(reader, path, place, in[i], rule);
    for (int k = 0; k < in[i].ports_size(); ++k) {
      rule.ports.push_back(
          ReadPort(reader, {&path, "ports", k}, in[i].ports(k)));
    }
    for (int k = 0; k < in[i].icmps_size(); ++k) {
      rule.icmps.push_back(
          ReadIcmp(reader, {&path, "icmps", k}, in[i].icmps(k)));
    }
    if (!rule.ports.empty() && !rule.icmps.empty()) {
      reader.AddFault({&path, "icmps"},
                      "cannot stand beside ports; write a rule for each");
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

void ReadSubject(FieldReader& reader, const FieldPath& path, Place place,
                 const v1::CiliumPolicySpec& message, CiliumPolicySpec& spec) {
  if (message.has_endpoint_selector()) {
    spec.endpoint_selector = ReadCiliumSelector(
        reader, {&path, "endpoint_selector"}, message.endpoint_selector());
  }
  if (message.has_node_selector()) {
    FieldPath nodes(&path, "node_selector");
    spec.node_selector =
        ReadCiliumSelector(reader, nodes, message.node_selector());
    if (!place.clusterwide) {
      reader.AddFault(nodes, "is only for a CiliumClusterwideNetworkPolicy");
    }
  }
  if (message.has_endpoint_selector() == message.has_node_selector()) {
    reader.AddFault({&path, "endpoint_selector"},
                    message.has_node_selector()
                        ? "cannot stand beside node_selector"
                        : "must be set; {} selects every pod");
  }
}

CiliumPolicySpec ReadSpec(FieldReader& reader, const FieldPath& path,
                          bool clusterwide,
                          const v1::CiliumPolicySpec& message) {
  const Place ingress{clusterwide, false};
  const Place egress{clusterwide, true};
  CiliumPolicySpec spec;
  ReadSubject(reader, path, ingress, message, spec);
  const v1::CiliumDefaultDeny& deny = message.enable_default_deny();
  if (deny.has_ingress()) spec.default_deny_ingress = deny.ingress();
  if (deny.has_egress()) spec.default_deny_egress = deny.egress();
  spec.ingress = ReadRules(reader, path, "ingress", ingress, message.ingress());
  spec.ingress_deny =
      ReadRules(reader, path, "ingress_deny", ingress, message.ingress_deny());
  spec.egress = ReadRules(reader, path, "egress", egress, message.egress());
  spec.egress_deny =
      ReadRules(reader, path, "egress_deny", egress, message.egress_deny());
  return spec;
}

}  // namespace

std::vector<CiliumPolicySpec> ReadCiliumSpecs(
    FieldReader& reader, const FieldPath& path, bool clusterwide,
    const RepeatedPtrField<v1::CiliumPolicySpec>& specs) {
  if (specs.empty()) {
    reader.AddFault({&path, "specs"}, "must hold at least one");
  }
  std::vector<CiliumPolicySpec> result;
  for (int i = 0; i < specs.size(); ++i) {
    result.push_back(
        ReadSpec(reader, {&path, "specs", i}, clusterwide, specs[i]));
  }
  return result;
}

}  // namespace vswitch
