// Comparing two compiled states.

#include "controlplane/compile/changes.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <span>
#include <tuple>

namespace vswitch {
namespace {

std::span<const IpAddress> AddressesOf(const PortRecord& record) {
  return {record.addresses, record.address_count};
}

// Whether a connection cannot tell one from the other.  `ready` is not in it: a
// port that is not ready carries nothing that could be judged.
bool SamePort(PortRecord a, PortRecord b) {
  a.ready = b.ready = 0;
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

// All but judge_again_before, which is made of the answer.
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

class ChangeFinder {
 public:
  ChangeFinder(const CompiledState& before, const CompiledState& after)
      : before_(before), after_(after) {}

  void Find() {
    constexpr auto kRoutes = static_cast<size_t>(BlobKind::kRoutes);
    if (before_.blobs[kRoutes] != after_.blobs[kRoutes] ||
        !SameSettings(before_.settings, after_.settings)) {
      all_ = true;
    }
    ComparePorts();
    CompareBindings();
    CompareServices();
  }
  bool all() const { return all_; }
  const std::set<IpAddress>& addresses() const { return addresses_; }

 private:
  void Add(const PortRecord& record) {
    if (record.kind != PortKind::kPod) all_ = true;
    for (const IpAddress& address : AddressesOf(record)) {
      addresses_.insert(address);
    }
  }

  // Ports and the policies of the endpoints behind them.
  void ComparePorts() {
    for (const auto& [name, old_record] : before_.ports) {
      auto found = after_.ports.find(name);
      if (found == after_.ports.end()) {
        Add(old_record);
        continue;
      }
      auto old_policy = before_.endpoint_policies.find(name);
      auto new_policy = after_.endpoint_policies.find(name);
      bool same_policy = old_policy != before_.endpoint_policies.end() &&
                                 new_policy != after_.endpoint_policies.end()
                             ? old_policy->second == new_policy->second
                             : old_policy == before_.endpoint_policies.end() &&
                                   new_policy == after_.endpoint_policies.end();
      if (!SamePort(old_record, found->second) || !same_policy) {
        Add(old_record);
        Add(found->second);
      }
    }
    for (const auto& [name, new_record] : after_.ports) {
      if (!before_.ports.contains(name)) Add(new_record);
    }
  }

  // Both lists are sorted by address.
  void CompareBindings() {
    auto a = before_.bindings.begin();
    auto b = after_.bindings.begin();
    while (a != before_.bindings.end() || b != after_.bindings.end()) {
      if (b == after_.bindings.end() ||
          (a != before_.bindings.end() && a->first < b->first)) {
        addresses_.insert((a++)->first);
      } else if (a == before_.bindings.end() || b->first < a->first) {
        addresses_.insert((b++)->first);
      } else {
        if (a->second.identity != b->second.identity ||
            a->second.endpoint != b->second.endpoint) {
          addresses_.insert(a->first);
        }
        ++a;
        ++b;
      }
    }
  }

  void CompareServices() {
    for (const auto& [address, text] : before_.services) {
      auto found = after_.services.find(address);
      if (found == after_.services.end() || found->second != text) {
        addresses_.insert(address);
      }
    }
    for (const auto& [address, text] : after_.services) {
      if (!before_.services.contains(address)) addresses_.insert(address);
    }
  }

  const CompiledState& before_;
  const CompiledState& after_;
  bool all_ = false;
  std::set<IpAddress> addresses_;
};

}  // namespace

void FindChanges(const CompiledState* previous, uint32_t max_addresses,
                 CompiledState& next) {
  next.changed_addresses.clear();
  next.all_changed = previous == nullptr;
  if (previous != nullptr) {
    ChangeFinder finder(*previous, next);
    finder.Find();
    next.all_changed =
        finder.all() || finder.addresses().size() > max_addresses;
    if (!next.all_changed) {
      next.changed_addresses.assign(finder.addresses().begin(),
                                    finder.addresses().end());
    }
  }
  next.settings.judge_again_before =
      next.all_changed ? next.generation
                       : previous->settings.judge_again_before;
}

}  // namespace vswitch
