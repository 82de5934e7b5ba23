// Compiling what changed must give what compiling everything gives, byte for
// byte, over random sequences of changes; and a refused change must leave all
// as it was.

#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/compile.h"
#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr int kSteps = 25;

// Objects of all kinds drawn from small ranges, so that they meet often; some
// are refused.
class RandomObjects {
 public:
  explicit RandomObjects(uint32_t seed) : random_(seed) {}

  void Change(DesiredState& state) {
    for (uint32_t i = 1 + Below(3); i > 0; --i) ChangeOne(state);
  }

 private:
  uint32_t Below(uint32_t bound) { return random_() % bound; }
  template <typename T>
  T OneOf(std::vector<T> values) {
    return values[Below(static_cast<uint32_t>(values.size()))];
  }

  Labels AnyLabels() {
    Labels labels;
    if (Below(3) != 0) labels["role"] = OneOf<std::string>({"a", "b", "c"});
    if (Below(3) == 0) labels["tier"] = OneOf<std::string>({"x", "y"});
    return labels;
  }
  LabelSelector AnySelector() {
    LabelSelector selector;
    if (Below(3) != 0) {
      selector.requirements.push_back(
          {"role",
           OneOf<SelectorOperator>({SelectorOperator::kIn,
                                    SelectorOperator::kIn,
                                    SelectorOperator::kNotIn}),
           {OneOf<std::string>({"a", "b"})}});
    }
    if (Below(3) == 0) {
      selector.requirements.push_back({"tier", SelectorOperator::kExists, {}});
    }
    return selector;
  }
  std::string AnyNamespace() { return OneOf<std::string>({"demo", "other"}); }
  std::string AnyName() { return absl::StrCat("o", Below(6)); }
  IpAddress AnyAddress() {
    return TestAddress(
        absl::StrCat(OneOf<std::string>({"10.0.0.", "fd00::"}), 9 + Below(16)));
  }

  void Put(DesiredState& state, const std::string& ns, const std::string& name,
           decltype(Object::spec) spec, Labels labels = {},
           Labels annotations = {}) {
    Object object{.metadata = {.name = name,
                               .ns = ns,
                               .labels = std::move(labels),
                               .annotations = std::move(annotations)},
                  .spec = std::move(spec)};
    object.metadata.created_version = Below(3);
    state.Upsert(std::move(object));
  }

  Pod AnyPod() {
    Pod pod;
    for (uint32_t i = Below(3); i > 0; --i) {
      pod.addresses.push_back(AnyAddress());
    }
    for (const char* name : {"http", "dns"}) {
      if (Below(2) == 0) continue;
      pod.ports.push_back(
          {name, IpProtocol::kTcp, static_cast<uint16_t>(80 + Below(2))});
      if (Below(4) == 0) {
        pod.ports.back().host_port = static_cast<uint16_t>(8080 + Below(3));
      }
    }
    pod.phase = Below(8) == 0 ? PodPhase::kSucceeded : PodPhase::kRunning;
    return pod;
  }
  Port AnyPort(const std::string& ns, const std::string& name) {
    if (Below(8) == 0) {
      return {.kind = PortResourceKind::kHost, .interface_name = "vswitch0"};
    }
    return {.pod_namespace = ns,
            .pod_name = name,
            .netns = "/run/netns/x",
            .interface_name = "eth0"};
  }
  NetworkPolicy AnyNetworkPolicy() {
    NetworkPolicy policy{.pod_selector = AnySelector(),
                         .isolates_egress = Below(2) == 0};
    auto rule = [this] {
      NetworkPolicyRule rule;
      for (uint32_t i = Below(3); i > 0; --i) {
        NetworkPolicyPeer peer;
        peer.pod_selector = AnySelector();
        if (Below(2) == 0) peer.namespace_selector = AnySelector();
        rule.peers.push_back(peer);
      }
      for (uint32_t i = Below(2); i > 0; --i) {
        rule.ports.push_back(
            {.port_name = OneOf<std::string>({"http", "dns"})});
      }
      return rule;
    };
    for (uint32_t i = Below(3); i > 0; --i) policy.ingress.push_back(rule());
    for (uint32_t i = Below(3); i > 0; --i) policy.egress.push_back(rule());
    return policy;
  }
  ClusterNetworkPolicy AnyClusterPolicy() {
    ClusterNetworkPolicy policy{
        .priority = static_cast<uint16_t>(Below(3)),
        .subject = {.namespace_selector = AnySelector(), .all_pods = true}};
    ClusterPolicyRule rule{
        .action = OneOf<RuleAction>({RuleAction::kDeny, RuleAction::kPass})};
    ClusterPolicyPeer peer;
    if (Below(2) == 0) {
      peer.nodes = AnySelector();
    } else {
      peer.pods = ClusterPodSelector{.namespace_selector = AnySelector(),
                                     .pod_selector = AnySelector()};
    }
    rule.peers.push_back(peer);
    policy.egress.push_back(rule);
    return policy;
  }
  CiliumClusterwideNetworkPolicy AnyCiliumPolicy() {
    CiliumPolicySpec spec;
    if (Below(2) == 0) {
      spec.node_selector = AnySelector();
    } else {
      spec.endpoint_selector = AnySelector();
    }
    CiliumRule rule;
    if (Below(2) == 0) {
      rule.services = std::vector<CiliumServiceReference>{
          {.name = OneOf<std::string>({"o1", "o2"}), .ns = "demo"}};
      spec.egress.push_back(rule);
    } else {
      rule.endpoints = std::vector<LabelSelector>{AnySelector()};
      spec.ingress.push_back(rule);
    }
    return {{spec}};
  }

