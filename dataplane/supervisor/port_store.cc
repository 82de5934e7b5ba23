// Keeps TapDevices by port.

#include "dataplane/supervisor/port_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

TapConfig ConfigOf(const AttachPortRequest& request) {
  return {
      .netns = request.netns,
      .ifname = request.ifname,
      .mac = request.mac,
      .mtu = request.mtu,
      .addresses = request.addresses,
      .gateways = request.gateways,
      .routes = request.routes,
      .default_route = request.default_route,
      .queues = request.queues,
  };
}

}  // namespace

absl::Status PortStore::Attach(const AttachPortRequest& request) {
  if (ToInt(request.port) >= kMaxPorts) {
    return absl::InvalidArgumentError(
        absl::StrCat("port ", request.name, ": number ", ToInt(request.port),
                     " is not below ", kMaxPorts));
  }
  auto found = ports_.find(request.port);
  if (found != ports_.end()) {
    const Entry& entry = found->second;
    if (entry.request.name == request.name &&
        entry.request.epoch == request.epoch && entry.device.Alive()) {
      return absl::OkStatus();
    }
    // Its interface may have the name and addresses that the new one needs.
    ports_.erase(found);
  }
  absl::StatusOr<TapDevice> device = TapDevice::Create(ConfigOf(request));
  if (!device.ok()) {
    return absl::Status(
        device.status().code(),
        absl::StrCat("port ", request.name, ": ", device.status().message()));
  }
  ports_.emplace(request.port, Entry{request, *std::move(device)});
  return absl::OkStatus();
}

void PortStore::Detach(const PortEpoch& id) {
  auto found = ports_.find(id.port);
  if (found != ports_.end() && found->second.request.epoch == id.epoch) {
    ports_.erase(found);
  }
}

absl::StatusOr<std::vector<int>> PortStore::Fds(const PortEpoch& id) const {
  const auto found = ports_.find(id.port);
  if (found == ports_.end() || found->second.request.epoch != id.epoch) {
    return absl::NotFoundError(absl::StrCat("port number ", ToInt(id.port),
                                            ", epoch ", id.epoch,
                                            ": no TAP is attached"));
  }
  if (!found->second.device.Alive()) {
    const AttachPortRequest& request = found->second.request;
    return absl::UnavailableError(
        absl::StrCat("port ", request.name, ": interface ", request.ifname,
                     " is gone with its namespace ", request.netns));
  }
  return found->second.device.RawFds();
}

std::vector<PortEpoch> PortStore::TakeGone() {
  std::vector<PortEpoch> gone;
  for (auto& [port, entry] : ports_) {
    if (!entry.alive || entry.device.Alive()) continue;
    entry.alive = false;
    gone.push_back({port, entry.request.epoch});
  }
  return gone;
}

std::vector<AttachedPort> PortStore::List() const {
  std::vector<AttachedPort> list;
  for (const auto& [port, entry] : ports_) {
    list.push_back({.id = {port, entry.request.epoch},
                    .name = entry.request.name,
                    .netns = entry.request.netns,
                    .ifname = entry.request.ifname,
                    .alive = entry.device.Alive()});
  }
  return list;
}

}  // namespace vswitch
