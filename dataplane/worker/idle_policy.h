// dataplane/worker/idle_policy.h
//
// IdlePolicy: what a worker does in a turn that found no packet.  It steps down
// as idle turns follow one another: look again at once, pause the core for a
// moment, then sleep until a port's descriptor becomes readable.  One packet
// brings it back to the top.
//
//   IdlePolicy idle(PollMode::kAdaptive);
//   if (RunOnce() > 0) idle.Busy(); else switch (idle.Idle()) ...
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_WORKER_IDLE_POLICY_H_
#define VSWITCH_DATAPLANE_WORKER_IDLE_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace vswitch {

enum class PollMode : uint8_t {
  kAdaptive,   // spin, pause, then sleep on the ports' descriptors
  kBusy,       // never sleep
  kInterrupt,  // sleep as soon as nothing is there
};

// Returns the mode spelled `text` ("adaptive", "busy", "interrupt").
std::optional<PollMode> ParsePollMode(absl::string_view text);
absl::string_view PollModeName(PollMode mode);

enum class IdleStep : uint8_t { kSpin, kPause, kSleep };

class IdlePolicy {
 public:
  explicit IdlePolicy(PollMode mode) : mode_(mode) {}

  // Records a turn that moved a packet.
  void Busy() { idle_turns_ = 0; }

  // Records a turn that moved none; returns what to do before the next one.
  IdleStep Idle();

 private:
  // A turn over idle descriptors is one epoll_wait(0), 0.2 to 0.5 us: the spin
  // covers the gap between two packets of an active flow, the pauses that
  // between two requests of an interactive one.
  static constexpr uint32_t kSpinTurns = 64;
  static constexpr uint32_t kPauseTurns = 192;

  PollMode mode_;
  uint32_t idle_turns_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_IDLE_POLICY_H_
