// Readers of NetworkPolicy and of label selectors.

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

constexpr uint64_t kMaxPortNumber = 65535;

void ReadRequirement(const YamlNode& node, const std::string& path,
                     ReadContext& context,
                     v1::LabelSelectorRequirement& requirement) {
  MappingReader reader(node, path, context);
  reader.Require("key");
  reader.Require("operator");
  if (auto key = reader.Text("key")) requirement.set_key(*key);
  if (auto value = reader.Enum("operator", kSelectorOperatorSpellings)) {
    requirement.set_operator_(static_cast<v1::SelectorOperator>(*value));
  }
  for (std::string& value : reader.TextList("values")) {
    requirement.add_values(std::move(value));
  }
  const bool wants_values =
      requirement.operator_() == v1::SELECTOR_OPERATOR_IN ||
      requirement.operator_() == v1::SELECTOR_OPERATOR_NOT_IN;
  const bool known =
      requirement.operator_() != v1::SELECTOR_OPERATOR_UNSPECIFIED;
  if (known && wants_values && requirement.values().empty()) {
    reader.Fault("values", "must hold at least one value for In and NotIn");
  }
  if (known && !wants_values && !requirement.values().empty()) {
    reader.Fault("values", "must be empty for Exists and DoesNotExist");
  }
  reader.Finish();
}

void ReadPeer(const YamlNode& node, const std::string& path,
              ReadContext& context, v1::NetworkPolicyPeer& peer) {
  MappingReader reader(node, path, context);
  // `podSelector: {}` is given and selects all pods; a missing or null one is
  // not given.
  if (const YamlNode* item = reader.Child("podSelector")) {
    ReadLabelSelector(*item, reader.PathOf("podSelector"), context,
                      *peer.mutable_pod_selector());
  }
  if (const YamlNode* item = reader.Child("namespaceSelector")) {
    ReadLabelSelector(*item, reader.PathOf("namespaceSelector"), context,
                      *peer.mutable_namespace_selector());
  }
  reader.Mapping("ipBlock", [&](const YamlNode& item, const std::string& p) {
    MappingReader block(item, p, context);
    v1::IpBlock& result = *peer.mutable_ip_block();
    block.Require("cidr");
    if (auto cidr = block.Text("cidr")) result.set_cidr(*cidr);
    for (std::string& cidr : block.TextList("except")) {
      result.add_except(std::move(cidr));
    }
    block.Finish();
  });
  reader.Finish();
  const bool selects = peer.has_pod_selector() || peer.has_namespace_selector();
  if (selects && peer.has_ip_block()) {
    reader.Fault("ipBlock", "must stand alone, without selectors");
  }
  if (!selects && !peer.has_ip_block()) {
    context.Add(node.position, path,
                "must have podSelector, namespaceSelector or ipBlock; to "
                "match everybody leave the list out");
  }
}

// IntOrString: a plain number is a port, a string is the name of one.
void ReadPolicyPort(const YamlNode& node, const std::string& path,
                    ReadContext& context, v1::NetworkPolicyPort& port) {
  MappingReader reader(node, path, context);
  if (auto value = reader.Enum("protocol", kProtocolSpellings)) {
    port.set_protocol(static_cast<v1::Protocol>(*value));
  }
  if (const YamlNode* value = reader.Child("port")) {
    const auto number = PlainNumber(*value);
    const bool has_letter =
        value->text.find_first_of("abcdefghijklmnopqrstuvwxyz") !=
        std::string::npos;
    if (number && *number >= 1 && *number <= kMaxPortNumber) {
      port.set_port(static_cast<uint32_t>(*number));
    } else if (!number && value->kind == YamlNode::Kind::kScalar &&
               has_letter) {
      port.set_port_name(value->text);
    } else {
      reader.Fault("port",
                   "must be a whole number from 1 to 65535 without quotes, or "
                   "the name of a container's port");
    }
  }
  if (auto number = reader.Number("endPort", 1, kMaxPortNumber)) {
    port.set_end_port(static_cast<uint32_t>(*number));
    if (port.port_match_case() != v1::NetworkPolicyPort::kPort) {
      reader.Fault("endPort", "needs a port by number");
    } else if (port.end_port() < port.port()) {
      reader.Fault("endPort", "must not be less than port");
    }
  }
  reader.Finish();
}

