// Hashing peers and traffic by value.

#include "controlplane/compile/source_pool.h"

#include <string>
#include <utility>

#include "absl/hash/hash.h"

namespace vswitch {
namespace {

// Joins hashes in order; equal values give equal hashes within one process.
class Hasher {
 public:
  template <typename T>
  Hasher& Add(const T& value) {
    state_ = absl::HashOf(state_, value);
    return *this;
  }
  Hasher& Add(const LabelRequirement& requirement) {
    return Add(requirement.key)
        .Add(static_cast<int>(requirement.op))
        .Add(requirement.values);
  }
  Hasher& Add(const LabelSelector& selector) {
    for (const LabelRequirement& one : selector.requirements) Add(one);
    return Add(selector.requirements.size());
  }
  Hasher& Add(const IpPrefix& prefix) {
    return Add(prefix.address).Add(prefix.prefix_bits);
  }
  Hasher& Add(const CidrMatch& match) {
    Add(match.cidr).Add(match.outside_only);
    for (const IpPrefix& except : match.except) Add(except);
    return *this;
  }
  Hasher& Add(const IdentityPredicate& predicate) {
    for (const LabelTerm& term : predicate.terms) {
      Add(static_cast<int>(term.origin)).Add(term.requirement);
    }
    return Add(predicate.terms.size());
  }
  Hasher& Add(const ServicePeer& service) {
    return Add(service.ns)
        .Add(service.name)
        .Add(service.selector)
        .Add(service.ready_only);
  }
  template <typename T>
  Hasher& AddAll(const std::vector<T>& values) {
    for (const T& value : values) Add(value);
    return Add(values.size());
  }
  size_t value() const { return state_; }

 private:
  size_t state_ = 0;
};

template <typename Set, typename Value>
auto InternIn(Set& set, Value value) {
  auto shared = std::make_shared<const Value>(std::move(value));
  return *set.insert(std::move(shared)).first;
}

template <typename Set>
void ReleaseFrom(Set& set) {
  absl::erase_if(set,
                 [](const auto& shared) { return shared.use_count() == 1; });
}

}  // namespace

size_t SourcePool::Hash::operator()(
    const std::shared_ptr<const SourcePeers>& peers) const {
  Hasher hasher;
  hasher.Add(peers->any_peer)
      .AddAll(peers->excluded)
      .AddAll(peers->reserved)
      .AddAll(peers->pods)
      .AddAll(peers->cidrs)
      .AddAll(peers->nodes)
      .AddAll(peers->services);
  return hasher.value();
}

size_t SourcePool::Hash::operator()(
    const std::shared_ptr<const SourceTraffic>& value) const {
  Hasher hasher;
  for (const TrafficMatch& match : value->matches) {
    hasher.Add(static_cast<int>(match.protocol))
        .Add(match.first)
        .Add(match.last);
  }
  for (const NamedPort& port : value->names) {
    hasher.Add(static_cast<int>(port.protocol)).Add(port.name);
  }
  return hasher.value();
}

std::shared_ptr<const SourcePeers> SourcePool::Intern(SourcePeers peers) {
  return InternIn(peers_, std::move(peers));
}

std::shared_ptr<const SourceTraffic> SourcePool::Intern(SourceTraffic traffic) {
  return InternIn(traffic_, std::move(traffic));
}

void SourcePool::ReleaseSometimes() {
  if (peers_.size() + traffic_.size() < next_release_) return;
  ReleaseFrom(peers_);
  ReleaseFrom(traffic_);
  next_release_ = 1024 + 2 * (peers_.size() + traffic_.size());
}

}  // namespace vswitch
