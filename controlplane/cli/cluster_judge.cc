// ClusterJudge: one compilation for each node that has a part in the questions.

#include "controlplane/cli/cluster_judge.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/offline_compile.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/rule_text.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {
namespace {

constexpr char kHostPort[] = "host";
constexpr char kUplinkPort[] = "uplink";
// Ports that are left for pods.
constexpr size_t kMaxLocalPods = kMaxPorts - 2;

// The first address from `address` on that is not taken.
IpAddress FreeAddress(
    const char* address,
    const absl::flat_hash_map<IpAddress, std::string>& taken) {
  IpAddress result = *IpAddress::Parse(address);
  while (taken.contains(result)) ++result.bytes[15];
  return result;
}

MacAddress MacOfPort(size_t number) {
  return MacAddress{{0x02, 0, 0, static_cast<uint8_t>(number >> 16),
                     static_cast<uint8_t>(number >> 8),
                     static_cast<uint8_t>(number)}};
}

Object MakePort(std::string name, Port port) {
  return {.metadata = {.name = std::move(name)}, .spec = std::move(port)};
}

// What is asked about is policy: no address is unreachable, and gateways take
// no address that a pod has.
DesiredState WithoutPorts(
    const DesiredState& desired,
    const absl::flat_hash_map<IpAddress, std::string>& taken) {
  DesiredState result = desired;
  desired.ForEach<Port>([&](const Metadata& metadata, const Port&) {
    result.Erase({ObjectKind::kPort, "", metadata.name});
  });
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    result.Upsert({.metadata = metadata, .spec = Node{{}, node.addresses}});
  });
  const auto* given =
      desired.Find<SwitchSettings>("", std::string(kSettingsName));
  SwitchSettings settings;
  if (given != nullptr) {
    settings.maglev_seed = given->maglev_seed;
    settings.ignored_pod_labels = given->ignored_pod_labels;
  }
  settings.gateway_ipv4 = FreeAddress("169.254.0.1", taken);
  settings.gateway_ipv6 = FreeAddress("fe80::1", taken);
  result.Upsert(
      {.metadata = {.name = std::string(kSettingsName)}, .spec = settings});
  return result;
}

}  // namespace

// One node's switch.
struct ClusterJudge::View {
  DesiredState desired;
  CompiledState state;
  std::unique_ptr<OfflineJudge> judge;
};

ClusterJudge::ClusterJudge() = default;
ClusterJudge::~ClusterJudge() = default;

absl::StatusOr<std::unique_ptr<ClusterJudge>> ClusterJudge::Create(
    const DesiredState& desired, const ClusterOptions& options,
    const std::vector<IpAddress>& ends) {
  std::unique_ptr<ClusterJudge> result(new ClusterJudge());
  result->desired_ = desired;
  RETURN_IF_ERROR(result->ChooseDefaultNode(options));
  result->IndexAddresses();
  result->desired_ = WithoutPorts(desired, result->node_of_);
  result->UseAllEndsOf(ends);
  RETURN_IF_ERROR(result->MakeViews());
  return result;
}

absl::Status ClusterJudge::ChooseDefaultNode(const ClusterOptions& options) {
  default_node_ = options.node_name;
  if (!default_node_.empty()) {
    if (desired_.Find<Node>("", default_node_) != nullptr) {
      return absl::OkStatus();
    }
    return absl::NotFoundError(
        absl::StrCat("--node: there is no Node ", default_node_));
  }
  size_t count = 0;
  desired_.ForEach<Node>([&](const Metadata& metadata, const Node&) {
    ++count;
    default_node_ = metadata.name;
  });
  if (count != 1) default_node_.clear();
  return absl::OkStatus();
}

// A name without a Node object means a node that nothing is known of.
std::string ClusterJudge::KnownNode(const std::string& name) const {
  if (name.empty()) return default_node_;
  return desired_.Find<Node>("", name) == nullptr ? "" : name;
}

void ClusterJudge::IndexAddresses() {
  desired_.ForEach<Pod>([&](const Metadata&, const Pod& pod) {
    if (!OwnsAddresses(pod)) return;
    for (const IpAddress& address : pod.addresses) {
      node_of_[address] = KnownNode(pod.node_name);
    }
  });
  desired_.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    for (const IpAddress& address : node.addresses) {
      node_of_[address] = metadata.name;
    }
  });
}

// Adds the backends of the services among the ends: one of them will be the
// destination.
void ClusterJudge::UseAllEndsOf(const std::vector<IpAddress>& ends) {
  ends_.insert(ends.begin(), ends.end());
  std::set<std::pair<std::string, std::string>> services;
  desired_.ForEach<Service>([&](const Metadata& metadata, const Service& spec) {
    for (const IpAddress& address : spec.cluster_ips) {
      if (ends_.contains(address))
        services.insert({metadata.ns, metadata.name});
    }
  });
  if (services.empty()) return;
  desired_.ForEach<EndpointSlice>(
      [&](const Metadata& metadata, const EndpointSlice& slice) {
        auto name = metadata.labels.find(std::string(kServiceNameLabel));
        if (name == metadata.labels.end() ||
            !services.contains({metadata.ns, name->second})) {
          return;
        }
        for (const Endpoint& endpoint : slice.endpoints) {
          ends_.insert(endpoint.addresses.begin(), endpoint.addresses.end());
        }
      });
}

