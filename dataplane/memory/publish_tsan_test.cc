// Publishing under real threads, over real segments: run with --config=tsan to
// let ThreadSanitizer watch; without it, still a stress test.

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/memory/segment.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr Generation kGenerations = 3000;
constexpr uint32_t kWorkers = 3;
constexpr uint32_t kAddresses = 6;

IpAddress Address(uint32_t number) {
  // Both families by turns.
  IpAddress address =
      *IpAddress::Parse(number % 2 == 0 ? "10.0.0.0" : "fd00::");
  address.bytes[15] = static_cast<uint8_t>(number);
  return address;
}

// Which identity `number` has in `generation`; 0: none.
uint32_t IdentityOf(uint32_t number, Generation generation) {
  if (generation == 0 || (generation + number) % 4 == 0) return 0;
  return static_cast<uint32_t>(256 + (generation + number) % 1000);
}

// Piece `number` of `generation`; each changes more seldom than the one before,
// so that generations share the later ones.
constexpr uint32_t kPieces = 8;
std::string PieceOf(uint32_t number, Generation generation) {
  const Generation version = generation / (number + 1);
  return std::string(64 * (1 + (version + number) % 3),
                     static_cast<char>((version * 7 + number) % 251));
}

// Those of `generation`, out of those of the one before.
void RenewPieces(Generation generation, std::vector<TablePiece>& pieces) {
  pieces.resize(kPieces);
  for (uint32_t number = 0; number < kPieces; ++number) {
    std::string bytes = PieceOf(number, generation);
    // What is equal is now and then another object: found by its content.
    const bool keep = pieces[number] != nullptr && *pieces[number] == bytes &&
                      generation % 5 != 0;
    if (!keep) {
      pieces[number] = std::make_shared<const std::string>(std::move(bytes));
    }
  }
}

class PublishTsanTest : public testing::Test {
 protected:
  PublishTsanTest()
      : tables_(*Segment::Create("vswitch-test",
                                 TableMemoryWriter::BytesFor(kTableOptions),
                                 HugePages::kOff)),
        workers_(*Segment::Create("vswitch-test", WorkerMemory::BytesFor({}),
                                  HugePages::kOff)) {
    EXPECT_TRUE(
        TableMemoryWriter::Format(tables_.writable(), kTableOptions).ok());
    EXPECT_TRUE(WorkerMemory::Format(workers_.writable(), {}).ok());
  }

  // Publishes all generations, each as soon as every worker has the last one.
  void ControlPlane() {
    TableMemoryWriter writer = *TableMemoryWriter::Attach(tables_.writable());
    const WorkerMemoryView view = *WorkerMemoryView::Attach(workers_.bytes());
    std::vector<TablePiece> pieces;
    for (Generation next = 1; next <= kGenerations; ++next) {
      writer.identities().BeginGeneration(next, next - 1);
      const std::string blob(64 + next % 300, static_cast<char>(next % 251));
      const absl::string_view blobs[] = {blob};
      RenewPieces(next, pieces);
      const absl::StatusOr<StagedRoot> staged = writer.Stage(blobs, pieces);
      ASSERT_TRUE(staged.ok()) << staged.status();
      for (uint32_t number = 0; number < kAddresses; ++number) {
        const uint32_t identity = IdentityOf(number, next);
        const absl::Status status =
            identity == 0 ? writer.identities().Unbind(Address(number))
                          : writer.identities().Bind(
                                Address(number), {IdentityId{identity}, {}});
        ASSERT_TRUE(status.ok()) << status;
        writer.revisions().Mark(Address(number), next);
      }
      ASSERT_TRUE(writer.Publish(*staged, next).ok());
      while (!AllReached(view.slots(), next, 0)) std::this_thread::yield();
      ASSERT_TRUE(writer.Retire(next - 1).ok());
    }
  }

  void Burst(const TableMemoryReader& reader, Generation current) {
    if (current == 0) return;
    const absl::StatusOr<GenerationRoot> root = reader.Root(current);
    ASSERT_TRUE(root.ok()) << root.status();
    ASSERT_EQ(root->blobs[0].size(), 64 + current % 300);
    for (std::byte byte : root->blobs[0]) {
      ASSERT_EQ(byte, static_cast<std::byte>(current % 251));
    }
    ASSERT_EQ(root->pieces.size(), kPieces);
    for (uint32_t number = 0; number < kPieces; ++number) {
      const std::span<const std::byte> bytes = root->pieces.Piece(number);
      ASSERT_EQ(absl::string_view(reinterpret_cast<const char*>(bytes.data()),
                                  bytes.size()),
                PieceOf(number, current));
    }
    for (uint32_t number = 0; number < kAddresses; ++number) {
      const std::optional<HostBinding> binding =
          reader.identities().Lookup(Address(number), current);
      const uint32_t expected = IdentityOf(number, current);
      ASSERT_EQ(binding.has_value(), expected != 0);
      if (expected != 0) {
        ASSERT_EQ(ToInt(binding->identity), expected);
      }
      ASSERT_TRUE(reader.revisions().IsStale(Address(number), Address(number),
                                             current - 1));
    }
  }

