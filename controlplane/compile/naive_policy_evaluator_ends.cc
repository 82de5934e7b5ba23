// Ends, selectors, prefixes and names, as plainly as possible.

#include "controlplane/compile/naive_policy_evaluator_ends.h"

#include <algorithm>

namespace vswitch {
namespace {

bool Holds(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::count(addresses.begin(), addresses.end(), address) != 0;
}

// The pod that has the address: one in the host's network has not (NP-19), one
// that is over has no more (NP-27).
void FindPod(const DesiredState& desired, NaiveEnd& end) {
  desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    if (pod.host_network || pod.phase == PodPhase::kSucceeded ||
        pod.phase == PodPhase::kFailed) {
      return;
    }
    if (!Holds(pod.addresses, end.address)) return;
    end.owner = NaiveOwner::kPod;
    end.metadata = &metadata;
    end.pod = &pod;
  });
  if (end.pod == nullptr) return;
  // NP-25.
  end.namespace_labels["kubernetes.io/metadata.name"] = end.metadata->ns;
  desired.ForEach<Namespace>([&](const Metadata& metadata, const Namespace&) {
    if (metadata.name != end.metadata->ns) return;
    for (const auto& [key, value] : metadata.labels) {
      end.namespace_labels[key] = value;
    }
  });
}

void FindPort(const DesiredState& desired, NaiveEnd& end) {
  desired.ForEach<Port>([&](const Metadata&, const Port& port) {
    if (port.kind != PortResourceKind::kPod) return;
    if (end.pod == nullptr) {
      if (Holds(port.addresses, end.address)) end.owner = NaiveOwner::kInit;
    } else if (port.pod_namespace == end.metadata->ns &&
               port.pod_name == end.metadata->name) {
      end.has_port = true;
    }
  });
}

}  // namespace

NaiveEnd NaiveEndOf(const DesiredState& desired, const std::string& node_name,
                    const IpAddress& address) {
  NaiveEnd end;
  end.address = address;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    if (!Holds(node.addresses, address)) return;
    end.owner = metadata.name == node_name ? NaiveOwner::kLocalNode
                                           : NaiveOwner::kRemoteNode;
  });
  FindPod(desired, end);
  FindPort(desired, end);
  return end;
}

bool NaiveMeets(const LabelRequirement& requirement, const Labels& labels) {
  bool present = false;
  std::string value;
  for (const auto& [key, text] : labels) {
    if (key != requirement.key) continue;
    present = true;
    value = text;
  }
  bool listed = false;
  for (const std::string& text : requirement.values) {
    if (present && text == value) listed = true;
  }
  if (requirement.op == SelectorOperator::kIn) return listed;
  if (requirement.op == SelectorOperator::kNotIn) return !listed;
  if (requirement.op == SelectorOperator::kExists) return present;
  return !present;
}

bool NaiveMeets(const LabelSelector& selector, const Labels& labels) {
  for (const LabelRequirement& requirement : selector.requirements) {
    if (!NaiveMeets(requirement, labels)) return false;
  }
  return true;
}

bool NaiveInside(const IpPrefix& prefix, const IpAddress& address) {
  if (prefix.address.WireByteCount() != address.WireByteCount()) return false;
  for (int bit = 0; bit < prefix.prefix_bits; ++bit) {
    const int shift = 7 - bit % 8;
    if ((prefix.address.WireBytes()[bit / 8] >> shift & 1) !=
        (address.WireBytes()[bit / 8] >> shift & 1)) {
      return false;
    }
  }
  return true;
}

bool NaiveInside(const IpBlock& block, const IpAddress& address) {
  if (!NaiveInside(block.cidr, address)) return false;
  for (const IpPrefix& except : block.except) {
    if (NaiveInside(except, address)) return false;
  }
  return true;
}

bool NaiveIsNode(const DesiredState& desired, const LabelSelector& selector,
                 const IpAddress& address) {
  bool found = false;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    if (!NaiveMeets(selector, metadata.labels)) return;
    if (Holds(node.addresses, address)) found = true;
  });
  return found;
}

std::optional<uint16_t> NaiveNamedPort(const Pod* pod, IpProtocol protocol,
                                       const std::string& name) {
  if (pod == nullptr) return std::nullopt;
  for (const ContainerPort& port : pod->ports) {
    if (port.name == name && port.protocol == protocol) return port.port;
  }
  return std::nullopt;
}

bool NaiveHasPorts(const PolicyProbe& probe) {
  return probe.protocol == IpProtocol::kTcp ||
         probe.protocol == IpProtocol::kUdp ||
         probe.protocol == IpProtocol::kSctp;
}

bool NaiveIsShadow(const Metadata& metadata) {
  for (const auto& [key, value] : metadata.annotations) {
    if (key == "vswitch.dev/mode" && value == "shadow") return true;
  }
  return false;
}

}  // namespace vswitch