absl::Status ClusterJudge::MakeViews() {
  std::set<std::string> nodes;
  bool only_known = !ends_.empty();
  for (const IpAddress& address : ends_) {
    auto found = node_of_.find(address);
    if (found != node_of_.end()) nodes.insert(found->second);
    if (found == node_of_.end()) only_known = false;
  }
  // Services and strangers are nobody's in particular.
  if (!only_known) nodes.insert(default_node_);
  for (const std::string& node : nodes) {
    ASSIGN_OR_RETURN(std::unique_ptr<View> view, MakeView(node));
    view_of_node_[node] = views_.size();
    views_.push_back(std::move(view));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ClusterJudge::View>> ClusterJudge::MakeView(
    const std::string& node) {
  auto view = std::make_unique<View>();
  view->desired = desired_;
  view->desired.Upsert(MakePort(
      kHostPort, {.kind = PortResourceKind::kHost, .interface_name = "host"}));
  view->desired.Upsert(
      MakePort(kUplinkPort, {.kind = PortResourceKind::kUplink,
                             .driver = PortResourceDriver::kDpdk,
                             .device = "uplink"}));
  size_t count = 0;
  desired_.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    const bool is_asked = std::any_of(
        pod.addresses.begin(), pod.addresses.end(),
        [this](const IpAddress& end) { return ends_.contains(end); });
    if (!is_asked || !OwnsAddresses(pod) || KnownNode(pod.node_name) != node) {
      return;
    }
    ++count;
    view->desired.Upsert(
        MakePort(absl::StrCat("pod-", count), {.kind = PortResourceKind::kPod,
                                               .pod_namespace = metadata.ns,
                                               .pod_name = metadata.name,
                                               .netns = "/",
                                               .interface_name = "eth0",
                                               .mac = MacOfPort(count)}));
  });
  if (count > kMaxLocalPods) {
    return absl::ResourceExhaustedError(absl::StrCat(
        count, " pods of Node ", node.empty() ? "(none)" : node,
        " are asked about at once, a switch has room for ", kMaxLocalPods));
  }
  ASSIGN_OR_RETURN(OfflineGeneration generation,
                   CompileOffline(view->desired, node, identities_));
  ASSIGN_OR_RETURN(view->judge, OfflineJudge::Create(generation.tables));
  view->state = std::move(generation.state);
  return view;
}

std::optional<size_t> ClusterJudge::ViewOf(const IpAddress& address) const {
  auto node = node_of_.find(address);
  if (node == node_of_.end()) return std::nullopt;
  auto view = view_of_node_.find(node->second);
  if (view == view_of_node_.end()) return std::nullopt;
  return view->second;
}

ClusterVerdict ClusterJudge::Ask(const JudgeQuery& query) const {
  ClusterVerdict verdict;
  auto fallback = view_of_node_.find(default_node_);
  const size_t stranger =
      fallback == view_of_node_.end() ? 0 : fallback->second;
  const std::optional<size_t> source = ViewOf(query.key.source);
  const std::optional<size_t> destination = ViewOf(query.key.destination);
  verdict.source_view = source.value_or(destination.value_or(stranger));
  verdict.destination_view = verdict.source_view;
  if (query.key.source == query.key.destination) {
    verdict.never_leaves_pod = true;
    verdict.source_side.translated = query.key;
    verdict.destination_side = verdict.source_side;
    return verdict;
  }
  verdict.source_side = views_[verdict.source_view]->judge->Ask(query);
  verdict.destination_side = verdict.source_side;
  verdict.drop = verdict.source_side.drop;
  const FlowKey& translated = verdict.source_side.translated;
  const size_t last =
      ViewOf(translated.destination).value_or(verdict.source_view);
  if (last == verdict.source_view) return verdict;
  verdict.destination_view = last;
  JudgeQuery arrived = query;
  arrived.key = translated;
  verdict.destination_side = views_[last]->judge->Ask(arrived);
  if (verdict.drop == DropReason::kNone) {
    verdict.drop = verdict.destination_side.drop;
  }
  return verdict;
}

ClusterExplanation ClusterJudge::Explain(const ClusterVerdict& verdict) const {
  if (verdict.never_leaves_pod) return {};
  auto explain = [this](const JudgeResult& side, size_t number) {
    const View& view = *views_[number];
    return ExplainVerdict(view.state, view.desired,
                          {side.translated, side.source.identity,
                           side.destination.identity, side.drop});
  };
  ClusterExplanation result;
  const JudgeResult& source = verdict.source_side;
  const JudgeResult& destination = verdict.destination_side;
  Explanation words = explain(source, verdict.source_view);
  result.egress = SideOf(std::move(words.egress));
  if (verdict.source_view != verdict.destination_view) {
    words = explain(destination, verdict.destination_view);
  }
  result.ingress = SideOf(std::move(words.ingress));
  return result;
}

ClusterSide ClusterJudge::SideOf(DirectionExplanation words) const {
  ClusterSide side{.words = std::move(words)};
  if (const auto rule = catalog().FindRule(side.words.rule)) {
    side.rule_name = absl::StrCat(rule->section, " rule ", rule->index);
    side.tier = ToString(rule->tier);
  } else if (!side.words.allowed) {
    // Only NetworkPolicy and Cilium policies isolate.
    side.tier = ToString(PolicyTier::kNetworkPolicy);
  } else if (!side.words.policies.empty()) {
    side.tier = ToString(PolicyTier::kDefault);
  }
  return side;
}

const RuleCatalog& ClusterJudge::catalog() const { return *compiled().catalog; }

const CompiledState& ClusterJudge::compiled() const {
  return views_.front()->state;
}

}  // namespace vswitch
