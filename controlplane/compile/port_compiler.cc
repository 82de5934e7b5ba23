// Checks of ports, and their records.

#include "controlplane/compile/port_compiler.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/compile.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {
namespace {

// Linux' IFNAMSIZ includes the terminating zero.
constexpr size_t kMaxInterfaceName = 15;

absl::Status FieldError(const Metadata& metadata, absl::string_view field,
                        absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("Port ", metadata.name,
                                                 field.empty() ? "" : " spec.",
                                                 field, ": ", problem));
}

absl::Status CheckDevice(const Metadata& metadata, const Port& port) {
  if (metadata.name.size() >= sizeof(PortRecord::name)) {
    return FieldError(
        metadata, "",
        absl::StrCat("the name has ", metadata.name.size(), " bytes, at most ",
                     sizeof(PortRecord::name) - 1, " fit"));
  }
  if (port.driver == PortResourceDriver::kDpdk) {
    if (port.device.empty()) {
      return FieldError(metadata, "device", "driver dpdk needs devargs");
    }
    if (port.device.size() >= sizeof(PortRecord::device)) {
      return FieldError(metadata, "device",
                        absl::StrCat(port.device.size(), " bytes, at most ",
                                     sizeof(PortRecord::device) - 1, " fit"));
    }
    return absl::OkStatus();
  }
  if (!port.device.empty()) {
    return FieldError(metadata, "device", "driver tap has none");
  }
  if (port.interface_name.empty() ||
      port.interface_name.size() > kMaxInterfaceName) {
    return FieldError(
        metadata, "interfaceName",
        absl::StrCat("\"", port.interface_name, "\" is not a name of 1 to ",
                     kMaxInterfaceName, " bytes"));
  }
  if (port.kind == PortResourceKind::kPod && port.netns.empty()) {
    return FieldError(metadata, "netns",
                      "needs the path of the pod's network namespace");
  }
  return absl::OkStatus();
}

absl::Status CheckKind(const Metadata& metadata, const Port& port) {
  if (port.kind == PortResourceKind::kPod) {
    if (port.pod_namespace.empty() || port.pod_name.empty()) {
      return FieldError(metadata, "pod", "needs the namespace and the name");
    }
    if (!port.routes.empty()) {
      return FieldError(metadata, "routes",
                        "only ports of kind host and uplink have routes");
    }
    return absl::OkStatus();
  }
  if (!port.pod_name.empty()) {
    return FieldError(metadata, "pod", "only ports of kind pod have one");
  }
  for (const IpAddress& router : port.gateways) {
    if (router.IsUnspecified() || router.IsMulticast() || router.IsLoopback()) {
      return FieldError(
          metadata, "gateways",
          absl::StrCat(router.ToString(), " is not the address of one router"));
    }
  }
  return absl::OkStatus();
}

PortRecord MakeRecord(const Metadata& metadata, const Port& port,
                      const ResolvedPort& resolved, const PortNumber& number) {
  PortRecord record;
  // Padding too: equal ports must have equal bytes.
  std::memset(static_cast<void*>(&record), 0, sizeof(record));
  record.epoch = number.epoch;
  record.kind = port.kind == PortResourceKind::kPod    ? PortKind::kPod
                : port.kind == PortResourceKind::kHost ? PortKind::kHost
                                                       : PortKind::kUplink;
  record.driver = port.driver == PortResourceDriver::kTap ? PortDriver::kTap
                                                          : PortDriver::kDpdk;
  record.ready = number.ready ? 1 : 0;
  record.endpoint = port.kind == PortResourceKind::kPod
                        ? EndpointOfPort(number.id)
                    : port.kind == PortResourceKind::kHost ? kHostEndpoint
                                                           : kNoEndpoint;
  record.mtu = resolved.mtu;
  record.peer_mac = resolved.peer_mac;
  record.address_count = static_cast<uint8_t>(resolved.addresses.size());
  std::copy(resolved.addresses.begin(), resolved.addresses.end(),
            record.addresses);
  if (port.kind == PortResourceKind::kUplink) {
    for (const IpAddress& router : port.gateways) NameRouter(record, router);
  }
  metadata.name.copy(record.name, sizeof(record.name) - 1);
  port.device.copy(record.device, sizeof(record.device) - 1);
  return record;
}

