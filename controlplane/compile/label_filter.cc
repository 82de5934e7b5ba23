// Matching of keys.

#include "controlplane/compile/label_filter.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace vswitch {

LabelFilter LabelFilter::Of(const DesiredState& desired) {
  const auto* settings =
      desired.Find<SwitchSettings>("", std::string(kSettingsName));
  return settings == nullptr ? LabelFilter()
                             : LabelFilter(settings->ignored_pod_labels);
}

bool LabelFilter::Ignores(absl::string_view key) const {
  return std::any_of(ignored_.begin(), ignored_.end(),
                     [key](absl::string_view pattern) {
                       return absl::ConsumeSuffix(&pattern, "*")
                                  ? absl::StartsWith(key, pattern)
                                  : key == pattern;
                     });
}

Labels LabelFilter::Kept(const Labels& labels) const {
  if (ignored_.empty()) return labels;
  Labels kept;
  for (const auto& [key, value] : labels) {
    if (!Ignores(key)) kept.emplace_hint(kept.end(), key, value);
  }
  return kept;
}

}  // namespace vswitch
