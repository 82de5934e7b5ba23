// A worker's turns, with fake ports and real memory, in both families.

#include "dataplane/worker/worker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/worker/test_memory.h"
#include "nic-drivers/fake/fake_port.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint64_t kNow = 1'000'000'000'000;

// A port that never has a packet, and tells when it is asked.
class WatchingPort final : public Port {
 public:
  explicit WatchingPort(std::function<void()> asked)
      : asked_(std::move(asked)) {}
  uint16_t RxBurst(uint16_t, std::span<rte_mbuf*>) override {
    asked_();
    return 0;
  }
  TxResult TxBurst(uint16_t, std::span<rte_mbuf* const>) override { return {}; }
  int ReadinessFd(uint16_t) const override { return -1; }
  PortDrops TakeDrops(uint16_t) override { return {}; }
  bool LinkUp() const override { return true; }
  const PortInfo& Info() const override { return info_; }

 private:
  const std::function<void()> asked_;
  const PortInfo info_;
};

class WorkerTest : public testing::TestWithParam<IpFamily> {
 protected:
  ~WorkerTest() override { memory_.CheckBalance(); }

  PortId Id(absl::string_view name) { return TestWorld::PortNamed(name); }
  PortCounters& Counters(absl::string_view name) {
    return memory_.counters.port(kWorker, Id(name));
  }
  uint64_t Drops(absl::string_view name, DropReason reason) {
    return Counters(name).drops[ToIndex(reason)].value();
  }
  void Attach(PortId id, Port& port) {
    ASSERT_TRUE(
        worker_->mailbox()
            .Send({.kind = PortChange::Kind::kAttach, .id = id, .port = &port})
            .ok());
  }
  void Detach(PortId id) {
    ASSERT_TRUE(worker_->mailbox()
                    .Send({.kind = PortChange::Kind::kDetach, .id = id})
                    .ok());
  }
  // Puts a UDP packet from the peer of port `from` to that of `to` into `port`.
  void Inject(FakePort& port, absl::string_view from, absl::string_view to) {
    const bool v4 = GetParam() == IpFamily::kIpv4;
    const std::string net = v4 ? "10.0.0." : "fd00::";
    const absl::StatusOr<PacketBytesVector> bytes = PacketFromText(absl::StrCat(
        "eth src=", TestWorld::PeerMac(Id(from)).ToString(),
        v4 ? " / ip4 src=" : " / ip6 src=", net, ToInt(Id(from)) + 1,
        " dst=", net, ToInt(Id(to)) + 1, " / udp / data 20"));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    port.Inject(pool_.Make(*bytes));
  }

  FakePacketPool pool_;
  TestMemory memory_;
  FakePort client_{{.name = "client"}, pool_};
  FakePort server_{{.name = "server"}, pool_};
  std::unique_ptr<Worker> worker_ =
      *Worker::Create({.id = kWorker, .incarnation = TestMemory::kIncarnation},
                      memory_.EnvironmentOf(pool_));
};

TEST_P(WorkerTest, BurstIsReceivedForwardedAndAccounted) {
  memory_.Publish(MakeTestNode());
  Attach(Id("client"), client_);
  Attach(Id("server"), server_);
  for (int i = 0; i < 3; ++i) Inject(client_, "client", "server");
  EXPECT_EQ(worker_->RunOnce(kNow), 3u);
  EXPECT_EQ(server_.SentCount(), 3u);
  EXPECT_EQ(Counters("client").rx_packets.value(), 3u);
  EXPECT_EQ(Counters("client").forwarded_in.value(), 3u);
  EXPECT_EQ(Counters("server").tx_try.value(), 3u);
  EXPECT_EQ(Counters("server").tx_ok.value(), 3u);
  EXPECT_EQ(Counters("server").tx_bytes.value(),
            Counters("client").rx_bytes.value());
  EXPECT_EQ(pool_.LiveCount(), 3u);  // the port's
  EXPECT_EQ(memory_.connections->CountActive(), 1u);
  EXPECT_EQ(worker_->RunOnce(kNow + 1), 0u);
}

TEST_P(WorkerTest, WhatAPortDoesNotTakeIsDroppedByItsReason) {
  memory_.Publish(MakeTestNode());
  Attach(Id("client"), client_);
  Attach(Id("server"), server_);
  server_.LimitSending(2);
  for (int i = 0; i < 5; ++i) Inject(client_, "client", "server");
  EXPECT_EQ(worker_->RunOnce(kNow), 5u);
  EXPECT_EQ(Counters("server").tx_ok.value(), 2u);
  EXPECT_EQ(Drops("server", DropReason::kTxPeerFull), 3u);
  EXPECT_EQ(pool_.LiveCount(), 2u);
}

TEST_P(WorkerTest, ClosedPortDropsWhatItReceives) {
  memory_.Publish(MakeTestNode());
  Attach(Id("closed"), client_);
  Inject(client_, "closed", "server");
  EXPECT_EQ(worker_->RunOnce(kNow), 1u);
  EXPECT_EQ(Drops("closed", DropReason::kPortNotReady), 1u);
  EXPECT_EQ(pool_.LiveCount(), 0u);
}

TEST_P(WorkerTest, BeforeTheFirstGenerationNothingPasses) {
  Attach(Id("client"), client_);
  Inject(client_, "client", "server");
  EXPECT_EQ(worker_->RunOnce(kNow), 1u);
  EXPECT_EQ(Drops("client", DropReason::kPortNotReady), 1u);
}

