// A worker's turn, top to bottom.

#include "dataplane/worker/worker.h"

#include <emmintrin.h>
#include <time.h>

#include <optional>
#include <utility>

#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(
    const WorkerOptions& options, const WorkerEnvironment& environment) {
  ASSIGN_OR_RETURN(std::unique_ptr<Mailbox> mailbox, Mailbox::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<PortPoller> poller,
                   PortPoller::Create(ToInt(options.id), mailbox->fd()));
  return std::unique_ptr<Worker>(
      new Worker(options, environment, std::move(mailbox), std::move(poller)));
}

Worker::Worker(const WorkerOptions& options,
               const WorkerEnvironment& environment,
               std::unique_ptr<Mailbox> mailbox,
               std::unique_ptr<PortPoller> poller)
    : options_(options),
      environment_(environment),
      mailbox_(std::move(mailbox)),
      poller_(std::move(poller)),
      transmitter_(options.id, *poller_, environment.counters,
                   *environment.pool),
      events_(EventsOut(environment.tables->rings(),
                        environment.memory->writable_rings(),
                        ToInt(options.id))),
      pipeline_({.worker = options.id,
                 .connections = environment.connections,
                 .identities = &environment.tables->identities(),
                 .revisions = &environment.tables->revisions(),
                 .counters = environment.counters,
                 .events = &events_,
                 .neighbors = environment.neighbors,
                 .pool = environment.pool,
                 .transmitter = &transmitter_}),
      presence_(&environment.memory->slot(options.id),
                environment.tables->generation(), options.incarnation),
      idle_(options.poll) {}

Worker::~Worker() = default;

void Worker::Run() {
  presence_.GoOnline();
  while (!stop_) {
    const uint64_t now_ns = MonotonicNs();
    if (RunOnce(now_ns) > 0) {
      idle_.Busy();
      continue;
    }
    switch (idle_.Idle()) {
      case IdleStep::kSpin:
        break;
      case IdleStep::kPause:
        for (int i = 0; i < 16; ++i) _mm_pause();
        break;
      case IdleStep::kSleep:
        Sleep();
        break;
    }
  }
  presence_.GoOffline();
}

uint32_t Worker::RunOnce(uint64_t now_ns) {
  if (received_ == 0 || ++turns_since_wait_ >= kTurnsPerWait) {
    turns_since_wait_ = 0;
    if (poller_->Wait(0)) TakeMail();
  }
  RefreshForwardingState();
  received_ = poller_->Visit(
      [&](PortId id, Port& port) { return Receive(id, port, now_ns); });
  KeepHouse(now_ns);
  // Nothing refers to an older generation from here on.
  presence_.Report(state_.generation());
  return received_;
}

// Each packet may have made an entry, and as many may have to go: a turn with
// packets looks at that many and some more, one without at what the time is
// good for.
void Worker::KeepHouse(uint64_t now_ns) {
  if (received_ > 0) {
    pipeline_.Housekeep(state_, now_ns, received_ + kSpareHousekeeping);
  } else if (now_ns - last_housekeeping_ns_ >= kHousekeepingNs) {
    last_housekeeping_ns_ = now_ns;
    pipeline_.Housekeep(state_, now_ns);
  }
}

void Worker::TakeMail() {
  while (std::optional<PortChange> change = mailbox_->Take()) {
    switch (change->kind) {
      case PortChange::Kind::kAttach:
        if (!poller_->Attach(change->id, *change->port).ok()) {
          change->port = nullptr;  // tells the main thread
        }
        break;
      case PortChange::Kind::kDetach:
        poller_->Detach(change->id);
        break;
      case PortChange::Kind::kStop:
        stop_ = true;
        break;
    }
    mailbox_->Answer(*change);
  }
}

void Worker::RefreshForwardingState() {
  const Generation current = presence_.Current();
  if (current == state_.generation() || current == 0) return;
  absl::StatusOr<GenerationRoot> root = environment_.tables->Root(current);
  // A root that a later publish took away: the next turn reads that one.
  if (!root.ok()) return;
  absl::StatusOr<ForwardingState> opened = ForwardingState::Open(
      current, root->First<kBlobKindCount>(), root->pieces);
  // A damaged generation is never reported, so it never counts as enforced;
  // the one before goes on.
  if (opened.ok()) state_ = *std::move(opened);
}

uint32_t Worker::Receive(PortId id, Port& port, uint64_t now_ns) {
  const uint16_t queue = ToInt(options_.id);
  const uint16_t count = port.RxBurst(queue, burst_);
  CountDriverDrops(id, port);
  if (count == 0) return 0;
  pipeline_.Run(state_, id, {burst_.data(), count}, now_ns);
  return count;
}

void Worker::CountDriverDrops(PortId id, Port& port) {
  const PortDrops drops = port.TakeDrops(ToInt(options_.id));
  const uint64_t total =
      drops.rx_too_long + drops.rx_no_mbuf + drops.rx_vnet_header;
  if (total == 0) return;
  PortCounters& counters = environment_.counters.port(options_.id, id);
  counters.rx_packets.Add(total);
  counters.drops[ToIndex(DropReason::kRxTooLong)].Add(drops.rx_too_long);
  counters.drops[ToIndex(DropReason::kRxNoMbuf)].Add(drops.rx_no_mbuf);
  counters.drops[ToIndex(DropReason::kRxVnetHeader)].Add(drops.rx_vnet_header);
}

void Worker::Sleep() {
  presence_.GoOffline();
  const bool is_short = poller_->HasPolledPorts() ||
                        pipeline_.HousekeepingIsDue(last_housekeeping_ns_);
  const bool mail = poller_->Wait(is_short ? kShortSleepMs : kSleepMs);
  // Offline, the tables in use may have been freed: after this, RunOnce()
  // opens the current ones before it touches a packet.
  if (presence_.GoOnline() != state_.generation()) state_ = ForwardingState();
  if (mail) TakeMail();
}

}  // namespace vswitch
