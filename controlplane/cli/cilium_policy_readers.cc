// Readers of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy
// (cilium.io/v2).  What the switch cannot do is refused by name, never left
// out: a policy without it would be another policy.

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/icmp_type_names.h"
#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr uint32_t kMaxPortNumber = 65535;
constexpr uint64_t kMaxIcmpType = 255;

// What the fields of a rule are called in one direction.
struct RuleFields {
  absl::string_view endpoints;
  absl::string_view entities;
  absl::string_view cidrs;
  absl::string_view cidr_sets;
  absl::string_view nodes;
  absl::string_view groups;
  absl::string_view requirements;
  bool egress;
};
constexpr RuleFields kFrom = {"fromEndpoints", "fromEntities", "fromCIDR",
                              "fromCIDRSet",   "fromNodes",    "fromGroups",
                              "fromRequires",  false};
constexpr RuleFields kTo = {"toEndpoints", "toEntities", "toCIDR",
                            "toCIDRSet",   "toNodes",    "toGroups",
                            "toRequires",  true};

struct Refusal {
  absl::string_view field;
  absl::string_view message;
};
constexpr char kNoProxy[] =
    "is not supported: the switch decides by addresses, protocols and ports, "
    "and has no proxy";
constexpr Refusal kRefusedOfPorts[] = {
    {"rules",
     "is not supported: the switch does not look into HTTP, DNS, Kafka or "
     "other L7 protocols"},
    {"listener", kNoProxy},
    {"terminatingTLS", kNoProxy},
    {"originatingTLS", kNoProxy},
    {"serverNames", "is not supported: the switch does not look into TLS"},
};

// A refused field is a fault even if it is empty: an empty list of peers
// matches nobody, leaving it out would match everybody.
void Refuse(MappingReader& reader, absl::string_view field,
            absl::string_view message) {
  if (reader.Child(field) != nullptr) reader.Fault(field, message);
}

void RefuseOfRule(MappingReader& reader, const RuleFields& fields) {
  if (fields.egress) {
    Refuse(reader, "toFQDNs",
           "is not supported: the switch does not follow DNS; name the "
           "addresses in toCIDR");
  }
  Refuse(reader, fields.groups,
         "is not supported: the switch asks no cloud provider");
  Refuse(reader, fields.requirements,
         "is not supported: Cilium has removed it; add its labels to every "
         "selector of the rule");
  Refuse(reader, "authentication",
         "is not supported: the switch does no mutual authentication");
}

void ReadSelectors(MappingReader& reader, absl::string_view field,
                   v1::CiliumSelectors& selectors) {
  reader.Each(field, [&](const YamlNode& node, const std::string& path) {
    ReadLabelSelector(node, path, reader.context(), *selectors.add_selectors());
  });
}

void ReadEntities(MappingReader& reader, absl::string_view field,
                  v1::CiliumEntities& entities) {
  reader.Each(field, [&](const YamlNode& node, const std::string& path) {
    if (auto entity =
            ReadEnum(node, path, kCiliumEntitySpellings, reader.context())) {
      entities.add_entities(static_cast<v1::CiliumEntity>(*entity));
    }
  });
}

void ReadCidrSet(const YamlNode& node, const std::string& path,
                 ReadContext& context, v1::IpBlock& block) {
  MappingReader reader(node, path, context);
  for (absl::string_view group : {"cidrGroupRef", "cidrGroupSelector"}) {
    Refuse(reader, group,
           "is not supported: there are no CiliumCIDRGroups; write the blocks "
           "themselves");
  }
  if (!reader.IsGiven("cidrGroupRef") && !reader.IsGiven("cidrGroupSelector")) {
    reader.Require("cidr");
  }
  if (auto cidr = reader.Text("cidr")) block.set_cidr(*cidr);
  for (std::string& cidr : reader.TextList("except")) {
    block.add_except(std::move(cidr));
  }
  reader.Finish();
}

void ReadService(const YamlNode& node, const std::string& path,
                 ReadContext& context, v1::CiliumServiceReference& service) {
  MappingReader reader(node, path, context);
  if (reader.IsGiven("k8sService") == reader.IsGiven("k8sServiceSelector")) {
    context.Add(node.position, path,
                "must have one of k8sService and k8sServiceSelector");
  }
  reader.Mapping("k8sService", [&](const YamlNode& item, const std::string& p) {
    MappingReader name(item, p, context);
    name.Require("serviceName");
    if (auto text = name.Text("serviceName")) service.set_service_name(*text);
    if (auto ns = name.Text("namespace")) service.set_namespace_(*ns);
    name.Finish();
  });
  reader.Mapping("k8sServiceSelector",
                 [&](const YamlNode& item, const std::string& p) {
                   MappingReader by_label(item, p, context);
                   by_label.Require("selector");
                   if (const YamlNode* selector = by_label.Child("selector")) {
                     ReadLabelSelector(*selector, by_label.PathOf("selector"),
                                       context, *service.mutable_selector());
                   }
                   if (auto ns = by_label.Text("namespace"))
                     service.set_namespace_(*ns);
                   by_label.Finish();
                 });
  reader.Finish();
}

