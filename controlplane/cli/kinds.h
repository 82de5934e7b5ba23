// controlplane/cli/kinds.h
//
// The kinds of resources as a user names them: "Pod" in YAML, "pod", "pods" or
// "po" on the command line, and the API's number and field for each.
//
//   const KindInfo* kind = KindByCommandName("networkpolicies");
//
// Immutable: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_KINDS_H_
#define VSWITCH_CONTROLPLANE_CLI_KINDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

struct KindInfo {
  v1::ResourceKind kind;
  v1::Resource::SpecCase spec_case;
  absl::string_view name;         // "NetworkPolicy"
  absl::string_view api_version;  // "networking.k8s.io/v1"
  // Singular, plural, short; lower case.
  absl::string_view command_names[3];
  bool namespaced;
};

absl::Span<const KindInfo> AllKinds();
// Each returns nullptr if there is no such kind.
const KindInfo* KindByName(absl::string_view name);
const KindInfo* KindByCommandName(absl::string_view name);
const KindInfo* KindOf(v1::ResourceKind kind);
const KindInfo* KindOf(const v1::Resource& resource);

// Returns the key of `resource`.
v1::ResourceKey KeyOf(const v1::Resource& resource);
// Returns "NetworkPolicy demo/web" or "Node n1".
std::string KeyText(const v1::ResourceKey& key);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_KINDS_H_
