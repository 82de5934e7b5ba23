// controlplane/compile/label_filter.h
//
// LabelFilter: which labels of pods make their security identities.
//
// All do, but those that the Settings ignore: labels that differ from pod to
// pod or from rollout to rollout ("pod-template-hash") would give every pod and
// every rollout an identity of its own.  A policy that selects by such a label
// is refused, because nothing could ever match it.
//
//   LabelFilter filter = LabelFilter::Of(desired);
//   identity.labels = filter.Kept(pod_labels);
//
// A value.  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_LABEL_FILTER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_LABEL_FILTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

class LabelFilter {
 public:
  // Ignores nothing.
  LabelFilter() = default;
  // `ignored` are keys, or beginnings of keys with a '*' behind.
  explicit LabelFilter(std::vector<std::string> ignored)
      : ignored_(std::move(ignored)) {}
  // Returns that of the Settings.
  static LabelFilter Of(const DesiredState& desired);

  bool Ignores(absl::string_view key) const;
  Labels Kept(const Labels& labels) const;

  // Whether nothing is ignored.
  bool empty() const { return ignored_.empty(); }

  friend bool operator==(const LabelFilter&, const LabelFilter&) = default;

 private:
  std::vector<std::string> ignored_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_LABEL_FILTER_H_
