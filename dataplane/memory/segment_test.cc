// What a segment shares, and what it refuses.

#include "dataplane/memory/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

TEST(SegmentTest, IsZeroedSharedAndRoundedUpToPages) {
  absl::StatusOr<Segment> owner =
      Segment::Create("vswitch-test", 5000, HugePages::kOff);
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_EQ(owner->bytes().size(), 8192u);
  EXPECT_EQ(owner->bytes()[4999], std::byte{0});
  absl::StatusOr<Segment> other =
      Segment::Map(dup(owner->fd()), SegmentAccess::kReadWrite);
  ASSERT_TRUE(other.ok()) << other.status();
  other->writable()[17] = std::byte{42};
  EXPECT_EQ(owner->bytes()[17], std::byte{42});
}

TEST(SegmentTest, ReadOnlyDescriptorRefusesAWritableMapping) {
  absl::StatusOr<Segment> owner =
      Segment::Create("vswitch-test", 4096, HugePages::kOff);
  ASSERT_TRUE(owner.ok()) << owner.status();
  absl::StatusOr<int> fd = owner->ReopenReadOnly();
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_FALSE(Segment::Map(dup(*fd), SegmentAccess::kReadWrite).ok());
  absl::StatusOr<Segment> reader = Segment::Map(*fd, SegmentAccess::kRead);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_NE(mprotect(const_cast<std::byte*>(reader->bytes().data()), 4096,
                     PROT_READ | PROT_WRITE),
            0);
  owner->writable()[3] = std::byte{7};
  EXPECT_EQ(reader->bytes()[3], std::byte{7});
}

TEST(SegmentTest, SizeCannotChange) {
  absl::StatusOr<Segment> owner =
      Segment::Create("vswitch-test", 8192, HugePages::kOff);
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_NE(ftruncate(owner->fd(), 4096), 0);
  EXPECT_NE(ftruncate(owner->fd(), 16384), 0);
}

TEST(SegmentTest, RefusesADescriptorThatCouldBeShrunk) {
  const int fd = memfd_create("vswitch-test", MFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(ftruncate(fd, 4096), 0);
  EXPECT_EQ(Segment::Map(fd, SegmentAccess::kRead).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(
      Segment::Map(open("/dev/null", O_RDWR | O_CLOEXEC), SegmentAccess::kRead)
          .ok());
  EXPECT_FALSE(Segment::Map(-1, SegmentAccess::kRead).ok());
}

TEST(SegmentTest, AutoFallsBackToOrdinaryPages) {
  // More than any machine of ours has in huge pages.
  absl::StatusOr<Segment> segment =
      Segment::Create("vswitch-test", uint64_t{1} << 40, HugePages::kAuto);
  ASSERT_TRUE(segment.ok()) << segment.status();
  EXPECT_FALSE(segment->uses_huge_pages());
}

TEST(SegmentTest, RequireNamesWhatIsMissing) {
  const absl::StatusOr<Segment> segment =
      Segment::Create("vswitch-test", uint64_t{1} << 40, HugePages::kRequire);
  ASSERT_EQ(segment.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(segment.status().message().find("vm.nr_hugepages"),
            absl::string_view::npos)
      << segment.status();
}

TEST(SegmentTest, MoveHandsTheMappingOver) {
  absl::StatusOr<Segment> owner =
      Segment::Create("vswitch-test", 4096, HugePages::kOff);
  ASSERT_TRUE(owner.ok());
  Segment moved = *std::move(owner);
  moved.writable()[0] = std::byte{1};
  EXPECT_EQ(moved.bytes()[0], std::byte{1});
  EXPECT_TRUE(owner->bytes().empty());
  EXPECT_FALSE(Segment::Create("vswitch-test", 0, HugePages::kOff).ok());
}

}  // namespace
}  // namespace vswitch
