// A silent port costs nothing, a readable one is visited until it is drained,
// and the mailbox is heard.

#include "dataplane/worker/port_poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "dataplane/worker/mailbox.h"

namespace vswitch {
namespace {

// A port whose packets are the bytes in a pipe; or, without a descriptor, one
// that must be polled.
class PipePort final : public Port {
 public:
  explicit PipePort(bool has_descriptor) : has_descriptor_(has_descriptor) {
    EXPECT_EQ(pipe2(fds_, O_NONBLOCK | O_CLOEXEC), 0);
    info_.name = "pipe";
  }
  ~PipePort() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  void Put(int bytes) {
    for (int i = 0; i < bytes; ++i) ASSERT_EQ(write(fds_[1], "x", 1), 1);
  }
  // Takes up to `most` bytes, as RxBurst takes packets.
  uint32_t Take(int most) {
    ++visits;
    char buffer[64];
    const ssize_t count = read(fds_[0], buffer, most);
    return count < 0 ? 0 : static_cast<uint32_t>(count);
  }

  uint16_t RxBurst(uint16_t, std::span<rte_mbuf*>) override { return 0; }
  TxResult TxBurst(uint16_t, std::span<rte_mbuf* const>) override { return {}; }
  int ReadinessFd(uint16_t) const override {
    return has_descriptor_ ? fds_[0] : -1;
  }
  PortDrops TakeDrops(uint16_t) override { return {}; }
  bool LinkUp() const override { return true; }
  const PortInfo& Info() const override { return info_; }

  int visits = 0;

 private:
  const bool has_descriptor_;
  int fds_[2];
  PortInfo info_;
};

class PortPollerTest : public testing::Test {
 protected:
  uint32_t Visit(int most = 64) {
    return poller_->Visit([&](PortId, Port& port) {
      return static_cast<PipePort&>(port).Take(most);
    });
  }

  std::unique_ptr<Mailbox> mailbox_ = *Mailbox::Create();
  std::unique_ptr<PortPoller> poller_ = *PortPoller::Create(0, mailbox_->fd());
};

TEST_F(PortPollerTest, SilentPortIsNotVisited) {
  PipePort port(true);
  ASSERT_TRUE(poller_->Attach(PortId{1}, port).ok());
  EXPECT_EQ(Visit(), 0u);  // once, for what came before the edge
  const int visits = port.visits;
  for (int turn = 0; turn < 10; ++turn) {
    EXPECT_FALSE(poller_->Wait(0));
    EXPECT_EQ(Visit(), 0u);
  }
  EXPECT_EQ(port.visits, visits);
}

TEST_F(PortPollerTest, ReadablePortIsVisitedUntilDrained) {
  PipePort port(true);
  ASSERT_TRUE(poller_->Attach(PortId{1}, port).ok());
  Visit();
  port.Put(10);
  poller_->Wait(0);
  // Edge-triggered: one wait, several visits.
  EXPECT_EQ(Visit(4), 4u);
  EXPECT_TRUE(poller_->HasReadyPorts());
  EXPECT_EQ(Visit(4), 4u);
  EXPECT_EQ(Visit(4), 2u);
  EXPECT_EQ(Visit(4), 0u);
  EXPECT_FALSE(poller_->HasReadyPorts());
  port.Put(1);
  poller_->Wait(0);
  EXPECT_EQ(Visit(4), 1u);
}

TEST_F(PortPollerTest, PacketsFromBeforeAttachAreSeen) {
  PipePort port(true);
  port.Put(3);
  ASSERT_TRUE(poller_->Attach(PortId{1}, port).ok());
  EXPECT_EQ(Visit(), 3u);
}

TEST_F(PortPollerTest, PortWithoutDescriptorIsVisitedInEveryTurn) {
  PipePort port(false);
  ASSERT_TRUE(poller_->Attach(PortId{2}, port).ok());
  EXPECT_TRUE(poller_->HasPolledPorts());
  for (int turn = 1; turn <= 5; ++turn) {
    Visit();
    EXPECT_EQ(port.visits, turn);
  }
}

TEST_F(PortPollerTest, DetachedPortIsNeverTouched) {
  PipePort port(true);
  ASSERT_TRUE(poller_->Attach(PortId{1}, port).ok());
  port.Put(1);
  poller_->Wait(0);
  poller_->Detach(PortId{1});
  EXPECT_EQ(poller_->Lookup(PortId{1}), nullptr);
  port.Put(1);
  poller_->Wait(0);
  EXPECT_EQ(Visit(), 0u);
  EXPECT_EQ(port.visits, 0);
}

TEST_F(PortPollerTest, MailWakesASleeperAndIsAnswered) {
  const PortChange change{.kind = PortChange::Kind::kStop, .id = PortId{7}};
  ASSERT_TRUE(mailbox_->Send(change).ok());
  EXPECT_TRUE(poller_->Wait(10'000));
  std::optional<PortChange> taken = mailbox_->Take();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->id, PortId{7});
  EXPECT_FALSE(mailbox_->Take().has_value());
  mailbox_->Answer(*taken);
  ASSERT_TRUE(mailbox_->TakeAnswer().has_value());
  EXPECT_FALSE(mailbox_->TakeAnswer().has_value());
}

}  // namespace
}  // namespace vswitch