// What must be unique among the ports.
struct Uniques {
  std::string host_port;
  std::map<std::string, std::string> port_of_pod;
  std::map<MacAddress, std::string> port_of_mac;
};

absl::Status CheckUnique(const Metadata& metadata, const Port& port,
                         const ResolvedPort& resolved, Uniques& uniques) {
  if (port.kind == PortResourceKind::kHost) {
    if (!uniques.host_port.empty()) {
      return FieldError(metadata, "kind",
                        absl::StrCat("Port ", uniques.host_port,
                                     " is the host's port already"));
    }
    uniques.host_port = metadata.name;
  }
  if (port.kind != PortResourceKind::kPod) return absl::OkStatus();
  std::string pod = absl::StrCat(port.pod_namespace, "/", port.pod_name);
  if (auto [it, inserted] = uniques.port_of_pod.try_emplace(pod, metadata.name);
      !inserted) {
    return FieldError(
        metadata, "pod",
        absl::StrCat("Pod ", pod, " has Port ", it->second, " already"));
  }
  if (auto [it, inserted] =
          uniques.port_of_mac.try_emplace(resolved.peer_mac, metadata.name);
      !inserted) {
    return FieldError(
        metadata, "mac",
        absl::StrCat(resolved.peer_mac.ToString(),
                     " is already the MAC address of Port ", it->second));
  }
  return absl::OkStatus();
}

absl::Status ClaimAddresses(const Object& object,
                            const std::vector<IpAddress>& addresses,
                            AddressOwners& owners) {
  if (addresses.size() > kMaxPortAddresses) {
    return FieldError(
        object.metadata, "addresses",
        absl::StrCat(addresses.size(), " addresses, a port has at most ",
                     kMaxPortAddresses));
  }
  owners.ClaimPort(object, addresses);
  return owners.RefusalUpTo(ClaimRank::kPort, object.metadata);
}

// Takes over what is known about the pod behind a port.
void FillPod(const DesiredState& desired, const PodIndex& pods,
             CompiledPort& port) {
  const Object* object = desired.FindObject(
      {ObjectKind::kPod, port.port->pod_namespace, port.port->pod_name});
  if (port.port->kind != PortResourceKind::kPod || object == nullptr) return;
  const PodIdentity* identity =
      pods.IdentityOf(object->metadata, std::get<Pod>(object->spec));
  if (identity == nullptr) return;
  port.pod_identity = identity->id;
  port.epoch = BindingEpochOf(object->metadata);
}

}  // namespace

absl::StatusOr<std::vector<CompiledPort>> CompilePorts(
    const DesiredState& desired, const std::string& node_name,
    const PortNumbering& numbering, const PodIndex& pods,
    AddressOwners& owners) {
  std::vector<CompiledPort> ports;
  Uniques uniques;
  auto add = [&](const Metadata& metadata, const Port& port) -> absl::Status {
    const PortNumber* number = numbering.Find(metadata.name);
    if (number == nullptr) {
      return absl::InternalError(
          absl::StrCat("Port ", metadata.name, " has no number"));
    }
    RETURN_IF_ERROR(CheckKind(metadata, port));
    RETURN_IF_ERROR(CheckDevice(metadata, port));
    ASSIGN_OR_RETURN(ResolvedPort resolved,
                     ResolvePort(desired, node_name, metadata, port));
    RETURN_IF_ERROR(CheckUnique(metadata, port, resolved, uniques));
    const Object* object =
        desired.FindObject({ObjectKind::kPort, "", metadata.name});
    RETURN_IF_ERROR(ClaimAddresses(*object, resolved.addresses, owners));
    PortRecord record = MakeRecord(metadata, port, resolved, *number);
    CompiledPort& compiled =
        ports.emplace_back(CompiledPort{.object = object,
                                        .metadata = &metadata,
                                        .port = &port,
                                        .id = number->id,
                                        .record = record,
                                        .resolved = std::move(resolved)});
    FillPod(desired, pods, compiled);
    return absl::OkStatus();
  };
  absl::Status status;
  desired.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    if (status.ok()) status = add(metadata, port);
  });
  RETURN_IF_ERROR(status);
  return ports;
}

uint32_t BindingEpochOf(const Metadata& metadata) {
  return static_cast<uint32_t>(metadata.created_version) & kMaxBindingEpoch;
}

}  // namespace vswitch
