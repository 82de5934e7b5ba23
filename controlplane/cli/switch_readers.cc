// Readers of the switch's own kinds (vswitch.dev/v1): Port and Settings.

#include <string>
#include <utility>

#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

// What an interface of Linux can have.
constexpr uint64_t kMinMtu = 1280;  // RFC 8200 section 5
constexpr uint64_t kMaxMtu = 65535;
constexpr uint64_t kMaxPort = 65535;
constexpr uint64_t kMaxRate = 1'000'000'000;
constexpr uint64_t kMaxTimeout = 1u << 30;  // seconds
constexpr uint64_t kMaxLimit = 1u << 30;

void ReadSourceNat(const YamlNode& node, const std::string& path,
                   ReadContext& context, v1::SourceNat& nat) {
  MappingReader reader(node, path, context);
  if (auto value = reader.Bool("disabled")) nat.set_disabled(*value);
  for (std::string& text : reader.TextList("addresses")) {
    nat.add_addresses(std::move(text));
  }
  if (auto number = reader.Number("firstPort", 1, kMaxPort)) {
    nat.set_first_port(static_cast<uint32_t>(*number));
  }
  if (auto number = reader.Number("lastPort", 1, kMaxPort)) {
    nat.set_last_port(static_cast<uint32_t>(*number));
  }
  for (std::string& text : reader.TextList("excludedCIDRs")) {
    nat.add_excluded_cidrs(std::move(text));
  }
  if (auto value = reader.Bool("tcpEndpointIndependent")) {
    nat.set_tcp_endpoint_independent(*value);
  }
  reader.Finish();
}

}  // namespace

void ReadPort(MappingReader& object, v1::Port& port) {
  object.Require("spec");
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    MappingReader spec(node, path, object.context());
    if (auto value = spec.Enum("kind", kPortKindSpellings)) {
      port.set_kind(static_cast<v1::PortKind>(*value));
    }
    if (auto value = spec.Enum("driver", kPortDriverSpellings)) {
      port.set_driver(static_cast<v1::PortDriver>(*value));
    }
    if (auto text = spec.Text("pod")) {
      const size_t slash = text->find('/');
      if (slash == std::string::npos) {
        spec.Fault("pod", "must be NAMESPACE/NAME");
      } else {
        port.set_pod_namespace(text->substr(0, slash));
        port.set_pod_name(text->substr(slash + 1));
      }
    }
    if (auto text = spec.Text("netns")) port.set_netns(*text);
    if (auto text = spec.Text("interface")) port.set_interface_name(*text);
    if (auto text = spec.Text("device")) port.set_device(*text);
    if (auto text = spec.Text("mac")) port.set_mac(*text);
    if (auto number = spec.Number("mtu", kMinMtu, kMaxMtu)) {
      port.set_mtu(static_cast<uint32_t>(*number));
    }
    for (std::string& text : spec.TextList("addresses")) {
      port.add_addresses(std::move(text));
    }
    for (std::string& text : spec.TextList("gateways")) {
      port.add_gateways(std::move(text));
    }
    for (std::string& text : spec.TextList("routes")) {
      port.add_routes(std::move(text));
    }
    spec.Finish();
  });
}

// The fields of the message, by their JSON names.
void ReadTimeouts(MappingReader& timeouts, v1::ConnectionTimeouts& message) {
  const auto& descriptor = *v1::ConnectionTimeouts::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto* field = descriptor.field(i);
    if (auto number = timeouts.Number(field->json_name(), 1, kMaxTimeout)) {
      message.GetReflection()->SetUInt32(&message, field,
                                         static_cast<uint32_t>(*number));
    }
  }
  timeouts.Finish();
}

// Likewise.
void ReadLimits(MappingReader& limits, v1::ConnectionLimits& message) {
  const auto& descriptor = *v1::ConnectionLimits::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto* field = descriptor.field(i);
    if (auto number = limits.Number(field->json_name(), 0, kMaxLimit)) {
      message.GetReflection()->SetUInt32(&message, field,
                                         static_cast<uint32_t>(*number));
    }
  }
  limits.Finish();
}

void ReadSettings(MappingReader& object, v1::Settings& settings) {
  object.Require("spec");
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    MappingReader spec(node, path, object.context());
    if (auto text = spec.Text("gatewayMAC")) settings.set_gateway_mac(*text);
    if (auto text = spec.Text("gatewayIPv4")) settings.set_gateway_ipv4(*text);
    if (auto text = spec.Text("gatewayIPv6")) settings.set_gateway_ipv6(*text);
    if (auto number = spec.Number("mtu", kMinMtu, kMaxMtu)) {
      settings.set_mtu(static_cast<uint32_t>(*number));
    }
    if (auto value = spec.Enum("timeoutProfile", kTimeoutProfileSpellings)) {
      settings.set_timeout_profile(static_cast<v1::TimeoutProfile>(*value));
    }
    spec.Mapping("timeouts",
                 [&](const YamlNode& child, const std::string& child_path) {
                   MappingReader timeouts(child, child_path, object.context());
                   ReadTimeouts(timeouts, *settings.mutable_timeouts());
                 });
    spec.Mapping("connectionLimits",
                 [&](const YamlNode& child, const std::string& child_path) {
                   MappingReader limits(child, child_path, object.context());
                   ReadLimits(limits, *settings.mutable_connection_limits());
                 });
    if (auto value = spec.Bool("tcpNeedsSyn")) {
      settings.set_tcp_needs_syn(*value);
    }
    if (auto number = spec.Number("icmpErrorsPerSecond", 0, kMaxRate)) {
      settings.set_icmp_errors_per_second(static_cast<uint32_t>(*number));
    }
    if (auto number = spec.Number("icmpErrorsPerSecondPerPort", 0, kMaxRate)) {
      settings.set_icmp_errors_per_second_port(static_cast<uint32_t>(*number));
    }
    if (auto number = spec.Number("maglevSeed")) {
      settings.set_maglev_seed(*number);
    }
    for (std::string& text : spec.TextList("ignoredPodLabels")) {
      settings.add_ignored_pod_labels(std::move(text));
    }
    spec.Mapping("sourceNAT",
                 [&](const YamlNode& child, const std::string& child_path) {
                   ReadSourceNat(child, child_path, spec.context(),
                                 *settings.mutable_source_nat());
                 });
    spec.Finish();
  });
}

}  // namespace vswitch
