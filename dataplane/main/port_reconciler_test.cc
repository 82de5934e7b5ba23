// Ports follow the table.  The ports are fake, the mailboxes are real, and the
// test is every worker: it takes the changes and answers them.

#include "dataplane/main/port_reconciler.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/memory/segment.h"
#include "nic-drivers/fake/fake_port.h"
#include "test/testing/fake_packet_pool.h"

namespace vswitch {
namespace {

using Kind = PortChange::Kind;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 50 * kSecond;
constexpr PortId kFirst{0};
constexpr PortId kThird{2};

const WorkerMemoryOptions kMemory{
    .counter_bytes = 64, .connection_bytes = 64, .secret = {{1, 2}}};

// A port that is there, in its `epoch`th use.
PortRecord Wanted(uint32_t epoch, PortKind kind = PortKind::kPod) {
  PortRecord record{};
  record.epoch = epoch;
  record.kind = kind;
  return record;
}

// The PortStatus of an open port, of one being opened, and of a failed one.
PortStatus Up(uint32_t epoch) { return {epoch, PortState::kUp, 0}; }
PortStatus Opening(uint32_t epoch) { return {epoch, PortState::kOpening, 0}; }
PortStatus Failed(uint32_t epoch, uint16_t error) {
  return {epoch, PortState::kFailed, error};
}

class PortReconcilerTest : public testing::Test {
 protected:
  PortReconcilerTest() {
    EXPECT_TRUE(WorkerMemory::Format(segment_.writable(), kMemory).ok());
    memory_ = *WorkerMemory::Attach(segment_.writable());
    EXPECT_TRUE(memory_.Begin(1).ok());
  }

  // The opener: a fake port, or refusal_.  Each port holds one packet, which it
  // gives back when it is closed: the pool knows how many ports are open.
  absl::StatusOr<std::unique_ptr<Port>> Open(PortId id,
                                             const PortRecord& record) {
    opened_.emplace_back(id, record.epoch);
    if (!refusal_.ok()) return refusal_;
    auto port = std::make_unique<FakePort>(PortInfo{}, pool_);
    port->Inject(pool_.Make(std::vector<uint8_t>(64)));
    return port;
  }
  size_t OpenCount() const { return pool_.LiveCount(); }

  // The changes that wait for worker `worker`.
  std::vector<PortChange> TakeAll(int worker) {
    std::vector<PortChange> changes;
    while (std::optional<PortChange> change = mailboxes_[worker]->Take()) {
      changes.push_back(*change);
    }
    return changes;
  }
  // Carries out what waits for worker `worker`; expects that it is one change.
  PortChange Answer(int worker, Kind kind, PortId id) {
    const std::vector<PortChange> changes = TakeAll(worker);
    EXPECT_EQ(changes.size(), 1u);
    if (changes.empty()) return {};
    EXPECT_EQ(changes[0].kind, kind);
    EXPECT_EQ(changes[0].id, id);
    mailboxes_[worker]->Answer(changes[0]);
    return changes[0];
  }
  void AnswerBoth(Kind kind, PortId id) {
    for (int worker : {0, 1}) Answer(worker, kind, id);
  }
  // Worker `worker` says that it cannot poll the port that waits for it.
  void Refuse(int worker) {
    std::vector<PortChange> changes = TakeAll(worker);
    ASSERT_EQ(changes.size(), 1u);
    changes[0].port = nullptr;
    mailboxes_[worker]->Answer(changes[0]);
  }
  void ExpectSilence() {
    for (int worker : {0, 1}) EXPECT_TRUE(TakeAll(worker).empty());
  }

  bool Reconcile(const std::vector<PortRecord>& wanted, uint64_t now = kStart) {
    return reconciler_->Reconcile(wanted, now);
  }
  // Opens port 0 in epoch 1.
  void OpenFirst() {
    Reconcile({Wanted(1)});
    AnswerBoth(Kind::kAttach, kFirst);
    ASSERT_TRUE(Reconcile({Wanted(1)}));
  }

