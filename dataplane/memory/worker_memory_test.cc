// What the dataplane writes and the control plane sees, over restarts.

#include "dataplane/memory/worker_memory.h"

#include <vector>

#include "dataplane/memory/segment.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

class WorkerMemoryTest : public testing::Test {
 protected:
  WorkerMemoryTest()
      : segment_(*Segment::Create("vswitch-test",
                                  WorkerMemory::BytesFor(kOptions),
                                  HugePages::kOff)) {
    EXPECT_TRUE(WorkerMemory::Format(segment_.writable(), kOptions).ok());
  }
  WorkerMemory Memory() { return *WorkerMemory::Attach(segment_.writable()); }
  WorkerMemoryView View() {
    return *WorkerMemoryView::Attach(segment_.bytes());
  }

  static inline const WorkerMemoryOptions kOptions{
      .counter_bytes = 1000, .connection_bytes = 8192, .secret = {{3, 4}}};
  Segment segment_;
};

TEST_F(WorkerMemoryTest, FreshMemoryHasNoDataplane) {
  const WorkerMemoryView view = View();
  EXPECT_EQ(view.incarnation(), 0u);
  EXPECT_EQ(view.secret().words[1], 4u);
  EXPECT_EQ(view.slots().size(), kWorkerSlotCount);
  EXPECT_TRUE(AllReached(view.slots(), 1, 0)) << "nobody to wait for";
  EXPECT_EQ(view.counter_area().size(), 1000u);
  EXPECT_EQ(view.connection_area().size(), 8192u);
}

TEST_F(WorkerMemoryTest, ViewSeesWhatTheDataplaneWrites) {
  WorkerMemory memory = Memory();
  const WorkerMemoryView view = View();
  ASSERT_TRUE(memory.Begin(1).ok());
  memory.SetHeartbeat(123);
  const PortStatus failed{7, PortState::kFailed, 19};
  memory.SetPortStatus(PortId{1023}, failed);
  memory.writable_connection_area()[8191] = std::byte{5};
  EXPECT_EQ(view.incarnation(), 1u);
  EXPECT_EQ(view.heartbeat_ns(), 123u);
  EXPECT_EQ(view.port_status(PortId{1023}), failed);
  EXPECT_EQ(view.port_status(PortId{0}), PortStatus{});
  EXPECT_EQ(view.connection_area()[8191], std::byte{5});
}

TEST_F(WorkerMemoryTest, PortOutOfRangeIsNoPort) {
  WorkerMemory memory = Memory();
  memory.SetPortStatus(kNoPort, {1, PortState::kUp, 0});
  EXPECT_EQ(memory.port_status(kNoPort), PortStatus{});
}

TEST_F(WorkerMemoryTest, NewIncarnationTakesTheOldOnesWorkersOffline) {
  WorkerMemory memory = Memory();
  StdAtomics::Atomic<uint64_t> generation(5);
  ASSERT_TRUE(memory.Begin(1).ok());
  memory.SetPortStatus(PortId{3}, {9, PortState::kUp, 0});
  WorkerPresence worker(&memory.slot(WorkerId{2}), &generation, 1);
  EXPECT_EQ(worker.GoOnline(), 5u);
  worker.Report(4);
  EXPECT_FALSE(AllReached(memory.slots(), 5, 0));
  EXPECT_TRUE(AllReached(memory.slots(), 4, 0));
  EXPECT_TRUE(AllReached(memory.slots(), 5, 1)) << "incarnation 1 is dead";
  EXPECT_EQ(memory.Begin(1).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(memory.Begin(2).ok());
  EXPECT_TRUE(AllReached(memory.slots(), 5, 0));
  EXPECT_EQ(memory.port_status(PortId{3}), PortStatus{});
}

TEST_F(WorkerMemoryTest, SleepingWorkerIsNotWaitedFor) {
  WorkerMemory memory = Memory();
  StdAtomics::Atomic<uint64_t> generation(1);
  WorkerPresence worker(&memory.slot(WorkerId{0}), &generation, 1);
  EXPECT_TRUE(AllReached(memory.slots(), 1, 0));
  worker.GoOnline();
  EXPECT_FALSE(AllReached(memory.slots(), 1, 0));
  worker.Report(1);
  EXPECT_TRUE(AllReached(memory.slots(), 1, 0));
  generation.StoreSeqCst(2);
  EXPECT_EQ(worker.Current(), 2u);
  EXPECT_FALSE(AllReached(memory.slots(), 2, 0));
  worker.GoOffline();
  EXPECT_TRUE(AllReached(memory.slots(), 2, 0));
  EXPECT_EQ(LowestReached(memory.slots(), 0), kWorkerOffline);
}

TEST_F(WorkerMemoryTest, FormatRefusesWhatDoesNotFit) {
  EXPECT_FALSE(
      WorkerMemory::Format(segment_.writable().first(4096), kOptions).ok());
  WorkerMemoryOptions huge = kOptions;
  huge.connection_bytes = ~uint64_t{0};
  EXPECT_FALSE(WorkerMemory::Format(segment_.writable(), huge).ok());
}

// As for table memory: refused or harmless.
TEST_F(WorkerMemoryTest, DamagedHeaderIsRefusedOrHarmless) {
  constexpr size_t kHeaderBytes = 256;
  int refused = 0;
  for (size_t position = 0; position < kHeaderBytes; ++position) {
    const std::byte good = segment_.bytes()[position];
    for (uint8_t value : {0x01, 0x7f, 0x80, 0xff}) {
      segment_.writable()[position] = std::byte{value};
      const absl::StatusOr<WorkerMemoryView> view =
          WorkerMemoryView::Attach(segment_.bytes());
      if (view.ok()) {
        uint64_t sum = view->rings().replies.head.LoadRelaxed();
        for (std::byte byte : view->connection_area()) {
          sum += static_cast<uint8_t>(byte);
        }
        EXPECT_EQ(sum, 0u);
        view->port_status(PortId{1023});
      } else {
        ++refused;
      }
    }
    segment_.writable()[position] = good;
  }
  EXPECT_GT(refused, 200);
  EXPECT_FALSE(WorkerMemoryView::Attach(segment_.bytes().first(64)).ok());
}

TEST_F(WorkerMemoryTest, RefusesTheOtherSegment) {
  Segment other = *Segment::Create(
      "vswitch-test", TableMemoryWriter::BytesFor({}), HugePages::kOff);
  ASSERT_TRUE(TableMemoryWriter::Format(other.writable(), {}).ok());
  EXPECT_EQ(WorkerMemoryView::Attach(other.bytes()).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace vswitch