  void Worker(uint32_t number) {
    const TableMemoryReader reader =
        *TableMemoryReader::Attach(tables_.bytes());
    WorkerMemory memory = *WorkerMemory::Attach(workers_.writable());
    WorkerPresence presence(
        &memory.slot(WorkerId{static_cast<uint8_t>(number)}),
        reader.generation(), 1);
    Generation current = presence.GoOnline();
    for (uint32_t turn = 0; current < kGenerations; ++turn) {
      current = presence.Current();
      Burst(reader, current);
      if (HasFatalFailure()) break;
      presence.Report(current);
      if (turn % 16 == number) {
        presence.GoOffline();
        std::this_thread::yield();
        presence.GoOnline();
      }
    }
    presence.GoOffline();
  }

  static inline const TableMemoryOptions kTableOptions{
      .identity_capacity = 64, .heap_bytes = 65536, .secret = {{1, 2}}};
  Segment tables_;
  Segment workers_;
};

TEST_F(PublishTsanTest, EachBurstSeesOneWholeGeneration) {
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < kWorkers; ++number) {
    threads.emplace_back([this, number] { Worker(number); });
  }
  ControlPlane();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PublishTsanTest, EventsArriveInOrderOrAreCounted) {
  constexpr uint64_t kEvents = 20000;
  TableMemoryWriter table = *TableMemoryWriter::Attach(tables_.writable());
  WorkerMemory memory = *WorkerMemory::Attach(workers_.writable());
  std::atomic<bool> done = false;
  std::thread worker([&] {
    EventProducer producer =
        EventsOut(table.rings(), memory.writable_rings(), 2);
    Event event{};
    for (event.time_ns = 1; event.time_ns <= kEvents; ++event.time_ns) {
      event.packet[kEventPacketBytes - 1] = static_cast<uint8_t>(event.time_ns);
      producer.PushOrCount(event);
    }
    done = true;
  });
  EventConsumer consumer = EventsIn(table.rings(), memory.rings(), 2);
  Event event{};
  uint64_t last = 0;
  uint64_t received = 0;
  while (true) {
    const bool was_done = done;
    const RingPop result = consumer.Pop(event);
    ASSERT_NE(result, RingPop::kCorrupt);
    if (result == RingPop::kEmpty) {
      if (was_done) break;
      continue;
    }
    ASSERT_GT(event.time_ns, last);
    ASSERT_EQ(event.packet[kEventPacketBytes - 1],
              static_cast<uint8_t>(event.time_ns));
    last = event.time_ns;
    ++received;
  }
  worker.join();
  EXPECT_EQ(received + consumer.lost_count(), kEvents);
}

TEST_F(PublishTsanTest, EveryCommandIsAnswered) {
  constexpr uint64_t kCommands = 2000;
  TableMemoryWriter table = *TableMemoryWriter::Attach(tables_.writable());
  WorkerMemory memory = *WorkerMemory::Attach(workers_.writable());
  std::thread dataplane([&] {
    CommandConsumer commands =
        CommandsIn(table.rings(), memory.writable_rings());
    ReplyProducer replies = RepliesOut(table.rings(), memory.writable_rings());
    for (uint64_t answered = 0; answered < kCommands;) {
      Command command;
      if (commands.Pop(command) != RingPop::kEntry) {
        std::this_thread::yield();
        continue;
      }
      Reply reply{};
      reply.id = command.id;
      while (!replies.Push(reply)) std::this_thread::yield();
      ++answered;
    }
  });
  CommandProducer commands = CommandsOut(table.rings(), memory.rings());
  ReplyConsumer replies = RepliesIn(table.rings(), memory.rings());
  uint64_t sent = 0;
  for (uint64_t expected = 0; expected < kCommands;) {
    Command command{};
    command.id = commands.next_number();
    if (sent < kCommands && commands.Push(command)) ++sent;
    Reply reply;
    if (replies.Pop(reply) != RingPop::kEntry) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(reply.id, expected);
    ++expected;
  }
  dataplane.join();
}

}  // namespace
}  // namespace vswitch
