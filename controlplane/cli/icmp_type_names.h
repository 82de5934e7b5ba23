// controlplane/cli/icmp_type_names.h
//
// The names that Cilium's policies give to ICMP and ICMPv6 types (IANA's, in
// camel case).
//
//   IcmpTypeByName(/*ipv6=*/true, "EchoRequest")  // 128
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_ICMP_TYPE_NAMES_H_
#define VSWITCH_CONTROLPLANE_CLI_ICMP_TYPE_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace vswitch {

// Returns the type of that name, or nullopt.
std::optional<uint8_t> IcmpTypeByName(bool ipv6, absl::string_view name);
// Returns every name, joined by commas.
std::string IcmpTypeNames(bool ipv6);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_ICMP_TYPE_NAMES_H_
