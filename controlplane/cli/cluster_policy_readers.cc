// Readers of ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2).

#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

constexpr uint64_t kMaxPriority = 1000;
constexpr uint64_t kMaxPortNumber = 65535;

enum class Direction { kIngress, kEgress };

void ReadPods(const YamlNode& node, const std::string& path,
              ReadContext& context, v1::NamespacedPods& pods) {
  MappingReader reader(node, path, context);
  reader.Require("podSelector");
  if (const YamlNode* item = reader.Child("namespaceSelector")) {
    ReadLabelSelector(*item, reader.PathOf("namespaceSelector"), context,
                      *pods.mutable_namespace_selector());
  }
  if (const YamlNode* item = reader.Child("podSelector")) {
    ReadLabelSelector(*item, reader.PathOf("podSelector"), context,
                      *pods.mutable_pod_selector());
  }
  reader.Finish();
}

// `namespaces` and `pods`, of a subject or of a peer.  Returns how many of the
// two are given.
template <typename Message>
int ReadNamespacesAndPods(MappingReader& reader, Message& message) {
  int given = 0;
  if (const YamlNode* item = reader.Child("namespaces")) {
    ++given;
    ReadLabelSelector(*item, reader.PathOf("namespaces"), reader.context(),
                      *message.mutable_namespaces());
  }
  if (const YamlNode* item = reader.Child("pods")) {
    ++given;
    ReadPods(*item, reader.PathOf("pods"), reader.context(),
             *message.mutable_pods());
  }
  return given;
}

int ReadEgressPeer(MappingReader& reader, v1::ClusterPolicyPeer& peer) {
  int given = 0;
  if (reader.IsGiven("networks")) {
    ++given;
    for (std::string& network : reader.TextList("networks")) {
      peer.add_networks(std::move(network));
    }
    if (peer.networks().empty()) {
      reader.Fault("networks", "must hold at least one CIDR block");
    }
  }
  if (const YamlNode* item = reader.Child("nodes")) {
    ++given;
    ReadLabelSelector(*item, reader.PathOf("nodes"), reader.context(),
                      *peer.mutable_nodes());
  }
  if (reader.Child("domainNames") != nullptr) {
    ++given;
    reader.Fault("domainNames",
                 "is not supported: the switch does not follow DNS; name the "
                 "addresses in networks");
  }
  return given;
}

void ReadPeer(const YamlNode& node, const std::string& path,
              Direction direction, ReadContext& context,
              v1::ClusterPolicyPeer& peer) {
  MappingReader reader(node, path, context);
  int given = ReadNamespacesAndPods(reader, peer);
  if (direction == Direction::kEgress) {
    given += ReadEgressPeer(reader, peer);
  } else {
    for (absl::string_view name : {"networks", "nodes", "domainNames"}) {
      if (reader.Child(name) == nullptr) continue;
      ++given;
      reader.Fault(name, "is only for egress rules");
    }
  }
  if (given > 1) {
    context.Add(node.position, path,
                "must have one kind of peer, not several; write a peer for "
                "each");
  }
  if (given > 0 || node.kind != YamlNode::Kind::kMapping) {
    reader.Finish();
    return;
  }
  // The API has it so: a later version's field must not open anything.
  context.Warn(node.position, path,
               "has no kind of peer that this version knows (namespaces, pods, "
               "and to: networks, nodes): an Accept rule matches nothing by "
               "it, a Deny or Pass rule denies everything");
}

void ReadRange(const YamlNode& node, const std::string& path,
               ReadContext& context, v1::PortRange& range) {
  MappingReader reader(node, path, context);
  reader.Require("start");
  reader.Require("end");
  if (auto start = reader.Number("start", 1, kMaxPortNumber)) {
    range.set_start(static_cast<uint32_t>(*start));
  }
  if (auto end = reader.Number("end", 1, kMaxPortNumber)) {
    range.set_end(static_cast<uint32_t>(*end));
  }
  if (range.start() != 0 && range.end() != 0 && range.end() <= range.start()) {
    reader.Fault("end", "must be greater than start");
  }
  reader.Finish();
}

