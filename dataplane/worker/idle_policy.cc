// The steps by which an idle worker gives its core back.

#include "dataplane/worker/idle_policy.h"

namespace vswitch {

std::optional<PollMode> ParsePollMode(absl::string_view text) {
  for (PollMode mode :
       {PollMode::kAdaptive, PollMode::kBusy, PollMode::kInterrupt}) {
    if (text == PollModeName(mode)) return mode;
  }
  return std::nullopt;
}

absl::string_view PollModeName(PollMode mode) {
  switch (mode) {
    case PollMode::kAdaptive:
      return "adaptive";
    case PollMode::kBusy:
      return "busy";
    case PollMode::kInterrupt:
      return "interrupt";
  }
  return "adaptive";
}

IdleStep IdlePolicy::Idle() {
  if (mode_ == PollMode::kBusy) return IdleStep::kSpin;
  if (mode_ == PollMode::kInterrupt) return IdleStep::kSleep;
  if (idle_turns_ >= kSpinTurns + kPauseTurns) return IdleStep::kSleep;
  ++idle_turns_;
  return idle_turns_ <= kSpinTurns ? IdleStep::kSpin : IdleStep::kPause;
}

}  // namespace vswitch