  void ChangeOne(DesiredState& state) {
    std::string ns = AnyNamespace();
    std::string name = AnyName();
    Labels annotations;
    if (Below(4) == 0) annotations["vswitch.dev/mode"] = "shadow";
    switch (Below(16)) {
      case 0:
        return Put(state, "", ns, Namespace{}, AnyLabels());
      case 1:
      case 2:
      case 3:
      case 4:
        return Put(state, ns, name, AnyPod(), AnyLabels());
      case 5:
      case 6:
        return Put(state, "", ns + "/" + name, AnyPort(ns, name));
      case 7:
      case 8:
      case 9:
        return Put(state, ns, name, AnyNetworkPolicy(), {}, annotations);
      case 10:
        return Put(state, "", name, AnyClusterPolicy());
      case 11:
        return Put(state, "", name, AnyCiliumPolicy());
      case 12:
        return Put(state, "", OneOf<std::string>({"n1", "n2"}),
                   Node{.pod_cidrs = {TestPrefix("10.0.0.0/16"),
                                      TestPrefix("fd00::/64")},
                        .addresses = {AnyAddress()}},
                   AnyLabels());
      case 13:
        Put(state, ns, name,
            EndpointSlice{.endpoints = {{.addresses = {AnyAddress()}}},
                          .ports = {{.port = 8080}}},
            {{"kubernetes.io/service-name", AnyName()}});
        return Put(
            state, ns, name,
            Service{.cluster_ips = {AnyAddress()}, .ports = {{.port = 80}}});
      default:
        Erase(state);
    }
  }
  void Erase(DesiredState& state) {
    auto it = state.objects().begin();
    for (uint32_t i = state.objects().size() ? Below(state.objects().size())
                                             : 0;
         i > 0; --i) {
      ++it;
    }
    if (it != state.objects().end() && it->first.name != "n1") {
      ObjectKey key = it->first;
      state.Erase(key);
    }
  }

  std::minstd_rand random_;
};

void RequireEqual(const CompiledState& changed, const CompiledState& whole) {
  for (uint32_t i = 0; i < kBlobKindCount; ++i) {
    // What depends on the changes themselves.
    if (static_cast<BlobKind>(i) == BlobKind::kSettings ||
        static_cast<BlobKind>(i) == BlobKind::kEarlierServices) {
      continue;
    }
    RC_ASSERT(changed.blobs[i].view() == whole.blobs[i].view());
  }
  RC_ASSERT(changed.policy_sets.size() == whole.policy_sets.size());
  for (size_t i = 0; i < whole.policy_sets.size(); ++i) {
    RC_ASSERT(*changed.policy_sets[i] == *whole.policy_sets[i]);
  }
  // All but what depends on the changes themselves.
  Settings a = changed.settings, b = whole.settings;
  a.judge_again_before = b.judge_again_before = 0;
  RC_ASSERT(std::memcmp(&a, &b, sizeof(a)) == 0);
  RC_ASSERT(changed.bindings == whole.bindings);
  RC_ASSERT(changed.warnings == whole.warnings);
  for (uint32_t id = 0; id < 10; ++id) {
    RC_ASSERT(changed.catalog->IdentityText(IdentityId{id}) ==
              whole.catalog->IdentityText(IdentityId{id}));
  }
  for (const auto& [address, binding] : whole.bindings) {
    const IdentityInfo* one = changed.catalog->FindIdentity(binding.identity);
    const IdentityInfo* other = whole.catalog->FindIdentity(binding.identity);
    RC_ASSERT(one != nullptr && other != nullptr);
    RC_ASSERT(one->text == other->text);
    RC_ASSERT(one->namespace_labels == other->namespace_labels);
    for (size_t i = 0; i < one->policies.size(); ++i) {
      RC_ASSERT(one->policies[i].set == other->policies[i].set);
      RC_ASSERT(one->policies[i].Names() == other->policies[i].Names());
    }
  }
}

TEST(IncrementalPropertyTest, WhatChangedGivesWhatEverythingGives) {
  int compiled = 0;
  int refused = 0;
  ASSERT_TRUE(rc::check([&](uint32_t seed) {
    RandomObjects random(seed);
    TestCluster base;  // the Node n1
    DesiredState state = base.state();
    IdentityAllocator identities;
    PortNumbering numbering;
    std::optional<CompiledState> last;
    Generation generation = 0;
    for (int step = 0; step < kSteps; ++step) {
      DesiredState next = state;
      random.Change(next);
      CompileOptions options{.node_name = "n1", .generation = generation + 1};
      options.now_s = step * 100;
      PortNumbering next_numbering = numbering;
      RC_ASSERT(
          next_numbering.Update(next, generation + 1, last ? &state : nullptr)
              .ok());
      IdentityAllocator changed_identities = identities;
      IdentityAllocator whole_identities = identities;
      absl::StatusOr<CompiledState> changed =
          Compile(next, options, next_numbering, changed_identities,
                  last ? &*last : nullptr);
      absl::StatusOr<CompiledState> whole =
          Compile(next, options, next_numbering, whole_identities, nullptr);
      RC_ASSERT(changed.status() == whole.status());
      if (!changed.ok()) {
        ++refused;
        RC_ASSERT(changed_identities.saved() == identities.saved());
        continue;  // `state`, `numbering` and `last` go on
      }
      ++compiled;
      RequireEqual(*changed, *whole);
      RC_ASSERT(changed_identities.saved() == whole_identities.saved());
      state = std::move(next);
      identities = std::move(changed_identities);
      numbering = std::move(next_numbering);
      last = *std::move(changed);
      ++generation;
    }
  }));
  // Both happen often enough to mean something.
  EXPECT_GT(compiled, 500);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace vswitch
