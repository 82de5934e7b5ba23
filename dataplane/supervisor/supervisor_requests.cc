// What the children ask for, and what they are told.

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/supervisor/log.h"
#include "dataplane/supervisor/supervisor.h"
#include "dataplane/supervisor/systemd_notify.h"

namespace vswitch {

void Supervisor::HandleSocket(Slot& slot) {
  std::string buffer;
  while (slot.child.has_value()) {
    if (slot.child->HasUnsent() && !slot.child->Flush().ok()) return;
    absl::StatusOr<ReceivedMessage> received =
        ReceiveMessage(slot.child->socket(), buffer);
    if (absl::IsNotFound(received.status())) return;
    if (absl::IsUnavailable(received.status())) {
      // Its death, if it is one, is seen by SIGCHLD.
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, slot.child->socket(), nullptr);
      return;
    }
    if (!received.ok()) {
      Log(absl::StrCat("the ", slot.name, ": ", received.status().message(),
                       "; killing it"));
      kill(slot.child->pid(), SIGKILL);
      return;
    }
    Serve(slot, received->message);
  }
}

void Supervisor::Serve(Slot& slot, const Message& request) {
  std::vector<int> fds;
  absl::StatusOr<std::string> answer = Answer(slot, request, fds);
  Message reply;
  reply.number = request.number;
  reply.code = answer.status().code();
  reply.body =
      answer.ok() ? *std::move(answer) : std::string(answer.status().message());
  SendTo(slot, reply, fds);
  if (request.type == MessageType::kRestartDataplane && answer.ok()) {
    StopSlot(state_.dataplane);
  }
}

absl::StatusOr<std::string> Supervisor::Answer(Slot& slot,
                                               const Message& request,
                                               std::vector<int>& fds) {
  // A child can ask for nothing that is not its business: the dataplane works
  // on packets from outside, and must not be able to enter namespaces.
  if (slot.role == Role::kControlplane) return AnswerControlplane(request);
  return AnswerDataplane(request, fds);
}

absl::StatusOr<std::string> Supervisor::AnswerControlplane(
    const Message& request) {
  switch (request.type) {
    case MessageType::kAttachPort: {
      ASSIGN_OR_RETURN(const AttachPortRequest attach,
                       DecodeAttachPort(request.body));
      RETURN_IF_ERROR(state_.ports.Attach(attach));
      return std::string();
    }
    case MessageType::kDetachPort: {
      ASSIGN_OR_RETURN(const PortEpoch port, DecodePortEpoch(request.body));
      state_.ports.Detach(port);
      return std::string();
    }
    case MessageType::kListPorts:
      return EncodeAttachedPorts(state_.ports.List());
    case MessageType::kGetStatus:
      return EncodeStatus(Status());
    case MessageType::kRestartDataplane:
      if (!state_.dataplane.child.has_value()) {
        return absl::FailedPreconditionError("the dataplane does not run");
      }
      return std::string();
    default:
      return absl::PermissionDeniedError(
          absl::StrCat("message ", static_cast<int>(request.type),
                       " is none of the control plane's"));
  }
}

absl::StatusOr<std::string> Supervisor::AnswerDataplane(const Message& request,
                                                        std::vector<int>& fds) {
  switch (request.type) {
    case MessageType::kGetPortFds: {
      ASSIGN_OR_RETURN(const PortEpoch port, DecodePortEpoch(request.body));
      ASSIGN_OR_RETURN(fds, state_.ports.Fds(port));
      return std::string();
    }
    case MessageType::kReady: {
      ASSIGN_OR_RETURN(const uint64_t incarnation, DecodeNumber(request.body));
      RETURN_IF_ERROR(HandleReady(incarnation));
      return std::string();
    }
    default:
      return absl::PermissionDeniedError(
          absl::StrCat("message ", static_cast<int>(request.type),
                       " is none of the dataplane's"));
  }
}

absl::Status Supervisor::HandleReady(uint64_t incarnation) {
  Slot& slot = state_.dataplane;
  if (incarnation != slot.status.incarnation) {
    return absl::FailedPreconditionError(
        absl::StrCat("Ready of incarnation ", incarnation, ", but ",
                     slot.status.incarnation, " runs"));
  }
  if (slot.ready) return absl::OkStatus();
  if (!slot.was_ready) NotifySystemd("READY=1");
  slot.ready = true;
  slot.was_ready = true;
  if (slot.died_at.has_value()) {
    const std::chrono::duration<double, std::milli> gap =
        Clock::now() - *slot.died_at;
    slot.status.last_gap_ms = gap.count();
    slot.died_at.reset();
    Log(absl::StrCat("the dataplane forwards again after ",
                     slot.status.last_gap_ms, " ms"));
  }
  Notify({.kind = Notice::Kind::kDataplaneReady, .incarnation = incarnation});
  return absl::OkStatus();
}

void Supervisor::SendTo(Slot& slot, const Message& message,
                        const std::vector<int>& fds) {
  if (!slot.child.has_value()) return;
  const absl::Status sent = slot.child->Send(message, fds);
  if (slot.child->HasUnsent()) {
    epoll_event event{
        .events = EPOLLIN | EPOLLOUT | EPOLLET,
        .data = {.u64 = slot.role == Role::kControlplane ? 1u : 2u}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, slot.child->socket(), &event);
  }
  // UNAVAILABLE: it is dying, and SIGCHLD tells.
  if (!absl::IsResourceExhausted(sent)) return;
  Log(absl::StrCat("the ", slot.name, ": ", sent.message(), "; killing it"));
  kill(slot.child->pid(), SIGKILL);
}

void Supervisor::Notify(const Notice& notice) {
  SendTo(state_.controlplane, EncodeNotice(notice), {});
}

// A control plane that starts beside a running dataplane learns of it as if it
// had been there.
void Supervisor::TellControlplaneWhatRuns() {
  const Slot& slot = state_.dataplane;
  if (!slot.child.has_value()) return;
  Notify({.kind = Notice::Kind::kDataplaneStarted,
          .incarnation = slot.status.incarnation});
  if (!slot.ready) return;
  Notify({.kind = Notice::Kind::kDataplaneReady,
          .incarnation = slot.status.incarnation});
}

void Supervisor::ReportGonePorts() {
  for (const PortEpoch& port : state_.ports.TakeGone()) {
    Notify({.kind = Notice::Kind::kPortGone, .port = port});
  }
}

SupervisorStatus Supervisor::Status() const {
  SupervisorStatus status;
  status.pid = getpid();
  const auto seconds_since = [](Clock::time_point time) {
    return std::chrono::duration<double>(Clock::now() - time).count();
  };
  status.uptime_s = seconds_since(created_at_);
  const auto status_of = [&](const Slot& slot) {
    ChildStatus child = slot.status;
    if (child.pid != 0) child.uptime_s = seconds_since(slot.started_at);
    return child;
  };
  status.controlplane = status_of(state_.controlplane);
  status.dataplane = status_of(state_.dataplane);
  status.port_count = state_.ports.size();
  status.table_hugepages = state_.memory.tables.uses_huge_pages();
  status.worker_hugepages = state_.memory.workers.uses_huge_pages();
  return status;
}

}  // namespace vswitch
