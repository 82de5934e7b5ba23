// controlplane/model/labels.h
//
// Labels and LabelSelector, with the meaning that Kubernetes gives them: a
// selector without requirements matches everything; NotIn and DoesNotExist
// match objects that lack the key.  matchLabels {k: v} is kept as the
// requirement `k In (v)`.
//
//   LabelSelector selector = LabelSelector::FromLabels({{"role", "frontend"}});
//   if (selector.Matches(pod.labels)) ...
//
// Plain values: any thread.

#ifndef VSWITCH_CONTROLPLANE_MODEL_LABELS_H_
#define VSWITCH_CONTROLPLANE_MODEL_LABELS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vswitch {

using Labels = std::map<std::string, std::string>;

enum class SelectorOperator : uint8_t { kIn, kNotIn, kExists, kDoesNotExist };

struct LabelRequirement {
  std::string key;
  SelectorOperator op = SelectorOperator::kIn;
  std::vector<std::string> values;  // empty for kExists and kDoesNotExist

  bool Matches(const Labels& labels) const;
  // Returns "role=frontend", "role in (a,b)", "role notin (a)", "role" or
  // "!role", as kubectl writes it.
  std::string ToString() const;
  friend bool operator==(const LabelRequirement&,
                         const LabelRequirement&) = default;
};

struct LabelSelector {
  std::vector<LabelRequirement> requirements;  // all must match

  static LabelSelector FromLabels(const Labels& labels);
  bool Matches(const Labels& labels) const;
  // Returns the requirements joined by commas; "everything" when there are
  // none.
  std::string ToString() const;
  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_LABELS_H_