// One kind of peer of a rule: marks it as given, in the message too, because a
// list that is given and empty is not one that is missing.
class PeerKinds {
 public:
  explicit PeerKinds(MappingReader& reader) : reader_(reader) {}

  bool Has(absl::string_view field) {
    if (reader_.Child(field) == nullptr) return false;
    if (!first_.empty()) {
      reader_.Fault(field, absl::StrCat("cannot stand beside ", first_,
                                        "; write a rule for each"));
    }
    if (first_.empty()) first_ = field;
    return true;
  }

 private:
  MappingReader& reader_;
  absl::string_view first_;
};

void ReadPeers(MappingReader& reader, const RuleFields& fields,
               v1::CiliumRule& rule) {
  ReadContext& context = reader.context();
  PeerKinds kinds(reader);
  if (kinds.Has(fields.endpoints)) {
    ReadSelectors(reader, fields.endpoints, *rule.mutable_endpoints());
  }
  if (kinds.Has(fields.entities)) {
    ReadEntities(reader, fields.entities, *rule.mutable_entities());
  }
  if (kinds.Has(fields.cidrs)) {
    v1::CiliumCidrs& cidrs = *rule.mutable_cidrs();
    for (std::string& cidr : reader.TextList(fields.cidrs)) {
      cidrs.add_blocks()->set_cidr(std::move(cidr));
    }
  }
  if (kinds.Has(fields.cidr_sets)) {
    v1::CiliumCidrs& cidrs = *rule.mutable_cidrs();
    reader.Each(fields.cidr_sets,
                [&](const YamlNode& node, const std::string& path) {
                  ReadCidrSet(node, path, context, *cidrs.add_blocks());
                });
  }
  if (kinds.Has(fields.nodes)) {
    ReadSelectors(reader, fields.nodes, *rule.mutable_nodes());
  }
  if (fields.egress && kinds.Has("toServices")) {
    v1::CiliumServices& services = *rule.mutable_services();
    reader.Each("toServices",
                [&](const YamlNode& node, const std::string& path) {
                  ReadService(node, path, context, *services.add_services());
                });
  }
}

// "80", "0" for every port, or a container port's name, which has a letter.
void ReadPortMatch(MappingReader& reader, v1::CiliumPort& port) {
  reader.Require("port");
  auto text = reader.Text("port");
  if (!text) return;
  uint32_t number = 0;
  bool digits = !text->empty();
  bool letter = false;
  bool name = true;
  for (unsigned char c : *text) {
    digits &= absl::ascii_isdigit(c) != 0;
    letter |= absl::ascii_isalpha(c) != 0;
    name &= absl::ascii_isalnum(c) || c == '-';
  }
  if (digits && absl::SimpleAtoi(*text, &number) && number <= kMaxPortNumber) {
    port.set_port(number);
  } else if (letter && name) {
    port.set_port_name(absl::AsciiStrToLower(*text));
  } else {
    reader.Fault("port",
                 "must be a number from 0 to 65535 in quotes (\"0\": every "
                 "port) or the name of a container's port");
  }
}

void ReadPort(const YamlNode& node, const std::string& path,
              ReadContext& context, v1::CiliumPort& port) {
  MappingReader reader(node, path, context);
  ReadPortMatch(reader, port);
  if (auto value = reader.Enum("protocol", kCiliumProtocolSpellings)) {
    port.set_protocol(static_cast<v1::CiliumProtocol>(*value));
  }
  if (auto end = reader.Number("endPort", 0, kMaxPortNumber)) {
    port.set_end_port(static_cast<uint32_t>(*end));
    if (port.port_match_case() == v1::CiliumPort::kPortName && *end != 0) {
      context.Warn(node.position, reader.PathOf("endPort"),
                   "has no effect beside a port's name, as in Cilium");
    } else if (*end != 0 && *end < port.port()) {
      reader.Fault("endPort", "must not be less than port");
    }
  }
  reader.Finish();
}

void ReadPortRule(const YamlNode& node, const std::string& path,
                  ReadContext& context, RepeatedPtrField<v1::CiliumPort>& out) {
  MappingReader reader(node, path, context);
  for (const Refusal& refusal : kRefusedOfPorts) {
    Refuse(reader, refusal.field, refusal.message);
  }
  const int before = out.size();
  reader.Each("ports", [&](const YamlNode& item, const std::string& p) {
    ReadPort(item, p, context, *out.Add());
  });
  if (out.size() == before) {
    reader.Fault("ports",
                 "must hold at least one port; leave toPorts out for every "
                 "port");
  }
  reader.Finish();
}

void ReadIcmpType(MappingReader& reader, v1::CiliumIcmpField& field) {
  reader.Require("type");
  const YamlNode* node = reader.Child("type");
  if (node == nullptr) return;
  uint32_t number = 0;
  const bool digits =
      node->kind == YamlNode::Kind::kScalar && !node->text.empty() &&
      node->text.find_first_not_of("0123456789") == std::string::npos;
  const bool ipv6 = field.family() == v1::ADDRESS_TYPE_IPV6;
  if (digits && absl::SimpleAtoi(node->text, &number) &&
      number <= kMaxIcmpType) {
    field.set_type(number);
  } else if (auto type = IcmpTypeByName(ipv6, node->text); type && !digits) {
    field.set_type(*type);
  } else {
    reader.Fault("type",
                 absl::StrCat("must be a number from 0 to 255 or a name: ",
                              IcmpTypeNames(ipv6)));
  }
}