  FakePacketPool pool_;
  Segment segment_ = *Segment::Create(
      "vswitch-test", WorkerMemory::BytesFor(kMemory), HugePages::kOff);
  WorkerMemory memory_;
  std::unique_ptr<Mailbox> mailboxes_[2] = {*Mailbox::Create(),
                                            *Mailbox::Create()};
  absl::Status refusal_;
  std::vector<std::pair<PortId, uint32_t>> opened_;  // in order, with epochs
  std::unique_ptr<PortReconciler> reconciler_ =
      std::make_unique<PortReconciler>(
          [this](PortId id, const PortRecord& record) {
            return Open(id, record);
          },
          std::vector<Mailbox*>{mailboxes_[0].get(), mailboxes_[1].get()},
          memory_);
};

TEST_F(PortReconcilerTest, EmptyTableIsSettled) {
  EXPECT_TRUE(Reconcile({}));
  EXPECT_TRUE(Reconcile({Wanted(7, PortKind::kNone)}));
  EXPECT_TRUE(opened_.empty());
  EXPECT_EQ(memory_.port_status(kFirst), PortStatus());
  ExpectSilence();
}

TEST_F(PortReconcilerTest, PortIsUpWhenEveryWorkerHasIt) {
  EXPECT_FALSE(Reconcile({Wanted(4)}));
  EXPECT_EQ(memory_.port_status(kFirst), Opening(4));
  const PortChange first = Answer(0, Kind::kAttach, kFirst);
  EXPECT_EQ(first.epoch, 4u);
  EXPECT_NE(first.port, nullptr);
  EXPECT_FALSE(Reconcile({Wanted(4)}));
  EXPECT_EQ(memory_.port_status(kFirst), Opening(4));
  const PortChange second = Answer(1, Kind::kAttach, kFirst);
  EXPECT_EQ(second.port, first.port);
  EXPECT_TRUE(Reconcile({Wanted(4)}));
  EXPECT_EQ(memory_.port_status(kFirst), Up(4));
}

TEST_F(PortReconcilerTest, FreeSlotsOfTheTableStayClosed) {
  const std::vector<PortRecord> wanted = {Wanted(1, PortKind::kHost),
                                          Wanted(9, PortKind::kNone),
                                          Wanted(2, PortKind::kUplink)};
  EXPECT_FALSE(Reconcile(wanted));
  for (int worker : {0, 1}) {
    const std::vector<PortChange> changes = TakeAll(worker);
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].id, kFirst);
    EXPECT_EQ(changes[1].id, kThird);
    // One answered port of two is not all.
    mailboxes_[worker]->Answer(changes[1]);
    EXPECT_FALSE(Reconcile(wanted));
    mailboxes_[worker]->Answer(changes[0]);
  }
  EXPECT_TRUE(Reconcile(wanted));
  EXPECT_EQ(memory_.port_status(kFirst), Up(1));
  EXPECT_EQ(memory_.port_status(PortId{1}), PortStatus());
  EXPECT_EQ(memory_.port_status(kThird), Up(2));
}

TEST_F(PortReconcilerTest, NothingIsOpenedTwice) {
  for (int i = 0; i < 3; ++i) Reconcile({Wanted(1)});
  AnswerBoth(Kind::kAttach, kFirst);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(Reconcile({Wanted(1)}, kStart + i * 10 * kSecond));
  }
  EXPECT_EQ(opened_.size(), 1u);
  EXPECT_EQ(OpenCount(), 1u);
  ExpectSilence();
}

TEST_F(PortReconcilerTest, RemovedPortIsClosedWhenEveryWorkerLetGo) {
  OpenFirst();
  // Nothing more is wanted: that is settled, whoever still lets go.
  EXPECT_TRUE(Reconcile({}));
  Answer(0, Kind::kDetach, kFirst);
  EXPECT_TRUE(Reconcile({}));
  EXPECT_EQ(OpenCount(), 1u);
  EXPECT_EQ(memory_.port_status(kFirst), Up(1));
  Answer(1, Kind::kDetach, kFirst);
  EXPECT_TRUE(Reconcile({}));
  EXPECT_EQ(OpenCount(), 0u);
  EXPECT_EQ(memory_.port_status(kFirst), PortStatus());
  ExpectSilence();
}