TEST_P(WorkerTest, GenerationIsReportedAtTheEndOfATurn) {
  Generation seen = kWorkerOffline;
  WatchingPort port([&] { seen = memory_.ReachedBy(kWorker); });
  Attach(Id("client"), port);
  memory_.Publish(MakeTestNode());
  worker_->RunOnce(kNow);
  EXPECT_EQ(memory_.ReachedBy(kWorker), 1u);
  memory_.Publish(MakeTestNode());
  EXPECT_EQ(memory_.ReachedBy(kWorker), 1u);
  worker_->RunOnce(kNow + 1);
  EXPECT_EQ(seen, 1u);  // during the burst, still the one before
  EXPECT_EQ(memory_.ReachedBy(kWorker), 2u);
}

TEST_P(WorkerTest, NextBurstIsForwardedByTheNextGeneration) {
  TestNode node = MakeTestNode();
  memory_.Publish(node);
  Attach(Id("client"), client_);
  Attach(Id("server"), server_);
  Inject(client_, "client", "server");
  worker_->RunOnce(kNow);
  EXPECT_EQ(server_.SentCount(), 1u);
  node.ports[ToInt(Id("client"))].ready = 0;
  memory_.Publish(node);
  Inject(client_, "client", "server");
  worker_->RunOnce(kNow + 1);
  EXPECT_EQ(server_.SentCount(), 1u);
  EXPECT_EQ(Drops("client", DropReason::kPortNotReady), 1u);
}

TEST_P(WorkerTest, AttachAndDetachAreAnswered) {
  memory_.Publish(MakeTestNode());
  Attach(Id("client"), client_);
  Attach(Id("server"), server_);
  worker_->RunOnce(kNow);
  for (PortId id : {Id("client"), Id("server")}) {
    const std::optional<PortChange> answer = worker_->mailbox().TakeAnswer();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->kind, PortChange::Kind::kAttach);
    EXPECT_EQ(answer->id, id);
    EXPECT_NE(answer->port, nullptr);
  }
  Detach(Id("server"));
  worker_->RunOnce(kNow + 1);
  const std::optional<PortChange> answer = worker_->mailbox().TakeAnswer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->kind, PortChange::Kind::kDetach);
  EXPECT_EQ(answer->id, Id("server"));
  // From the answer on nothing touches the port.
  Inject(client_, "client", "server");
  Inject(server_, "server", "client");
  EXPECT_EQ(worker_->RunOnce(kNow + 2), 1u);
  EXPECT_EQ(server_.SentCount(), 0u);
  EXPECT_EQ(Drops("server", DropReason::kTxPortGone), 1u);
}

TEST_P(WorkerTest, PortThatCannotBePolledIsRefused) {
  Attach(PortId{kMaxPorts}, client_);
  worker_->RunOnce(kNow);
  const std::optional<PortChange> answer = worker_->mailbox().TakeAnswer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->port, nullptr);
}

TEST_P(WorkerTest, DropsOfTheDriverAreCounted) {
  memory_.Publish(MakeTestNode());
  Attach(Id("client"), client_);
  client_.AddDrops({.rx_too_long = 1, .rx_no_mbuf = 2, .rx_vnet_header = 3});
  worker_->RunOnce(kNow);
  EXPECT_EQ(Counters("client").rx_packets.value(), 6u);
  EXPECT_EQ(Drops("client", DropReason::kRxTooLong), 1u);
  EXPECT_EQ(Drops("client", DropReason::kRxNoMbuf), 2u);
  EXPECT_EQ(Drops("client", DropReason::kRxVnetHeader), 3u);
}

// Waits until the worker is offline; returns whether it was.
bool WaitUntilOffline(const TestMemory& memory) {
  for (int i = 0; i < 100'000; ++i) {
    if (memory.ReachedBy(kWorker) == kWorkerOffline) return true;
    usleep(50);
  }
  return false;
}

TEST_P(WorkerTest, GoesOfflineBeforeItSleepsAndAtTheEnd) {
  std::unique_ptr<Worker> worker =
      *Worker::Create({.id = kWorker,
                       .poll = PollMode::kInterrupt,
                       .incarnation = TestMemory::kIncarnation},
                      memory_.EnvironmentOf(pool_));
  memory_.Publish(MakeTestNode());
  // Read by this thread when the worker has ended.
  uint32_t asked = 0;
  uint32_t asked_offline = 0;
  WatchingPort port([&] {
    ++asked;
    if (memory_.ReachedBy(kWorker) == kWorkerOffline) ++asked_offline;
  });
  EXPECT_TRUE(worker->mailbox()
                  .Send({.kind = PortChange::Kind::kAttach,
                         .id = Id("client"),
                         .port = &port})
                  .ok());
  std::thread thread([&] { worker->Run(); });
  // Awake it is online, asleep it holds nobody up.
  usleep(20'000);
  EXPECT_TRUE(WaitUntilOffline(memory_));
  EXPECT_TRUE(worker->mailbox().Send({.kind = PortChange::Kind::kStop}).ok());
  thread.join();
  EXPECT_GT(asked, 1u);
  EXPECT_EQ(asked_offline, 0u);
  EXPECT_EQ(memory_.ReachedBy(kWorker), kWorkerOffline);
}

INSTANTIATE_TEST_SUITE_P(Families, WorkerTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
