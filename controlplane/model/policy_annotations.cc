// Annotations of policies: their keys, values and meaning.

#include "controlplane/model/policy_annotations.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace vswitch {
namespace {

// In the order of the enumerators.
constexpr absl::string_view kModes[] = {"enforce", "shadow"};
constexpr absl::string_view kEstablishedActions[] = {"keep", "re-evaluate",
                                                     "reset"};
constexpr absl::string_view kDenyResponses[] = {"silent", "reset", "icmp"};

struct AnnotationKey {
  absl::string_view key;
  absl::Span<const absl::string_view> values;
};
constexpr AnnotationKey kKeys[] = {
    {kModeAnnotation, kModes},
    {kEstablishedAnnotation, kEstablishedActions},
    {kDenyResponseAnnotation, kDenyResponses},
};

// Sets `result` to the enumerator that the annotation names, if it is there.
template <typename Enum>
void Read(const Labels& annotations, const char* key,
          absl::Span<const absl::string_view> values, Enum& result) {
  auto found = annotations.find(key);
  if (found == annotations.end()) return;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == found->second) result = static_cast<Enum>(i);
  }
}

// Returns what is wrong with one annotation of ours, if anything is.
std::optional<std::string> FaultOf(absl::string_view key,
                                   absl::string_view value) {
  for (const AnnotationKey& known : kKeys) {
    if (known.key != key) continue;
    for (absl::string_view each : known.values) {
      if (each == value) return std::nullopt;
    }
    return absl::StrCat("\"", value.substr(0, 64), "\" is unknown; want ",
                        absl::StrJoin(known.values, ", "));
  }
  return absl::StrCat(
      "no such annotation of a policy; want ",
      absl::StrJoin(kKeys, ", ", [](std::string* out, const auto& known) {
        absl::StrAppend(out, known.key);
      }));
}

}  // namespace

PolicyAttributes AttributesOf(const Metadata& metadata) {
  PolicyAttributes result;
  const Labels& annotations = metadata.annotations;
  Read(annotations, kModeAnnotation, kModes, result.mode);
  Read(annotations, kEstablishedAnnotation, kEstablishedActions,
       result.established);
  Read(annotations, kDenyResponseAnnotation, kDenyResponses,
       result.deny_response);
  return result;
}

std::vector<AnnotationFault> FaultsOfPolicyAnnotations(
    const Labels& annotations) {
  std::vector<AnnotationFault> faults;
  for (const auto& [key, value] : annotations) {
    if (!absl::StartsWith(key, kOwnAnnotationPrefix)) continue;
    if (std::optional<std::string> message = FaultOf(key, value)) {
      faults.push_back({key, *std::move(message)});
    }
  }
  return faults;
}

absl::string_view ToString(PolicyMode mode) {
  return kModes[static_cast<size_t>(mode)];
}

absl::string_view ToString(EstablishedAction action) {
  return kEstablishedActions[static_cast<size_t>(action)];
}

absl::string_view ToString(DenyResponse response) {
  return kDenyResponses[static_cast<size_t>(response)];
}

}  // namespace vswitch