TEST_F(PortReconcilerTest, RemovedSlotIsAsGoodAsAShorterTable) {
  OpenFirst();
  Reconcile({Wanted(1, PortKind::kNone)});
  AnswerBoth(Kind::kDetach, kFirst);
  Reconcile({Wanted(1, PortKind::kNone)});
  EXPECT_EQ(OpenCount(), 0u);
}

TEST_F(PortReconcilerTest, NextEpochIsOpenedAfterTheLastIsClosed) {
  OpenFirst();
  EXPECT_FALSE(Reconcile({Wanted(2)}));
  Answer(0, Kind::kDetach, kFirst);
  EXPECT_FALSE(Reconcile({Wanted(2)}));
  EXPECT_EQ(opened_.size(), 1u);
  EXPECT_EQ(OpenCount(), 1u);
  Answer(1, Kind::kDetach, kFirst);
  EXPECT_FALSE(Reconcile({Wanted(2)}));
  ASSERT_EQ(opened_.size(), 2u);
  EXPECT_EQ(opened_[1], std::make_pair(kFirst, 2u));
  EXPECT_EQ(OpenCount(), 1u);  // one, not two
  EXPECT_EQ(memory_.port_status(kFirst), Opening(2));
  AnswerBoth(Kind::kAttach, kFirst);
  EXPECT_TRUE(Reconcile({Wanted(2)}));
  EXPECT_EQ(memory_.port_status(kFirst), Up(2));
}

TEST_F(PortReconcilerTest, PortThatGoesWhileItIsAttachedIsDetachedAfterwards) {
  Reconcile({Wanted(1)});
  EXPECT_TRUE(Reconcile({}));
  AnswerBoth(Kind::kAttach, kFirst);
  Reconcile({});
  AnswerBoth(Kind::kDetach, kFirst);
  EXPECT_TRUE(Reconcile({}));
  EXPECT_EQ(OpenCount(), 0u);
  EXPECT_EQ(memory_.port_status(kFirst), PortStatus());
}

TEST_F(PortReconcilerTest, FailureIsReportedByErrno) {
  const std::pair<absl::Status, uint16_t> kCases[] = {
      {absl::NotFoundError("no such device"), ENOENT},
      {absl::InvalidArgumentError("bad devargs"), EINVAL},
      {absl::ResourceExhaustedError("no memory"), ENOMEM},
      {absl::PermissionDeniedError("not ours"), EACCES},
      {absl::UnavailableError("later"), EAGAIN},
      {absl::InternalError("who knows"), EIO}};
  uint32_t epoch = 0;
  for (const auto& [refusal, error] : kCases) {
    refusal_ = refusal;
    ++epoch;  // another use of the port: tried at once
    Reconcile({Wanted(epoch)});
    EXPECT_EQ(memory_.port_status(kFirst), Failed(epoch, error)) << refusal;
    EXPECT_TRUE(Reconcile({Wanted(epoch)}));  // failed is settled
  }
  EXPECT_EQ(opened_.size(), std::size(kCases));
  ExpectSilence();
}

TEST_F(PortReconcilerTest, FailedPortIsTriedAgainAfterASecond) {
  refusal_ = absl::NotFoundError("no such device");
  Reconcile({Wanted(1)});
  Reconcile({Wanted(1)}, kStart + kSecond - 1);
  EXPECT_EQ(opened_.size(), 1u);
  Reconcile({Wanted(1)}, kStart + kSecond);
  EXPECT_EQ(opened_.size(), 2u);
  // A second after the second attempt, that is.
  Reconcile({Wanted(1)}, kStart + 2 * kSecond - 1);
  EXPECT_EQ(opened_.size(), 2u);
  refusal_ = absl::OkStatus();
  EXPECT_FALSE(Reconcile({Wanted(1)}, kStart + 2 * kSecond));
  EXPECT_EQ(memory_.port_status(kFirst), Opening(1));
  AnswerBoth(Kind::kAttach, kFirst);
  EXPECT_TRUE(Reconcile({Wanted(1)}, kStart + 2 * kSecond));
  EXPECT_EQ(memory_.port_status(kFirst), Up(1));
  EXPECT_EQ(opened_.size(), 3u);
}

