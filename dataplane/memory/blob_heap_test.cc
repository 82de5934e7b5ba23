// Sharing, capacity and takeover of the blob heap.

#include "dataplane/memory/blob_heap.h"

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kBase = 4096;

class BlobHeapTest : public testing::Test {
 protected:
  std::string BytesAt(const Area& area) const {
    return std::string(
        reinterpret_cast<const char*>(memory_.data()) + area.offset - kBase,
        area.bytes);
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(1024);
  BlobHeap heap_{memory_, kBase};
};

TEST_F(BlobHeapTest, StoresAlignedCopies) {
  const absl::StatusOr<Area> first = heap_.Store("one");
  const absl::StatusOr<Area> second = heap_.Store("two!");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(BytesAt(*first), "one");
  EXPECT_EQ(BytesAt(*second), "two!");
  EXPECT_EQ(first->offset % kCacheLineBytes, 0u);
  EXPECT_EQ(second->offset % kCacheLineBytes, 0u);
  EXPECT_EQ(heap_.used_bytes(), 128u);
}

TEST_F(BlobHeapTest, EqualBytesAreStoredOnce) {
  const absl::StatusOr<Area> first = heap_.Store("same");
  const absl::StatusOr<Area> second = heap_.Store("same");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->offset, second->offset);
  EXPECT_EQ(heap_.used_bytes(), 64u);
  heap_.Release(*first);
  EXPECT_EQ(BytesAt(*second), "same");
  EXPECT_EQ(heap_.used_bytes(), 64u);
  heap_.Release(*second);
  EXPECT_EQ(heap_.used_bytes(), 0u);
  EXPECT_EQ(heap_.largest_free_bytes(), 1024u);
}

TEST_F(BlobHeapTest, EmptyBlobTakesNothing) {
  const absl::StatusOr<Area> area = heap_.Store("");
  ASSERT_TRUE(area.ok());
  EXPECT_EQ(area->bytes, 0u);
  heap_.Release(*area);
  EXPECT_TRUE(heap_.Adopt(*area).ok());
  EXPECT_EQ(heap_.used_bytes(), 0u);
}

TEST_F(BlobHeapTest, RefusalNamesTheNumbers) {
  ASSERT_TRUE(heap_.Store(std::string(600, 'a')).ok());
  const absl::StatusOr<Area> area = heap_.Store(std::string(500, 'b'));
  ASSERT_EQ(area.status().code(), absl::StatusCode::kResourceExhausted);
  for (const char* number : {"500", "640", "1024", "384"}) {
    EXPECT_NE(area.status().message().find(number), absl::string_view::npos)
        << area.status() << " lacks " << number;
  }
}

TEST_F(BlobHeapTest, AdoptRefusesWhatCannotBeTrue) {
  EXPECT_FALSE(heap_.Adopt({kBase - 64, 64}).ok());
  EXPECT_FALSE(heap_.Adopt({kBase + 960, 65}).ok());
  EXPECT_FALSE(heap_.Adopt({kBase + 1, 64}).ok());
  EXPECT_FALSE(heap_.Adopt({kBase, ~uint64_t{0}}).ok());
  EXPECT_FALSE(heap_.Adopt({~uint64_t{0} - 63, 64}).ok());
  ASSERT_TRUE(heap_.Adopt({kBase + 64, 128}).ok());
  EXPECT_FALSE(heap_.Adopt({kBase, 128}).ok()) << "overlaps";
  EXPECT_FALSE(heap_.Adopt({kBase + 64, 64}).ok()) << "same start, other size";
  EXPECT_TRUE(heap_.Adopt({kBase + 64, 128}).ok()) << "a second use";
}

TEST_F(BlobHeapTest, SuccessorKnowsContentsAndUses) {
  const Area kept = *heap_.Store("kept");
  ASSERT_TRUE(heap_.Store("forgotten").ok());
  BlobHeap successor(memory_, kBase);
  ASSERT_TRUE(successor.Adopt(kept).ok());
  ASSERT_TRUE(successor.Adopt(kept).ok());
  EXPECT_EQ(successor.used_bytes(), 64u);
  EXPECT_EQ(successor.Store("kept")->offset, kept.offset);
  successor.Release(kept);
  successor.Release(kept);
  EXPECT_EQ(successor.used_bytes(), 64u);
  successor.Release(kept);
  EXPECT_EQ(successor.largest_free_bytes(), 1024u);
}

TEST_F(BlobHeapTest, RandomUseNeverOverlapsAndLeavesNothingBehind) {
  std::mt19937 random(3);
  std::vector<std::byte> memory(16384);
  BlobHeap heap(memory, kBase);
  std::vector<std::pair<Area, std::string>> live;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0) {
      const std::string blob(random() % 700, 'a' + random() % 26);
      const absl::StatusOr<Area> area = heap.Store(blob);
      if (area.ok()) live.emplace_back(*area, blob);
    } else if (!live.empty()) {
      const size_t victim = random() % live.size();
      heap.Release(live[victim].first);
      live.erase(live.begin() + victim);
    }
    for (const auto& [area, blob] : live) {
      if (blob.empty()) continue;
      ASSERT_EQ(std::memcmp(memory.data() + area.offset - kBase, blob.data(),
                            blob.size()),
                0);
    }
  }
  for (const auto& [area, blob] : live) heap.Release(area);
  EXPECT_EQ(heap.used_bytes(), 0u);
  EXPECT_EQ(heap.largest_free_bytes(), 16384u);
}

}  // namespace
}  // namespace vswitch
