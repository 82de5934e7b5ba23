// dataplane/main/port_reconciler.h
//
// PortReconciler: makes the open ports equal to the port table of the current
// generation.  It opens what is new and gives it to every worker, takes what is
// gone from every worker and then closes it, and writes each port's state into
// worker memory, where the control plane reads it.  Adding a port, removing one
// and starting after a crash are the same work.
//
//   reconciler.Reconcile(ports, now_ns);   // every few milliseconds
//
// Opening a port can take long (a device probes its hardware), so `ports` is
// the caller's copy of the table: the caller holds no generation meanwhile.
//
// Main thread only.

#ifndef VSWITCH_DATAPLANE_MAIN_PORT_RECONCILER_H_
#define VSWITCH_DATAPLANE_MAIN_PORT_RECONCILER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/worker/mailbox.h"
#include "nic-drivers/port.h"

namespace vswitch {

// Opens the port that `record` describes.
using PortOpener = std::function<absl::StatusOr<std::unique_ptr<Port>>(
    PortId id, const PortRecord& record)>;

class PortReconciler {
 public:
  // Borrows `mailboxes`, one a worker, and `memory`.
  PortReconciler(PortOpener opener, std::vector<Mailbox*> mailboxes,
                 WorkerMemory& memory);
  ~PortReconciler();

  // Takes one step towards `wanted`, which is indexed by PortId; never waits
  // for a worker.  Returns whether every port of it is open, or failed to open.
  bool Reconcile(std::span<const PortRecord> wanted, uint64_t now_ns);

 private:
  enum class Phase : uint8_t {
    kClosed,
    kAttaching,  // given to the workers; not all answered
    kUp,
    kDetaching,  // taken from the workers; not all answered
    kFailed,     // tried again after kRetryNs
  };
  struct OpenPort {
    Phase phase = Phase::kClosed;
    uint32_t epoch = 0;
    uint32_t answers_due = 0;
    bool refused = false;  // a worker could not attach it
    uint64_t retry_at_ns = 0;
    std::unique_ptr<Port> port;
  };

  void TakeAnswers(uint64_t now_ns);
  void Open(PortId id, const PortRecord& record, uint64_t now_ns);
  void Detach(PortId id);
  void Fail(PortId id, const absl::Status& why, uint64_t now_ns);
  void SendToAll(const PortChange& change, OpenPort& open);

  static constexpr uint64_t kRetryNs = 1'000'000'000;

  const PortOpener opener_;
  const std::vector<Mailbox*> mailboxes_;
  WorkerMemory& memory_;
  std::array<OpenPort, kMaxPorts> ports_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MAIN_PORT_RECONCILER_H_