void ReadPorts(const YamlNode& node, const std::string& path,
               ReadContext& context, v1::ClusterPolicyPorts& ports) {
  MappingReader reader(node, path, context);
  reader.Mapping(
      "destinationPort", [&](const YamlNode& item, const std::string& p) {
        MappingReader port(item, p, context);
        const bool has_number = port.IsGiven("number");
        const bool has_range = port.IsGiven("range");
        if (auto number = port.Number("number", 1, kMaxPortNumber)) {
          ports.set_number(static_cast<uint32_t>(*number));
        }
        port.Mapping("range", [&](const YamlNode& range, const std::string& q) {
          ReadRange(range, q, context, *ports.mutable_range());
        });
        if (has_number == has_range) {
          context.Add(item.position, p, "must have one of number and range");
        }
        port.Finish();
      });
  reader.Finish();
}

void ReadProtocol(const YamlNode& node, const std::string& path,
                  ReadContext& context, v1::ClusterPolicyProtocol& protocol) {
  MappingReader reader(node, path, context);
  int given = 0;
  auto ports = [&](absl::string_view name) {
    const YamlNode* item = reader.Child(name);
    given += item != nullptr;
    return item;
  };
  if (const YamlNode* item = ports("tcp")) {
    ReadPorts(*item, reader.PathOf("tcp"), context, *protocol.mutable_tcp());
  }
  if (const YamlNode* item = ports("udp")) {
    ReadPorts(*item, reader.PathOf("udp"), context, *protocol.mutable_udp());
  }
  if (const YamlNode* item = ports("sctp")) {
    ReadPorts(*item, reader.PathOf("sctp"), context, *protocol.mutable_sctp());
  }
  if (auto name = reader.Text("destinationNamedPort")) {
    ++given;
    protocol.set_destination_named_port(*name);
  }
  if (given != 1) {
    context.Add(node.position, path,
                "must have one of tcp, udp, sctp and destinationNamedPort");
  }
  reader.Finish();
}

void ReadRule(const YamlNode& node, const std::string& path,
              Direction direction, ReadContext& context,
              v1::ClusterPolicyRule& rule) {
  MappingReader reader(node, path, context);
  const absl::string_view peers =
      direction == Direction::kIngress ? "from" : "to";
  reader.Require("action");
  reader.Require(peers);
  if (auto name = reader.Text("name")) rule.set_name(*name);
  if (auto action = reader.Enum("action", kClusterPolicyActionSpellings)) {
    rule.set_action(static_cast<v1::ClusterPolicyAction>(*action));
  }
  reader.Each(peers, [&](const YamlNode& item, const std::string& p) {
    ReadPeer(item, p, direction, context, *rule.add_peers());
  });
  if (reader.IsGiven(peers) && rule.peers().empty()) {
    reader.Fault(peers, "must hold at least one peer");
  }
  reader.Each("protocols", [&](const YamlNode& item, const std::string& p) {
    ReadProtocol(item, p, context, *rule.add_protocols());
  });
  if (reader.IsGiven("protocols") && rule.protocols().empty()) {
    reader.Fault("protocols",
                 "must hold at least one; leave it out for everything");
  }
  reader.Finish();
}

void ReadSubject(const YamlNode& node, const std::string& path,
                 ReadContext& context, v1::ClusterPolicySubject& subject) {
  MappingReader reader(node, path, context);
  if (ReadNamespacesAndPods(reader, subject) != 1) {
    context.Add(node.position, path, "must have one of namespaces and pods");
  }
  reader.Finish();
}

}  // namespace

void ReadClusterNetworkPolicy(MappingReader& object,
                              v1::ClusterNetworkPolicy& policy) {
  object.Require("spec");
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    ReadContext& context = object.context();
    MappingReader spec(node, path, context);
    spec.Require("tier");
    spec.Require("priority");
    spec.Require("subject");
    if (auto tier = spec.Enum("tier", kClusterPolicyTierSpellings)) {
      policy.set_tier(static_cast<v1::ClusterPolicyTier>(*tier));
    }
    if (auto priority = spec.Number("priority", 0, kMaxPriority)) {
      policy.set_priority(static_cast<uint32_t>(*priority));
    }
    spec.Mapping("subject", [&](const YamlNode& item, const std::string& p) {
      ReadSubject(item, p, context, *policy.mutable_subject());
    });
    spec.Each("ingress", [&](const YamlNode& item, const std::string& p) {
      ReadRule(item, p, Direction::kIngress, context, *policy.add_ingress());
    });
    spec.Each("egress", [&](const YamlNode& item, const std::string& p) {
      ReadRule(item, p, Direction::kEgress, context, *policy.add_egress());
    });
    spec.Finish();
  });
  object.Ignore({"status"});
}

}  // namespace vswitch
