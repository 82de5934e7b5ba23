// Requests to the supervisor, and what it holds.

#include "controlplane/publish/devices.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/publish/log.h"
#include "controlplane/translate/errors.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr char kPodInterface[] = "eth0";
constexpr char kOwnInterface[] = "vswitch0";

IpPrefix HostPrefix(const IpAddress& address) {
  return {address, static_cast<uint8_t>(address.IsIpv4() ? 32 : 128)};
}

// The node reaches its pods by the switch's gateways and keeps its own default
// route.
absl::Status FillHostRoutes(const DesiredState& desired,
                            const std::string& node_name,
                            AttachPortRequest& request) {
  ASSIGN_OR_RETURN(Gateways gateways, ResolveGateways(desired, node_name));
  request.default_route = false;
  request.gateways.clear();
  if (!gateways.ipv4.IsUnspecified()) request.gateways.push_back(gateways.ipv4);
  if (!gateways.ipv6.IsUnspecified()) request.gateways.push_back(gateways.ipv6);
  if (const Node* node = desired.Find<Node>("", node_name)) {
    request.routes = node->pod_cidrs;
  }
  return absl::OkStatus();
}

absl::Status Refusal(const std::string& port, const absl::Status& status) {
  bool netns = status.code() == absl::StatusCode::kNotFound;
  return FaultStatus(
      status.code(),
      Fault{ObjectKey{ObjectKind::kPort, "", port},
            netns ? "port.netns" : "port", std::string(status.message())});
}

}  // namespace

absl::StatusOr<std::vector<AttachPortRequest>> Devices::Wanted(
    const DesiredState& desired, const PortNumbering& ports,
    const std::string& node_name) const {
  std::vector<AttachPortRequest> wanted;
  absl::Status status;
  desired.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    if (!status.ok() || port.driver != PortResourceDriver::kTap) return;
    absl::StatusOr<ResolvedPort> resolved =
        ResolvePort(desired, node_name, metadata, port);
    const PortNumber* number = ports.Find(metadata.name);
    if (!resolved.ok() || number == nullptr) {
      status = resolved.status();
      return;
    }
    AttachPortRequest request;
    request.port = number->id;
    request.epoch = number->epoch;
    request.name = metadata.name;
    request.netns = port.netns;
    request.ifname = port.interface_name;
    if (request.ifname.empty()) {
      request.ifname = port.netns.empty() ? kOwnInterface : kPodInterface;
    }
    request.mac = resolved->peer_mac;
    request.mtu = resolved->mtu;
    request.queues = queues_;
    request.gateways = resolved->gateways;
    const std::vector<IpAddress>& addresses =
        port.kind == PortResourceKind::kPod ? resolved->addresses
                                            : port.addresses;
    for (const IpAddress& address : addresses) {
      request.addresses.push_back(HostPrefix(address));
    }
    if (port.kind == PortResourceKind::kHost) {
      status = FillHostRoutes(desired, node_name, request);
    } else if (port.kind == PortResourceKind::kUplink) {
      request.default_route = false;
    }
    wanted.push_back(std::move(request));
  });
  if (!status.ok()) return status;
  return wanted;
}

absl::Status Devices::Adopt() {
  ASSIGN_OR_RETURN(std::vector<AttachedPort> held, supervisor_.ListPorts());
  attached_.clear();
  for (const AttachedPort& port : held) {
    if (!port.alive) continue;
    AttachPortRequest request;
    request.port = port.id.port;
    request.epoch = port.id.epoch;
    request.name = port.name;
    attached_[KeyOf(port.id)] = std::move(request);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PortEpoch>> Devices::Attach(
    const std::vector<AttachPortRequest>& wanted) {
  std::vector<PortEpoch> made;
  for (const AttachPortRequest& request : wanted) {
    PortEpoch device{request.port, request.epoch};
    if (attached_.contains(KeyOf(device))) continue;
    if (absl::Status status = supervisor_.AttachPort(request); !status.ok()) {
      Detach(made);
      return Refusal(request.name, status);
    }
    attached_[KeyOf(device)] = request;
    made.push_back(device);
  }
  return made;
}

void Devices::AttachAll(const std::vector<AttachPortRequest>& wanted,
                        std::map<std::string, std::string>& errors) {
  for (const AttachPortRequest& request : wanted) {
    absl::StatusOr<std::vector<PortEpoch>> made = Attach({request});
    if (!made.ok()) errors[request.name] = std::string(made.status().message());
  }
}

void Devices::Detach(const std::vector<PortEpoch>& devices) {
  for (const PortEpoch& device : devices) {
    absl::Status status = supervisor_.DetachPort(device.port, device.epoch);
    if (!status.ok()) {
      Log("cannot remove the device of port number ", ToInt(device.port), ": ",
          status.message());
    }
    attached_.erase(KeyOf(device));
  }
}

void Devices::RemoveUnwanted(const std::vector<AttachPortRequest>& wanted) {
  std::set<uint64_t> keep;
  for (const AttachPortRequest& request : wanted) {
    keep.insert(KeyOf({request.port, request.epoch}));
  }
  std::vector<PortEpoch> unwanted;
  for (const auto& [key, request] : attached_) {
    if (!keep.contains(key)) unwanted.push_back({request.port, request.epoch});
  }
  Detach(unwanted);
}

std::string Devices::Forget(const PortEpoch& device) {
  auto found = attached_.find(KeyOf(device));
  if (found == attached_.end()) return "";
  std::string name = found->second.name;
  attached_.erase(found);
  return name;
}

}  // namespace vswitch
