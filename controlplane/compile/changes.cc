// Comparing the parts of two compiled states.

#include "controlplane/compile/changes.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <tuple>

namespace vswitch {
namespace {

// Whether a connection cannot tell one from the other.  `ready` is not in it: a
// port that is not ready carries nothing that could be judged.
bool SamePort(PortRecord a, PortRecord b) {
  a.ready = b.ready = 0;
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

}  // namespace

bool SameSettings(const Settings& a, const Settings& b) {
  auto members = [](const Settings& s) {
    return std::tie(s.gateway_mac, s.host_port, s.gateway_ipv4, s.gateway_ipv6,
                    s.gateway_link_local, s.node_address_count,
                    s.icmp_errors_per_second, s.icmp_errors_per_second_port,
                    s.maglev_seed);
  };
  return members(a) == members(b) &&
         std::equal(std::begin(a.node_addresses), std::end(a.node_addresses),
                    std::begin(b.node_addresses)) &&
         std::memcmp(&a.timeouts, &b.timeouts, sizeof(a.timeouts)) == 0;
}

void ChangeSet::AddPort(const PortRecord& record) {
  if (record.kind != PortKind::kPod) all_ = true;
  addresses_.insert(record.addresses, record.addresses + record.address_count);
}

// Both are in order of the names.
void ChangeSet::AddPorts(const PortStage& before, const PortStage& after) {
  auto a = before.ports.begin();
  auto b = after.ports.begin();
  while (a != before.ports.end() || b != after.ports.end()) {
    int order = a == before.ports.end() ? 1
                : b == after.ports.end()
                    ? -1
                    : a->metadata->name.compare(b->metadata->name);
    if (order == 0 && SamePort(a->record, b->record) &&
        a->pod_identity == b->pod_identity) {
      ++a, ++b;
      continue;
    }
    if (order <= 0) AddPort((a++)->record);
    if (order >= 0) AddPort((b++)->record);
  }
}

void ChangeSet::AddPortsOf(const PortStage& stage, IdentityId identity) {
  auto found = stage.by_identity.find(identity);
  if (found == stage.by_identity.end()) return;
  for (size_t port : found->second) AddPort(stage.ports[port].record);
}

void ChangeSet::AddPolicies(const CompileCache& before,
                            const CompileCache& after) {
  static const auto& none = *new SubjectSets();
  PolicySets::ByIdentity::ForEachDifference(
      before.policies.sets(), after.policies.sets(),
      [&](IdentityId identity, const std::shared_ptr<const SubjectSets>* old,
          const std::shared_ptr<const SubjectSets>* sets) {
        if ((old == nullptr ? none : **old)
                .Equals(sets == nullptr ? none : **sets)) {
          return;
        }
        if (identity == kIdentityHost) all_ = true;
        AddPortsOf(*before.ports, identity);
        AddPortsOf(*after.ports, identity);
      });
}

void ChangeSet::AddServices(const CompiledServices& before,
                            const CompiledServices& after) {
  for (const auto& [address, text] : before.by_address) {
    auto found = after.by_address.find(address);
    if (found == after.by_address.end() || found->second != text) Add(address);
  }
  for (const auto& [address, text] : after.by_address) {
    if (!before.by_address.contains(address)) Add(address);
  }
}

}  // namespace vswitch
