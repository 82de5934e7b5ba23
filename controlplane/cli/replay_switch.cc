// From manifests to one node's ports and tables.

#include "controlplane/cli/replay_switch.h"

#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/offline_compile.h"
#include "controlplane/compile/pod_index.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// A port's name is cut nowhere: longer ones of pods are replaced by a number.
constexpr size_t kMaxPortName = sizeof(PortRecord::name) - 1;

// Returns the name of the node that is played.
absl::StatusOr<std::string> ChooseNode(const DesiredState& desired,
                                       const std::string& wanted) {
  std::set<std::string> names;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node&) {
    names.insert(metadata.name);
  });
  if (names.empty()) {
    desired.ForEach<Pod>([&](const Metadata&, const Pod& pod) {
      if (!pod.node_name.empty()) names.insert(pod.node_name);
    });
  }
  if (wanted.empty() && names.size() <= 1) {
    return names.empty() ? std::string() : *names.begin();
  }
  if (names.contains(wanted)) return wanted;
  return absl::InvalidArgumentError(absl::StrCat(
      "--node: ",
      wanted.empty() ? std::string("the manifests hold several Nodes")
                     : absl::StrCat("there is no Node ", wanted),
      "; want one of ", absl::StrJoin(names, ", ")));
}

absl::Status AnnotationError(const Metadata& pod, absl::string_view key,
                             absl::string_view value, absl::string_view want) {
  return absl::InvalidArgumentError(
      absl::StrCat("Pod ", pod.ns, "/", pod.name, " metadata.annotations[", key,
                   "]: \"", value, "\"; want ", want));
}

absl::Status ReadAnnotations(const Metadata& pod, Port& port) {
  const Labels& annotations = pod.annotations;
  if (auto it = annotations.find(kMacAnnotation); it != annotations.end()) {
    const auto mac = MacAddress::Parse(it->second);
    if (!mac.ok()) {
      return AnnotationError(pod, it->first, it->second,
                             "a MAC address as 02:00:00:00:00:05");
    }
    port.mac = *mac;
  }
  if (auto it = annotations.find(kMtuAnnotation); it != annotations.end()) {
    if (!absl::SimpleAtoi(it->second, &port.mtu) || port.mtu == 0) {
      return AnnotationError(pod, it->first, it->second,
                             "a number of bytes as 1500");
    }
  }
  return absl::OkStatus();
}

// Takes the ports out of `desired`, by the names that they have here, with what
// counts without devices.
absl::StatusOr<std::map<std::string, Port>> TakePorts(DesiredState& desired) {
  std::map<std::string, Port> result;
  std::map<std::string, std::string> taken;
  const DesiredState given = desired;
  absl::Status status;
  given.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    desired.Erase({ObjectKind::kPort, "", metadata.name});
    const std::string name =
        port.kind == PortResourceKind::kHost ? kReplayHostPort
        : port.kind == PortResourceKind::kUplink
            ? kReplayUplinkPort
            : absl::StrCat(port.pod_namespace, "/", port.pod_name);
    const auto [it, inserted] = taken.try_emplace(name, metadata.name);
    if (!inserted) {
      status.Update(absl::InvalidArgumentError(
          absl::StrCat("Port ", metadata.name, ": Port ", it->second, " is ",
                       name, " already; replay plays one")));
    }
    result[name] = {.mac = port.mac,
                    .mtu = port.mtu,
                    .addresses = port.addresses,
                    .gateways = port.gateways,
                    .routes = port.routes};
  });
  RETURN_IF_ERROR(status);
  return result;
}

class SwitchMaker {
 public:
  SwitchMaker(const DesiredState& desired, const ReplaySwitchOptions& options)
      : options_(options) {
    result_.desired = desired;
  }

  absl::StatusOr<ReplaySwitch> Make() {
    ASSIGN_OR_RETURN(result_.node_name,
                     ChooseNode(result_.desired, options_.node_name));
    ASSIGN_OR_RETURN(given_, TakePorts(result_.desired));
    SetProfile();
    AddHost();
    AddUplink();
    RETURN_IF_ERROR(AddPods());
    IdentityAllocator identities;
    ASSIGN_OR_RETURN(
        OfflineGeneration generation,
        CompileOffline(result_.desired, result_.node_name, identities));
    for (const auto& [name, resource] : resource_names_) {
      result_.ports[name] = generation.ports.Find(resource)->id;
    }
    result_.state = std::move(generation.state);
    result_.tables = std::move(generation.tables);
    return std::move(result_);
  }

 private:
  void SetProfile() {
    if (!options_.profile.has_value()) return;
    const std::string name(kSettingsName);
    const auto* given = result_.desired.Find<SwitchSettings>("", name);
    SwitchSettings settings = given == nullptr ? SwitchSettings() : *given;
    settings.timeout_profile = *options_.profile;
    result_.desired.Upsert({.metadata = {.name = name}, .spec = settings});
  }

  void AddHost() {
    Port port = given_[kReplayHostPort];
    port.kind = PortResourceKind::kHost;
    port.interface_name = "host";
    AddPort(kReplayHostPort, std::move(port));
  }

  void AddUplink() {
    Port port = given_[kReplayUplinkPort];
    port.kind = PortResourceKind::kUplink;
    port.driver = PortResourceDriver::kDpdk;
    port.device = "uplink";
    if (options_.uplink_mtu != 0) port.mtu = options_.uplink_mtu;
    if (options_.uplink_mac.has_value()) {
      port.mac = options_.uplink_mac;
      port.gateways.clear();  // nobody need be asked
    }
    AddPort(kReplayUplinkPort, std::move(port));
  }

  absl::Status AddPods() {
    const DesiredState desired = result_.desired;
    absl::Status status;
    desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
      const bool is_here =
          pod.node_name.empty() || pod.node_name == result_.node_name;
      if (!is_here || !OwnsAddresses(pod) || pod.addresses.empty()) return;
      const std::string name = absl::StrCat(metadata.ns, "/", metadata.name);
      Port port = given_[name];
      port.pod_namespace = metadata.ns;
      port.pod_name = metadata.name;
      port.netns = "/";
      port.interface_name = "eth0";
      status.Update(ReadAnnotations(metadata, port));
      AddPort(name, std::move(port));
    });
    return status;
  }

  void AddPort(const std::string& name, Port port) {
    const std::string resource =
        name.size() <= kMaxPortName
            ? name
            : absl::StrCat("pod-", resource_names_.size());
    resource_names_[name] = resource;
    result_.desired.Upsert(
        {.metadata = {.name = resource}, .spec = std::move(port)});
  }

  const ReplaySwitchOptions& options_;
  ReplaySwitch result_;
  std::map<std::string, Port> given_;  // Port resources, by port
  std::map<std::string, std::string> resource_names_;  // by port
};

}  // namespace

absl::StatusOr<ReplaySwitch> MakeReplaySwitch(
    const DesiredState& desired, const ReplaySwitchOptions& options) {
  return SwitchMaker(desired, options).Make();
}

}  // namespace vswitch
