// The neighbour table under real threads: run with --config=tsan to let
// ThreadSanitizer watch; without it, still a stress test.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/tables/neighbor_table.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr RouterTag kTag{7};
constexpr int kWorkers = 3;
constexpr uint64_t kSeconds = 20'000;

MacAddress MacOf(int worker) {
  const auto byte = static_cast<uint8_t>(2 * worker + 2);
  return MacAddress{{byte, byte, byte, byte, byte, byte}};
}

TEST(NeighborTableTsanTest, ANeighborIsWhatOneWorkerSaid) {
  auto table = std::make_unique<NeighborTable>();
  std::atomic<uint64_t> questions{0};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&, worker] {
      for (uint64_t second = 1; second <= kSeconds; ++second) {
        const uint64_t now_ns = second * kSecond;
        if (table->MayAsk(1, now_ns)) ++questions;
        table->Update(1, kTag, now_ns, [&](const Neighbor&) {
          return std::optional(NeighborChange{MacOf(worker), true});
        });
        const MacAddress mac = table->Read(1, kTag, now_ns).mac;
        for (const uint8_t byte : mac.bytes) {
          ASSERT_EQ(byte, mac.bytes[0]);
        }
        if (second % 7 == 0) table->Forget(1, kTag, MacOf(worker));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_LE(questions.load(), kSeconds);
  EXPECT_GE(questions.load(), 1u);
}

}  // namespace
}  // namespace vswitch
