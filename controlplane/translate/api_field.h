// controlplane/translate/api_field.h
//
// ApiField(): the compiler names fields as users write them in YAML, as
// Kubernetes and Cilium do; clients of the API are told in its own spelling.
//
//   ApiField(ObjectKind::kNetworkPolicy, "spec.ingress[0].ports[1].endPort")
//       == "network_policy.ingress[0].ports[1].end_port"
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_API_FIELD_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_API_FIELD_H_

#include <string>

#include "absl/strings/string_view.h"
#include "controlplane/model/objects.h"

namespace vswitch {

// Returns the path of the field in a v1.Resource that `field` of an object of
// this kind comes from.  Where YAML has a level that the API has not, the path
// ends at what is around it.  What does not begin with `spec` or `status` is
// returned as it is.
std::string ApiField(ObjectKind kind, absl::string_view field);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_API_FIELD_H_