TEST_F(PortReconcilerTest, FailedPortThatGoesIsForgotten) {
  refusal_ = absl::NotFoundError("no such device");
  Reconcile({Wanted(1)});
  EXPECT_TRUE(Reconcile({}, kStart + 10 * kSecond));
  EXPECT_EQ(memory_.port_status(kFirst), PortStatus());
  EXPECT_EQ(opened_.size(), 1u);
}

TEST_F(PortReconcilerTest, OneFailureHoldsNoOtherPortUp) {
  refusal_ = absl::NotFoundError("no such device");
  Reconcile({Wanted(1)});
  refusal_ = absl::OkStatus();
  const std::vector<PortRecord> wanted = {Wanted(1), Wanted(1)};
  Reconcile(wanted);
  AnswerBoth(Kind::kAttach, PortId{1});
  EXPECT_TRUE(Reconcile(wanted));
  EXPECT_EQ(memory_.port_status(kFirst), Failed(1, ENOENT));
  EXPECT_EQ(memory_.port_status(PortId{1}), Up(1));
}

TEST_F(PortReconcilerTest, PortThatAWorkerRefusesIsTakenFromAllAndFails) {
  for (int refusing : {0, 1}) {
    const uint32_t epoch = refusing + 1;
    Reconcile({Wanted(epoch)});
    Refuse(refusing);
    Answer(1 - refusing, Kind::kAttach, kFirst);
    EXPECT_FALSE(Reconcile({Wanted(epoch)}));
    EXPECT_EQ(OpenCount(), 1u);  // a worker still has it
    AnswerBoth(Kind::kDetach, kFirst);
    EXPECT_TRUE(Reconcile({Wanted(epoch)}));
    EXPECT_EQ(OpenCount(), 0u);
    EXPECT_EQ(memory_.port_status(kFirst), Failed(epoch, EIO));
  }
  // It is tried again as any other failed port.
  Reconcile({Wanted(2)}, kStart + kSecond);
  AnswerBoth(Kind::kAttach, kFirst);
  EXPECT_TRUE(Reconcile({Wanted(2)}, kStart + kSecond));
  EXPECT_EQ(memory_.port_status(kFirst), Up(2));
  EXPECT_EQ(opened_.size(), 3u);
}

TEST_F(PortReconcilerTest, RefusedPortThatGoesIsForgotten) {
  Reconcile({Wanted(1)});
  Refuse(0);
  Answer(1, Kind::kAttach, kFirst);
  Reconcile({});
  AnswerBoth(Kind::kDetach, kFirst);
  EXPECT_TRUE(Reconcile({}));
  EXPECT_EQ(OpenCount(), 0u);
  EXPECT_EQ(memory_.port_status(kFirst), PortStatus());
}

TEST_F(PortReconcilerTest, FullTableFitsTheMailboxes) {
  const std::vector<PortRecord> wanted(kMaxPorts, Wanted(1));
  EXPECT_FALSE(Reconcile(wanted));
  for (int worker : {0, 1}) {
    const std::vector<PortChange> changes = TakeAll(worker);
    EXPECT_EQ(changes.size(), kMaxPorts);
    for (const PortChange& change : changes) mailboxes_[worker]->Answer(change);
  }
  EXPECT_TRUE(Reconcile(wanted));
  EXPECT_EQ(OpenCount(), kMaxPorts);
  EXPECT_EQ(memory_.port_status(PortId{kMaxPorts - 1}), Up(1));
}

TEST_F(PortReconcilerTest, OpenPortsAreClosedAtTheEnd) {
  OpenFirst();
  reconciler_.reset();
  EXPECT_EQ(OpenCount(), 0u);
}

}  // namespace
}  // namespace vswitch