void ReadIcmps(MappingReader& rule_reader, v1::CiliumRule& rule) {
  ReadContext& context = rule_reader.context();
  rule_reader.Each("icmps", [&](const YamlNode& node, const std::string& path) {
    MappingReader reader(node, path, context);
    const int before = rule.icmps_size();
    reader.Each("fields", [&](const YamlNode& item, const std::string& p) {
      MappingReader field(item, p, context);
      v1::CiliumIcmpField& added = *rule.add_icmps();
      added.set_family(v1::ADDRESS_TYPE_IPV4);
      if (auto family = field.Enum("family", kAddressTypeSpellings)) {
        added.set_family(static_cast<v1::AddressType>(*family));
      }
      ReadIcmpType(field, added);
      field.Finish();
    });
    if (rule.icmps_size() == before) {
      reader.Fault("fields", "must hold at least one type");
    }
    reader.Finish();
  });
}

void ReadRules(MappingReader& spec, absl::string_view name,
               const RuleFields& fields,
               RepeatedPtrField<v1::CiliumRule>& out) {
  ReadContext& context = spec.context();
  spec.Each(name, [&](const YamlNode& node, const std::string& path) {
    MappingReader reader(node, path, context);
    v1::CiliumRule& rule = *out.Add();
    RefuseOfRule(reader, fields);
    ReadPeers(reader, fields, rule);
    reader.Each("toPorts", [&](const YamlNode& item, const std::string& p) {
      ReadPortRule(item, p, context, *rule.mutable_ports());
    });
    ReadIcmps(reader, rule);
    if (!rule.ports().empty() && !rule.icmps().empty()) {
      reader.Fault("icmps",
                   "cannot stand beside toPorts; write a rule for each");
    }
    reader.Finish();
  });
}

void ReadSubject(MappingReader& reader, bool clusterwide,
                 v1::CiliumPolicySpec& spec) {
  const bool endpoints = reader.IsGiven("endpointSelector");
  const bool nodes = reader.IsGiven("nodeSelector");
  if (const YamlNode* item = reader.Child("endpointSelector")) {
    ReadLabelSelector(*item, reader.PathOf("endpointSelector"),
                      reader.context(), *spec.mutable_endpoint_selector());
  }
  if (const YamlNode* item = reader.Child("nodeSelector")) {
    ReadLabelSelector(*item, reader.PathOf("nodeSelector"), reader.context(),
                      *spec.mutable_node_selector());
  }
  if (nodes && !clusterwide) {
    reader.Fault("nodeSelector",
                 "is only for a CiliumClusterwideNetworkPolicy");
  } else if (nodes && endpoints) {
    reader.Fault("nodeSelector", "cannot stand beside endpointSelector");
  } else if (!nodes && !endpoints) {
    reader.Fault("endpointSelector", "is missing; {} selects every pod");
  }
}

void ReadSpec(const YamlNode& node, const std::string& path,
              ReadContext& context, bool clusterwide,
              v1::CiliumPolicySpec& spec) {
  MappingReader reader(node, path, context);
  ReadSubject(reader, clusterwide, spec);
  reader.Mapping(
      "enableDefaultDeny", [&](const YamlNode& item, const std::string& p) {
        MappingReader deny(item, p, context);
        v1::CiliumDefaultDeny& result = *spec.mutable_enable_default_deny();
        if (auto value = deny.Bool("ingress")) result.set_ingress(*value);
        if (auto value = deny.Bool("egress")) result.set_egress(*value);
        deny.Finish();
      });
  ReadRules(reader, "ingress", kFrom, *spec.mutable_ingress());
  ReadRules(reader, "ingressDeny", kFrom, *spec.mutable_ingress_deny());
  ReadRules(reader, "egress", kTo, *spec.mutable_egress());
  ReadRules(reader, "egressDeny", kTo, *spec.mutable_egress_deny());
  Refuse(reader, "log",
         "is not supported: flows carry the policy's own name, no text of its "
         "choice");
  // Texts about the policy, which change no verdict.
  reader.Ignore({"description", "labels"});
  reader.Finish();
}

}  // namespace

void ReadCiliumSpecs(MappingReader& object, bool clusterwide,
                     RepeatedPtrField<v1::CiliumPolicySpec>& specs) {
  ReadContext& context = object.context();
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    ReadSpec(node, path, context, clusterwide, *specs.Add());
  });
  object.Each("specs", [&](const YamlNode& node, const std::string& path) {
    ReadSpec(node, path, context, clusterwide, *specs.Add());
  });
  if (specs.empty()) object.Fault("spec", "is missing, and so is specs");
  object.Ignore({"status"});
}

}  // namespace vswitch
