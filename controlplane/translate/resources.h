// controlplane/translate/resources.h
//
// Resources between the API's messages and the model.
//
// ToModel() finds every error that can be found in one resource alone: unknown
// fields and enumerators, malformed names, labels, addresses and numbers,
// fields that exclude each other.  It reports all of them together, each with
// its field, as INVALID_ARGUMENT.  It also fills in Kubernetes' defaults, so
// that the model has none left.
//
//   ASSIGN_OR_RETURN(Object object, ToModel(resource));
//   v1::Resource same = ToProto(object);
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_RESOURCES_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_RESOURCES_H_

#include "absl/status/statusor.h"
#include "controlplane/model/desired_state.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

absl::StatusOr<Object> ToModel(const v1::Resource& resource);
absl::StatusOr<ObjectKey> ToModel(const v1::ResourceKey& key);
absl::StatusOr<LabelSelector> ToModel(const v1::LabelSelector& selector);

v1::Resource ToProto(const Object& object);
v1::ResourceKey ToProto(const ObjectKey& key);

// Returns the model's kind, or nullopt for UNSPECIFIED and unknown numbers.
std::optional<ObjectKind> ToModel(v1::ResourceKind kind);
v1::ResourceKind ToProto(ObjectKind kind);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_RESOURCES_H_
