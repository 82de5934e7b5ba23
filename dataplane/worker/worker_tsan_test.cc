// A worker thread that forwards while the control thread publishes and frees
// generations: run with --config=tsan to let ThreadSanitizer watch; without
// it, still a stress test.

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/worker/test_memory.h"
#include "dataplane/worker/worker.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint32_t kGenerations = 60;

// A port that always has four packets, one of them in each family to either
// pod, and keeps nothing of what is sent by it.
class EndlessPort final : public Port {
 public:
  explicit EndlessPort(FakePacketPool& pool) : pool_(pool) {}

  uint16_t RxBurst(uint16_t, std::span<rte_mbuf*> packets) override {
    ++turn_;
    uint16_t count = 0;
    for (const char* addresses :
         {"ip4 src=10.0.0.2 dst=10.0.0.3", "ip4 src=10.0.0.2 dst=10.0.0.4",
          "ip6 src=fd00::2 dst=fd00::3", "ip6 src=fd00::2 dst=fd00::4"}) {
      packets[count++] = pool_.Make(*PacketFromText(
          absl::StrCat("eth src=02:00:00:00:00:02 / ", addresses,
                       " / udp sport=", 1000 + turn_ % 64, " / data 8")));
    }
    return count;
  }
  TxResult TxBurst(uint16_t, std::span<rte_mbuf* const> packets) override {
    pool_.Free(packets);
    return {.sent = static_cast<uint16_t>(packets.size())};
  }
  int ReadinessFd(uint16_t) const override { return -1; }
  PortDrops TakeDrops(uint16_t) override { return {}; }
  bool LinkUp() const override { return true; }
  const PortInfo& Info() const override { return info_; }

 private:
  FakePacketPool& pool_;
  const PortInfo info_;
  uint32_t turn_ = 0;
};

TEST(WorkerTsanTest, ForwardsWhileGenerationsComeAndGo) {
  FakePacketPool pool;
  EndlessPort port(pool);
  TestMemory memory;
  TestNode node = MakeTestNode();
  memory.Publish(node);
  const std::unique_ptr<Worker> worker =
      *Worker::Create({.id = kWorker,
                       .poll = PollMode::kBusy,
                       .incarnation = TestMemory::kIncarnation},
                      memory.EnvironmentOf(pool));
  for (const char* name : {"client", "server", "guarded"}) {
    ASSERT_TRUE(worker->mailbox()
                    .Send({.kind = PortChange::Kind::kAttach,
                           .id = TestWorld::PortNamed(name),
                           .port = &port})
                    .ok());
  }
  std::thread thread([&] { worker->Run(); });
  EndpointRecord& guarded =
      node.endpoints[ToInt(TestWorld::PortNamed("guarded"))];
  for (Generation next = 2; next <= kGenerations; ++next) {
    guarded.ingress = next % 2 == 0 ? kNoPolicySet : PolicySetId{0};
    memory.Publish(node);
    while (!AllReached(memory.workers.slots(), next, 0)) {
      std::this_thread::yield();
    }
    // The tables of the one before are free from here on.
    ASSERT_TRUE(memory.writer->Retire(next - 1).ok());
  }
  ASSERT_TRUE(worker->mailbox().Send({.kind = PortChange::Kind::kStop}).ok());
  thread.join();

  memory.CheckBalance();
  EXPECT_EQ(pool.LiveCount(), 0u);
  const PortCounters& client =
      memory.counters.port(kWorker, TestWorld::PortNamed("client"));
  EXPECT_GT(client.forwarded_in.value(), 0u);
  EXPECT_GT(client.drops[ToIndex(DropReason::kPolicyDenied)].value(), 0u);
}

}  // namespace
}  // namespace vswitch
