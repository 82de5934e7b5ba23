// Label selectors, after k8s.io/apimachinery/pkg/apis/meta/v1 LabelSelector.

#include "controlplane/model/labels.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vswitch {

bool LabelRequirement::Matches(const Labels& labels) const {
  auto found = labels.find(key);
  bool has_key = found != labels.end();
  bool has_value = has_key && std::find(values.begin(), values.end(),
                                        found->second) != values.end();
  switch (op) {
    case SelectorOperator::kIn:
      return has_value;
    case SelectorOperator::kNotIn:
      return !has_value;
    case SelectorOperator::kExists:
      return has_key;
    case SelectorOperator::kDoesNotExist:
      return !has_key;
  }
  return false;
}

std::string LabelRequirement::ToString() const {
  switch (op) {
    case SelectorOperator::kIn:
      if (values.size() == 1) return absl::StrCat(key, "=", values[0]);
      return absl::StrCat(key, " in (", absl::StrJoin(values, ","), ")");
    case SelectorOperator::kNotIn:
      if (values.size() == 1) return absl::StrCat(key, "!=", values[0]);
      return absl::StrCat(key, " notin (", absl::StrJoin(values, ","), ")");
    case SelectorOperator::kExists:
      return key;
    case SelectorOperator::kDoesNotExist:
      return absl::StrCat("!", key);
  }
  return key;
}

LabelSelector LabelSelector::FromLabels(const Labels& labels) {
  LabelSelector selector;
  for (const auto& [key, value] : labels) {
    selector.requirements.push_back(
        {.key = key, .op = SelectorOperator::kIn, .values = {value}});
  }
  return selector;
}

bool LabelSelector::Matches(const Labels& labels) const {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const LabelRequirement& requirement) {
                       return requirement.Matches(labels);
                     });
}

std::string LabelSelector::ToString() const {
  if (requirements.empty()) return "everything";
  return absl::StrJoin(requirements, ",",
                       [](std::string* out, const LabelRequirement& value) {
                         out->append(value.ToString());
                       });
}

}  // namespace vswitch
