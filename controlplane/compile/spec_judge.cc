// The definition of a policy set, as plainly as possible.

#include "controlplane/compile/spec_judge.h"

#include <algorithm>
#include <utility>

#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct Question {
  IdentityId peer;
  IpAddress address;
  IpProtocol protocol;
  uint16_t port;
};

template <typename T>
bool Holds(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool InCidr(const CidrMatch& match, const Question& question) {
  if (match.outside_only && question.peer != kIdentityWorld) return false;
  if (!match.cidr.Contains(question.address)) return false;
  for (const IpPrefix& except : match.except) {
    if (except.Contains(question.address)) return false;
  }
  return true;
}

bool Matches(const PolicyEntry& entry, const Question& question) {
  bool peer = (entry.any_peer && !Holds(entry.excluded, question.peer)) ||
              Holds(entry.identities, question.peer);
  for (const CidrMatch& match : entry.cidrs) {
    peer = peer || InCidr(match, question);
  }
  bool traffic = entry.traffic.empty();
  for (const TrafficMatch& match : entry.traffic) {
    traffic = traffic ||
              (match.protocol == question.protocol &&
               match.first <= question.port && question.port <= match.last);
  }
  return peer && traffic;
}

// The strongest of all that match, of tiers below `below` (as a tier's number).
// `rule` becomes that which decided.
uint32_t Decide(const PolicySetSpec& spec, const Question& question,
                uint32_t below, RuleId& rule) {
  uint32_t best = 0;
  rule = kNoRule;
  if (spec.default_precedence >> 24 < below) best = spec.default_precedence;
  for (const PolicyEntry& entry : spec.entries) {
    if (entry.precedence >> 24 >= below || !Matches(entry, question)) continue;
    if (entry.precedence <= best) continue;
    best = entry.precedence;
    rule = entry.rule;
  }
  if ((best & kVerdictMask) == kVerdictPass) {
    return Decide(spec, question, best >> 24, rule);
  }
  return best;
}

}  // namespace

SpecJudge::SpecJudge(const DesiredState& desired, const std::string& node_name)
    : desired_(desired), node_name_(node_name) {
  status_ = Prepare();
}

absl::Status SpecJudge::Prepare() {
  ASSIGN_OR_RETURN(pods_, PodIndex::Build(desired_, allocator_));
  BindAddresses();
  PolicySets::Subjects subjects;
  subjects.Insert(kIdentityHost, {});
  for (const auto& [address, owner] : owners_) {
    if (owner.is_local_pod) subjects.Insert(owner.identity, {});
  }
  const Object* node = desired_.FindObject({ObjectKind::kNode, "", node_name_});
  const Labels labels = node == nullptr ? Labels{} : node->metadata.labels;
  const ObjectChanges changes(DesiredState(), desired_);
  return policies_.Update({.desired = desired_,
                           .changes = changes,
                           .pods = pods_,
                           .subjects = subjects,
                           .node_labels = labels});
}

void SpecJudge::BindAddresses() {
  desired_.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    bool local = metadata.name == node_name_;
    for (const IpAddress& address : node.addresses) {
      owners_[address] = {
          .identity = local ? kIdentityHost : kIdentityRemoteNode,
          .is_local_node = local};
    }
  });
  desired_.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    const PodIdentity* identity = pods_.IdentityOf(metadata, pod);
    if (identity == nullptr) return;
    for (const IpAddress& address : pod.addresses) {
      owners_[address] = {.identity = identity->id};
    }
  });
  desired_.ForEach<Port>([&](const Metadata&, const Port& port) {
    if (port.kind != PortResourceKind::kPod) return;
    const Object* object = desired_.FindObject(
        {ObjectKind::kPod, port.pod_namespace, port.pod_name});
    const Pod* pod = vswitch::SpecOf<Pod>(object);
    const PodIdentity* identity =
        pod == nullptr ? nullptr : pods_.IdentityOf(object->metadata, *pod);
    if (identity == nullptr) {
      for (const IpAddress& address : port.addresses) {
        owners_[address] = {.identity = kIdentityInit, .is_init = true};
      }
      return;
    }
    for (const IpAddress& address :
         port.addresses.empty() ? pod->addresses : port.addresses) {
      owners_[address] = {.identity = identity->id, .is_local_pod = true};
    }
  });
}

SpecJudge::Owner SpecJudge::OwnerOf(const IpAddress& address) const {
  auto found = owners_.find(address);
  return found == owners_.end() ? Owner{} : found->second;
}

SpecVerdicts SpecJudge::Judge(const TestFlow& flow, SetKind kind) const {
  IpAddress source = TestAddress(flow.source);
  IpAddress destination = TestAddress(flow.destination);
  Owner from = OwnerOf(source);
  Owner to = OwnerOf(destination);
  return {.egress = JudgeSide(from, to, destination, flow,
                              PolicyDirection::kEgress, kind),
          .ingress = JudgeSide(to, from, source, flow,
                               PolicyDirection::kIngress, kind)};
}

std::optional<PolicySetSpec> SpecJudge::SpecOf(const Owner& self,
                                               PolicyDirection direction,
                                               SetKind kind) const {
  if (!self.is_local_pod && !self.is_local_node) return std::nullopt;
  return *policies_.SpecOf(
      self.is_local_node ? nullptr : pods_.Find(self.identity), direction,
      kind);
}

std::optional<PolicySetSpec> SpecJudge::SetOf(const std::string& address,
                                              PolicyDirection direction,
                                              SetKind kind) const {
  return SpecOf(OwnerOf(TestAddress(address)), direction, kind);
}

SpecVerdict SpecJudge::JudgeSide(const Owner& self, const Owner& peer,
                                 const IpAddress& peer_address,
                                 const TestFlow& flow,
                                 PolicyDirection direction,
                                 SetKind kind) const {
  if (self.is_init) return {.allowed = false, .has_set = true};
  std::optional<PolicySetSpec> spec = SpecOf(self, direction, kind);
  if (!spec.has_value()) return {};
  RuleId rule = kNoRule;
  SpecVerdict verdict{.has_set = true};
  verdict.precedence =
      Decide(*spec, {peer.identity, peer_address, flow.protocol, flow.port},
             UINT32_MAX, rule);
  verdict.allowed = (verdict.precedence & kVerdictMask) == kVerdictAllow;
  const RuleCatalog catalog(CatalogParts{.numbering = policies_.numbering()});
  if (auto info = catalog.FindRule(rule)) verdict.policy = info->policy;
  return verdict;
}

}  // namespace vswitch
