// dataplane/supervisor/client.h
//
// SupervisorClient: a child's end of the socket to the supervisor.  Used by the
// control plane (ports, status) and by the dataplane (descriptors, ready).
//
//   ASSIGN_OR_RETURN(auto supervisor, SupervisorClient::Create(
//       kSupervisorFd, [&](const Notice& notice) { ... }));
//   RETURN_IF_ERROR(supervisor->AttachPort(request));
//
// An error of the supervisor comes back with its code and text ("namespace
// /run/netns/x does not exist").  When the supervisor is gone every call
// returns UNAVAILABLE, and the handler gets kSupervisorGone once.
//
// Thread rule: thread-safe.  A thread of the client's own receives; it calls
// the notice handler, which must not call the client.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_CLIENT_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/supervisor/protocol.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

class SupervisorClient {
 public:
  using NoticeHandler = std::function<void(const Notice&)>;

  // Takes over `fd`, a SOCK_SEQPACKET socket.  `handler` may be empty.  A call
  // that is not answered within `timeout_ms` returns DEADLINE_EXCEEDED.
  static absl::StatusOr<std::unique_ptr<SupervisorClient>> Create(
      int fd, NoticeHandler handler, int timeout_ms = 10'000);
  virtual ~SupervisorClient() = default;

  // --- control plane ---
  // Makes the TAP of `request` if (name, epoch) does not exist yet.
  virtual absl::Status AttachPort(const AttachPortRequest& request) = 0;
  // Removes the TAP; OK also when there is none.
  virtual absl::Status DetachPort(PortId port, uint32_t epoch) = 0;
  // Returns the TAPs that the supervisor holds: a restarted control plane
  // detaches those that it does not know.
  virtual absl::StatusOr<std::vector<AttachedPort>> ListPorts() = 0;
  virtual absl::StatusOr<SupervisorStatus> GetStatus() = 0;
  // Stops the dataplane, which is then started again; returns at once.
  virtual absl::Status RestartDataplane() = 0;

  // --- dataplane ---
  // Returns duplicates of the TAP's descriptors, one a queue.
  virtual absl::StatusOr<std::vector<UniqueFd>> GetPortFds(PortId port,
                                                           uint32_t epoch) = 0;
  // Says that the ports of the published generation are open and every worker
  // polls them; ends the gap of a restart.
  virtual absl::Status ReportReady(uint64_t incarnation) = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_CLIENT_H_
