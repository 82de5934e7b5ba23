// controlplane/model/policy_annotations.h
//
// The annotations by which a policy of any kind says what its API has no field
// for: whether it acts or only counts, and what its denials do.
//
//   for (const AnnotationFault& fault : FaultsOfPolicyAnnotations(labels)) ...
//   PolicyAttributes attributes = AttributesOf(metadata);
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_MODEL_POLICY_ANNOTATIONS_H_
#define VSWITCH_CONTROLPLANE_MODEL_POLICY_ANNOTATIONS_H_

#include <string>
#include <vector>

#include "controlplane/model/labels.h"
#include "controlplane/model/objects.h"
#include "controlplane/model/policy_objects.h"

namespace vswitch {

// Annotations of a policy that begin with this are the switch's own.
inline constexpr char kOwnAnnotationPrefix[] = "vswitch.dev/";

// What the annotations of `metadata` say; the defaults for those that are
// missing or wrong.
PolicyAttributes AttributesOf(const Metadata& metadata);

struct AnnotationFault {
  std::string key;
  std::string message;  // with what would be right
};

// Returns what is wrong with the switch's own annotations of a policy: unknown
// keys and unknown values, in the order of their keys.
std::vector<AnnotationFault> FaultsOfPolicyAnnotations(
    const Labels& annotations);

// Returns the value as it is written in the annotation.
absl::string_view ToString(PolicyMode mode);
absl::string_view ToString(EstablishedAction action);
absl::string_view ToString(DenyResponse response);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_POLICY_ANNOTATIONS_H_
