// Opens and closes ports as the generation's port table says.

#include "dataplane/main/port_reconciler.h"

#include <errno.h>

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// The errno that says best what `status` says.
uint16_t ErrnoOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return ENOENT;
    case absl::StatusCode::kInvalidArgument:
      return EINVAL;
    case absl::StatusCode::kResourceExhausted:
      return ENOMEM;
    case absl::StatusCode::kPermissionDenied:
      return EACCES;
    case absl::StatusCode::kUnavailable:
      return EAGAIN;
    default:
      return EIO;
  }
}

}  // namespace

PortReconciler::PortReconciler(PortOpener opener,
                               std::vector<Mailbox*> mailboxes,
                               WorkerMemory& memory)
    : opener_(std::move(opener)),
      mailboxes_(std::move(mailboxes)),
      memory_(memory) {}

PortReconciler::~PortReconciler() = default;

bool PortReconciler::Reconcile(std::span<const PortRecord> wanted_ports,
                               uint64_t now_ns) {
  TakeAnswers(now_ns);
  bool settled = true;
  for (uint32_t i = 0; i < kMaxPorts; ++i) {
    const PortId id{static_cast<uint16_t>(i)};
    const PortRecord* wanted =
        i < wanted_ports.size() && wanted_ports[i].kind != PortKind::kNone
            ? &wanted_ports[i]
            : nullptr;
    OpenPort& open = ports_[i];
    const bool same = wanted != nullptr && wanted->epoch == open.epoch;
    switch (open.phase) {
      case Phase::kClosed:
        if (wanted != nullptr) Open(id, *wanted, now_ns);
        break;
      case Phase::kFailed:
        if (wanted == nullptr) {
          open = OpenPort();
          memory_.SetPortStatus(id, {});
        } else if (!same || now_ns >= open.retry_at_ns) {
          Open(id, *wanted, now_ns);
        }
        break;
      case Phase::kUp:
        if (!same) Detach(id);
        break;
      case Phase::kAttaching:
      case Phase::kDetaching:
        break;
    }
    if (wanted != nullptr &&
        !(same && (open.phase == Phase::kUp || open.phase == Phase::kFailed))) {
      settled = false;
    }
  }
  return settled;
}

void PortReconciler::TakeAnswers(uint64_t now_ns) {
  for (Mailbox* mailbox : mailboxes_) {
    while (std::optional<PortChange> answer = mailbox->TakeAnswer()) {
      if (answer->kind == PortChange::Kind::kStop) continue;
      OpenPort& open = ports_[ToInt(answer->id)];
      if (answer->port == nullptr &&
          answer->kind == PortChange::Kind::kAttach) {
        open.refused = true;
      }
      if (--open.answers_due > 0) continue;
      if (open.phase == Phase::kAttaching && !open.refused) {
        open.phase = Phase::kUp;
        memory_.SetPortStatus(answer->id, {open.epoch, PortState::kUp, 0});
      } else if (open.phase == Phase::kAttaching) {
        Detach(answer->id);
      } else {
        // No worker refers to it any more.
        const bool refused = open.refused;
        const uint32_t epoch = open.epoch;
        open = OpenPort();
        memory_.SetPortStatus(answer->id, {});
        if (refused) {
          ports_[ToInt(answer->id)].epoch = epoch;
          Fail(answer->id,
               absl::InternalError("a worker could not poll the port"), now_ns);
        }
      }
    }
  }
}

void PortReconciler::Open(PortId id, const PortRecord& record,
                          uint64_t now_ns) {
  OpenPort& open = ports_[ToInt(id)];
  open = OpenPort();
  open.epoch = record.epoch;
  memory_.SetPortStatus(id, {record.epoch, PortState::kOpening, 0});
  absl::StatusOr<std::unique_ptr<Port>> port = opener_(id, record);
  if (!port.ok()) {
    Fail(id, port.status(), now_ns);
    return;
  }
  open.port = *std::move(port);
  open.phase = Phase::kAttaching;
  SendToAll({.kind = PortChange::Kind::kAttach,
             .id = id,
             .epoch = open.epoch,
             .port = open.port.get()},
            open);
}

void PortReconciler::Detach(PortId id) {
  OpenPort& open = ports_[ToInt(id)];
  open.phase = Phase::kDetaching;
  SendToAll({.kind = PortChange::Kind::kDetach,
             .id = id,
             .epoch = open.epoch,
             .port = open.port.get()},
            open);
}

void PortReconciler::Fail(PortId id, const absl::Status& why, uint64_t now_ns) {
  OpenPort& open = ports_[ToInt(id)];
  open.phase = Phase::kFailed;
  open.retry_at_ns = now_ns + kRetryNs;
  // Once per attempt: the reason in words stands in the log only.
  std::cerr << "vswitch-dataplane: port " << ToInt(id) << ": " << why << "\n";
  memory_.SetPortStatus(id, {open.epoch, PortState::kFailed, ErrnoOf(why)});
}

void PortReconciler::SendToAll(const PortChange& change, OpenPort& open) {
  open.answers_due = 0;
  for (Mailbox* mailbox : mailboxes_) {
    // A pipe holds 64 KiB: all changes that can be under way, kMaxPorts of
    // them, fit.
    if (mailbox->Send(change).ok()) ++open.answers_due;
  }
}

}  // namespace vswitch
