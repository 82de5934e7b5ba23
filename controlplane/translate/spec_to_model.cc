// The specifications of all kinds but NetworkPolicy.

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "controlplane/translate/to_model_internal.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/timeouts.h"

namespace vswitch {
namespace {

constexpr size_t kMaxPathBytes = 4095;        // PATH_MAX without its zero
constexpr size_t kMaxInterfaceName = 15;      // IFNAMSIZ without its zero
constexpr char kPodInterfaceName[] = "eth0";  // as container runtimes name it
constexpr size_t kMaxDeviceLength = 191;      // fits a PortRecord
constexpr uint32_t kMinMtu = 1280;            // RFC 8200 section 5
constexpr uint32_t kMaxMtu = 9216;

void CheckMtu(FieldReader& reader, const FieldPath& path, uint32_t mtu) {
  if (mtu == 0 || (mtu >= kMinMtu && mtu <= kMaxMtu)) return;
  reader.AddFault(
      path, absl::StrCat(mtu, " is not an MTU, ", kMinMtu, " to ", kMaxMtu));
}

void CheckPortDevice(FieldReader& reader, const FieldPath& path,
                     const Port& port) {
  FieldPath device(&path, "device");
  reader.CheckLength(device, port.device, kMaxDeviceLength);
  reader.CheckLength({&path, "netns"}, port.netns, kMaxPathBytes);
  reader.CheckLength({&path, "interface_name"}, port.interface_name,
                     kMaxInterfaceName);
  if (port.driver == PortResourceDriver::kDpdk) {
    if (port.device.empty()) {
      reader.AddFault(device, "must be set for driver DPDK");
    }
    if (!port.netns.empty()) {
      reader.AddFault({&path, "netns"}, "is only for driver TAP");
    }
    return;
  }
  if (!port.device.empty()) {
    reader.AddFault(device, "is only for driver DPDK");
  }
  FieldPath netns(&path, "netns");
  if (port.netns.empty() && port.kind == PortResourceKind::kPod) {
    reader.AddFault(netns, "must be set: the path of the pod's namespace");
  } else if (!port.netns.empty() && port.netns.front() != '/') {
    reader.AddFault(netns, "must be an absolute path");
  }
  if (port.interface_name.find('/') != std::string::npos ||
      port.interface_name == "." || port.interface_name == "..") {
    reader.AddFault({&path, "interface_name"},
                    "is not a name that Linux gives an interface");
  }
}

}  // namespace

IpProtocol ReadProtocol(v1::Protocol protocol) {
  switch (protocol) {
    case v1::PROTOCOL_UDP:
      return IpProtocol::kUdp;
    case v1::PROTOCOL_SCTP:
      return IpProtocol::kSctp;
    default:
      return IpProtocol::kTcp;
  }
}

namespace {

void ReadHostPort(FieldReader& reader, const FieldPath& path,
                  const v1::ContainerPort& message, ContainerPort& port) {
  if (message.host_port() != 0) {
    port.host_port =
        reader.ReadPortNumber({&path, "host_port"}, message.host_port());
  }
  if (message.host_ip().empty()) return;
  const FieldPath at(&path, "host_ip");
  port.host_ip = reader.ReadAddress(at, message.host_ip());
  if (port.host_ip->IsLoopback() || port.host_ip->IsMulticast() ||
      port.host_ip->IsLinkLocal()) {
    reader.AddFault(at, absl::StrCat(message.host_ip(),
                                     " is loopback, multicast or link-local; "
                                     "others must be able to reach it"));
  }
}

}  // namespace

Pod ReadPod(FieldReader& reader, const FieldPath& path,
            const v1::Pod& message) {
  Pod pod;
  pod.service_account = message.service_account_name();
  pod.node_name = message.node_name();
  pod.addresses = ReadAddresses(reader, path, "pod_ips", message.pod_ips());
  CheckOnePerFamily(reader, path, "pod_ips", pod.addresses);
  for (int i = 0; i < message.container_ports_size(); ++i) {
    const v1::ContainerPort& in = message.container_ports(i);
    FieldPath port(&path, "container_ports", i);
    reader.CheckLength({&port, "name"}, in.name(), kMaxPortNameLength);
    ContainerPort out{
        in.name(), ReadProtocol(in.protocol()),
        reader.ReadPortNumber({&port, "container_port"}, in.container_port())};
    ReadHostPort(reader, port, in, out);
    pod.ports.push_back(std::move(out));
  }
  pod.host_network = message.host_network();
  switch (message.phase()) {
    case v1::POD_PHASE_PENDING:
      pod.phase = PodPhase::kPending;
      break;
    case v1::POD_PHASE_SUCCEEDED:
      pod.phase = PodPhase::kSucceeded;
      break;
    case v1::POD_PHASE_FAILED:
      pod.phase = PodPhase::kFailed;
      break;
    case v1::POD_PHASE_UNKNOWN:
      pod.phase = PodPhase::kUnknown;
      break;
    default:
      pod.phase = PodPhase::kRunning;
  }
  return pod;
}

Node ReadNode(FieldReader& reader, const FieldPath& path,
              const v1::Node& message) {
  Node node;
  node.pod_cidrs = ReadPrefixes(reader, path, "pod_cidrs", message.pod_cidrs());
  std::vector<IpAddress> first_addresses;
  for (const IpPrefix& prefix : node.pod_cidrs) {
    first_addresses.push_back(prefix.address);
  }
  CheckOnePerFamily(reader, path, "pod_cidrs", first_addresses);
  node.addresses =
      ReadAddresses(reader, path, "addresses", message.addresses());
  return node;
}

Port ReadPort(FieldReader& reader, const FieldPath& path,
              const v1::Port& message) {
  Port port;
  if (message.kind() == v1::PORT_KIND_HOST) {
    port.kind = PortResourceKind::kHost;
  } else if (message.kind() == v1::PORT_KIND_UPLINK) {
    port.kind = PortResourceKind::kUplink;
  }
  if (message.driver() == v1::PORT_DRIVER_DPDK) {
    port.driver = PortResourceDriver::kDpdk;
  }
  port.pod_namespace = message.pod_namespace();
  port.pod_name = message.pod_name();
  if (port.kind != PortResourceKind::kPod && !port.pod_name.empty()) {
    reader.AddFault({&path, "pod_name"}, "is only for kind POD");
  }
  port.netns = message.netns();
  port.interface_name = message.interface_name();
  port.device = message.device();
  CheckPortDevice(reader, path, port);
  if (port.interface_name.empty() && port.kind == PortResourceKind::kPod &&
      port.driver == PortResourceDriver::kTap) {
    port.interface_name = kPodInterfaceName;
  }
  port.mac = reader.ReadMac({&path, "mac"}, message.mac());
  port.mtu = message.mtu();
  CheckMtu(reader, {&path, "mtu"}, port.mtu);
  port.addresses =
      ReadAddresses(reader, path, "addresses", message.addresses());
  port.gateways = ReadAddresses(reader, path, "gateways", message.gateways());
  CheckOnePerFamily(reader, path, "gateways", port.gateways);
  port.routes = ReadPrefixes(reader, path, "routes", message.routes());
  if (port.kind == PortResourceKind::kPod && !port.routes.empty()) {
    reader.AddFault({&path, "routes"}, "are only for kinds HOST and UPLINK");
  }
  return port;
}

void ReadIgnoredLabels(FieldReader& reader, const FieldPath& path,
                       const v1::Settings& message, SwitchSettings& settings) {
  constexpr int kMost = 64;
  constexpr size_t kMostBytes = 253 + 1 + 63;  // of a key
  if (message.ignored_pod_labels_size() > kMost) {
    reader.AddFault({&path, "ignored_pod_labels"},
                    absl::StrCat("has ", message.ignored_pod_labels_size(),
                                 " entries; at most ", kMost));
    return;
  }
  for (int i = 0; i < message.ignored_pod_labels_size(); ++i) {
    absl::string_view key = message.ignored_pod_labels(i);
    absl::ConsumeSuffix(&key, "*");
    const bool is_key =
        std::all_of(key.begin(), key.end(), [](unsigned char c) {
          return absl::ascii_isalnum(c) || absl::StrContains("-_./", c);
        });
    if (key.empty() || key.size() > kMostBytes || !is_key) {
      reader.AddFault({&path, "ignored_pod_labels", i},
                      "must be a label's key, or the beginning of one with a "
                      "* behind");
    }
    settings.ignored_pod_labels.push_back(message.ignored_pod_labels(i));
  }
}

SourceNat ReadSourceNat(FieldReader& reader, const FieldPath& path,
                        const v1::SourceNat& message) {
  SourceNat nat;
  nat.disabled = message.disabled();
  nat.addresses = ReadAddresses(reader, path, "addresses", message.addresses());
  if (nat.addresses.size() > kMaxNatAddresses) {
    reader.AddFault({&path, "addresses"},
                    absl::StrCat("has ", nat.addresses.size(),
                                 " entries; at most ", kMaxNatAddresses));
  }
  CheckReachable(reader, path, "addresses", nat.addresses);
  if (message.first_port() != 0) {
    nat.first_port =
        reader.ReadPortNumber({&path, "first_port"}, message.first_port());
  }
  if (message.last_port() != 0) {
    nat.last_port =
        reader.ReadPortNumber({&path, "last_port"}, message.last_port());
  }
  if (nat.last_port < nat.first_port) {
    reader.AddFault(
        {&path, "last_port"},
        absl::StrCat(nat.last_port, " is below first_port, ", nat.first_port));
  }
  nat.excluded_cidrs =
      ReadPrefixes(reader, path, "excluded_cidrs", message.excluded_cidrs());
  nat.tcp_endpoint_independent = message.tcp_endpoint_independent();
  return nat;
}

// Half of what a signed count of seconds holds.
constexpr uint32_t kMostTimeoutSeconds = 1u << 30;

void ReadTimeouts(FieldReader& reader, const FieldPath& path,
                  const v1::ConnectionTimeouts& message,
                  SwitchSettings& settings) {
  const auto& descriptor = *v1::ConnectionTimeouts::descriptor();
  for (const TimeoutField& field : kTimeoutFields) {
    const std::string name = absl::StrCat(field.name, "_seconds");
    const uint32_t seconds = message.GetReflection()->GetUInt32(
        message, descriptor.FindFieldByName(name));
    settings.timeouts.*field.field = seconds;
    if (seconds != 0 && seconds < field.least_s &&
        settings.timeout_profile == TimeoutProfile::kRfc) {
      reader.AddFault(
          {&path, name},
          absl::StrCat("is ", seconds, "; at least ", field.least_s, " (",
                       field.least_source,
                       "), or timeout_profile: TIMEOUT_PROFILE_LINUX"));
    }
    if (seconds > kMostTimeoutSeconds) {
      reader.AddFault({&path, name}, absl::StrCat("is ", seconds, "; at most ",
                                                  kMostTimeoutSeconds));
    }
  }
}

// More than any table has.
constexpr uint32_t kMostLimit = 1u << 30;

ConnectionLimits ReadLimits(FieldReader& reader, const FieldPath& path,
                            const v1::ConnectionLimits& message) {
  ConnectionLimits limits{};
  const auto& reflection = *message.GetReflection();
  for (const LimitField& field : kLimitFields) {
    const std::string name(field.name);
    const auto* descriptor =
        v1::ConnectionLimits::descriptor()->FindFieldByName(name);
    if (!reflection.HasField(message, descriptor)) continue;
    const uint32_t limit = reflection.GetUInt32(message, descriptor);
    limits.*field.field = limit == 0 ? kNoLimit : limit;
    if (limit > kMostLimit) {
      reader.AddFault({&path, name},
                      absl::StrCat("is ", limit, "; at most ", kMostLimit,
                                   ", or 0 for no limit"));
    }
  }
  return limits;
}

SwitchSettings ReadSettings(FieldReader& reader, const FieldPath& path,
                            const v1::Settings& message) {
  SwitchSettings settings;
  settings.gateway_mac =
      reader.ReadMac({&path, "gateway_mac"}, message.gateway_mac());
  FieldPath ipv4(&path, "gateway_ipv4");
  if (!message.gateway_ipv4().empty()) {
    settings.gateway_ipv4 = reader.ReadAddress(ipv4, message.gateway_ipv4());
    if (!settings.gateway_ipv4->IsIpv4()) {
      reader.AddFault(ipv4, "must be an IPv4 address");
    }
  }
  FieldPath ipv6(&path, "gateway_ipv6");
  if (!message.gateway_ipv6().empty()) {
    settings.gateway_ipv6 = reader.ReadAddress(ipv6, message.gateway_ipv6());
    if (settings.gateway_ipv6->IsIpv4()) {
      reader.AddFault(ipv6, "must be an IPv6 address");
    }
  }
  CheckMtu(reader, {&path, "mtu"}, message.mtu());
  if (message.mtu() != 0) settings.mtu = message.mtu();
  if (message.timeout_profile() == v1::TIMEOUT_PROFILE_LINUX) {
    settings.timeout_profile = TimeoutProfile::kLinux;
  }
  settings.source_nat =
      ReadSourceNat(reader, {&path, "source_nat"}, message.source_nat());
  ReadTimeouts(reader, {&path, "timeouts"}, message.timeouts(), settings);
  settings.limits = ReadLimits(reader, {&path, "connection_limits"},
                               message.connection_limits());
  settings.tcp_needs_syn = message.tcp_needs_syn();
  if (message.has_icmp_errors_per_second()) {
    settings.icmp_errors_per_second = message.icmp_errors_per_second();
  }
  if (message.has_icmp_errors_per_second_port()) {
    settings.icmp_errors_per_second_port =
        message.icmp_errors_per_second_port();
  }
  settings.maglev_seed = message.maglev_seed();
  ReadIgnoredLabels(reader, path, message, settings);
  return settings;
}

}  // namespace vswitch