void ReadRules(
    MappingReader& spec, absl::string_view field, absl::string_view peers_field,
    google::protobuf::RepeatedPtrField<v1::NetworkPolicyRule>& rules) {
  ReadContext& context = spec.context();
  spec.Each(field, [&](const YamlNode& node, const std::string& path) {
    MappingReader reader(node, path, context);
    v1::NetworkPolicyRule& rule = *rules.Add();
    reader.Each(peers_field, [&](const YamlNode& item, const std::string& p) {
      ReadPeer(item, p, context, *rule.add_peers());
    });
    reader.Each("ports", [&](const YamlNode& item, const std::string& p) {
      ReadPolicyPort(item, p, context, *rule.add_ports());
    });
    reader.Finish();
  });
}

// Returns "role=backend,tier=db" as YAML: "role: backend, tier: db".
std::string AsLabels(absl::string_view text) {
  return absl::StrJoin(
      absl::StrSplit(text, ',', absl::SkipWhitespace()), ", ",
      [](std::string* out, absl::string_view label) {
        const std::pair<absl::string_view, absl::string_view> parts =
            absl::StrSplit(label, absl::MaxSplits('=', 1));
        const absl::string_view value =
            absl::StripAsciiWhitespace(parts.second);
        const absl::string_view quote =
            value.empty() || NeedsQuotes(value) ? "\"" : "";
        absl::StrAppend(out, absl::StripAsciiWhitespace(parts.first), ": ",
                        quote, value, quote);
      });
}

// Refuses `role=backend`, which YAML takes for a text, or in braces for a field
// of that name without a value, with what is to be written instead.  Returns
// whether it did.
bool RefuseEqualsSign(const YamlNode& node, const std::string& path,
                      absl::string_view before, absl::string_view after,
                      ReadContext& context) {
  bool refused = false;
  auto refuse = [&](absl::string_view text, YamlPosition position) {
    if (text.find('=') == absl::string_view::npos) return;
    refused = true;
    context.Add(position, path,
                absl::StrCat("\"", text, "\" is no label in YAML; write ",
                             before, AsLabels(text), after));
  };
  if (node.kind == YamlNode::Kind::kScalar) refuse(node.text, node.position);
  for (size_t i = 0; i < node.keys.size() && i < node.values.size(); ++i) {
    if (node.values[i].kind != YamlNode::Kind::kNull) continue;
    refuse(node.keys[i].name, node.keys[i].position);
  }
  return refused;
}

}  // namespace

void ReadLabelSelector(const YamlNode& node, const std::string& path,
                       ReadContext& context, v1::LabelSelector& selector) {
  if (RefuseEqualsSign(node, path, "matchLabels: {", "}", context)) return;
  MappingReader reader(node, path, context);
  const YamlNode* labels = reader.Child("matchLabels");
  if (labels == nullptr ||
      !RefuseEqualsSign(*labels, reader.PathOf("matchLabels"), "", "",
                        context)) {
    for (auto& [key, value] : reader.TextMap("matchLabels")) {
      (*selector.mutable_match_labels())[key] = value;
    }
  }
  reader.Each(
      "matchExpressions", [&](const YamlNode& item, const std::string& p) {
        ReadRequirement(item, p, context, *selector.add_match_expressions());
      });
  reader.Finish();
}

void ReadNetworkPolicy(MappingReader& object, v1::NetworkPolicy& policy) {
  object.Require("spec");
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    ReadContext& context = object.context();
    MappingReader spec(node, path, context);
    // Kubernetes: a missing one is the same as an empty one, every pod.
    if (const YamlNode* selector = spec.Child("podSelector")) {
      ReadLabelSelector(*selector, spec.PathOf("podSelector"), context,
                        *policy.mutable_pod_selector());
    }
    spec.Each("policyTypes", [&](const YamlNode& item, const std::string& p) {
      for (const Spelling& spelling : kPolicyTypeSpellings) {
        if (item.text == spelling.text) {
          policy.add_policy_types(static_cast<v1::PolicyType>(spelling.value));
          return;
        }
      }
      context.Add(item.position, p,
                  absl::StrCat("\"", item.text,
                               "\" is unknown; want Ingress or Egress"));
    });
    ReadRules(spec, "ingress", "from", *policy.mutable_ingress());
    ReadRules(spec, "egress", "to", *policy.mutable_egress());
    spec.Finish();
  });
  object.Ignore({"status"});
}

}  // namespace vswitch
