// Segments over memfd_create(2), mmap(2) and file seals (fcntl(2)).

#include "dataplane/memory/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kHugePageBytes = 2ull << 20;
// MFD_HUGE_2MB of linux/memfd.h, which sys/mman.h lacks and clashes with.
constexpr unsigned int kHugePages2Mb = 21u << 26;

// Neither may shrink or grow it, nor add seals (a write seal would end the
// control plane's own mapping).
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

absl::Status ErrnoStatus(absl::string_view what, int error) {
  return absl::ErrnoToStatus(error, what);
}

// Huge pages are the segment's own from the start: to have them zeroed and in
// the page tables now costs no memory, and keeps the kernel out of a worker's
// way.
int PopulateFlag(bool huge) { return huge ? MAP_POPULATE : 0; }

// Returns a sized, sealed and mapped memfd; the mapping tells whether there are
// enough huge pages, which the kernel reserves at mmap time.
absl::Status CreateMapped(const std::string& name, uint64_t bytes,
                          unsigned int flags, int* fd, void** data) {
  *fd = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  if (*fd < 0) {
    return ErrnoStatus(absl::StrCat("memory ", name, ": memfd_create"), errno);
  }
  if (ftruncate(*fd, static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(
        absl::StrCat("memory ", name, ": cannot make it ", bytes, " bytes"),
        errno);
  }
  if (fcntl(*fd, F_ADD_SEALS, kSizeSeals) != 0) {
    return ErrnoStatus(absl::StrCat("memory ", name, ": cannot seal its size"),
                       errno);
  }
  *data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
               MAP_SHARED | PopulateFlag((flags & MFD_HUGETLB) != 0), *fd, 0);
  if (*data == MAP_FAILED) {
    *data = nullptr;
    return ErrnoStatus(
        absl::StrCat("memory ", name, ": cannot map ", bytes, " bytes"), errno);
  }
  return absl::OkStatus();
}

}  // namespace

Segment& Segment::operator=(Segment&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(fd_, other.fd_);
  std::swap(uses_huge_pages_, other.uses_huge_pages_);
  return *this;
}

Segment::~Segment() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Segment> Segment::Create(const std::string& name, uint64_t bytes,
                                        HugePages huge_pages) {
  if (bytes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory ", name, ": size 0; at least 1 byte is needed"));
  }
  if (huge_pages != HugePages::kOff) {
    Segment segment;
    segment.size_ =
        (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    segment.uses_huge_pages_ = true;
    void* data = nullptr;
    const absl::Status status = CreateMapped(
        name, segment.size_, MFD_HUGETLB | kHugePages2Mb, &segment.fd_, &data);
    segment.data_ = static_cast<std::byte*>(data);
    if (status.ok()) return segment;
    if (huge_pages == HugePages::kRequire) {
      return absl::ResourceExhaustedError(absl::StrCat(
          status.message(), "; ", segment.size_ / kHugePageBytes,
          " free huge pages of 2 MB are needed (vm.nr_hugepages), or "
          "hugepages set to auto or off"));
    }
  }
  Segment segment;
  segment.size_ = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* data = nullptr;
  const absl::Status status =
      CreateMapped(name, segment.size_, 0, &segment.fd_, &data);
  segment.data_ = static_cast<std::byte*>(data);
  RETURN_IF_ERROR(status);
  return segment;
}

absl::StatusOr<Segment> Segment::Map(int fd, SegmentAccess access) {
  Segment segment;
  segment.fd_ = fd;
  struct stat info;
  if (fstat(fd, &info) != 0) {
    return ErrnoStatus(absl::StrCat("memory descriptor ", fd), errno);
  }
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals) {
    return absl::FailedPreconditionError(absl::StrCat(
        "memory descriptor ", fd,
        " is not a memfd of sealed size; the supervisor's is needed"));
  }
  if (info.st_size <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("memory descriptor ", fd, " is empty"));
  }
  const int protection =
      access == SegmentAccess::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  // hugetlbfs reports its page size as the block size.
  const bool huge = static_cast<uint64_t>(info.st_blksize) >= kHugePageBytes;
  void* data =
      mmap(nullptr, size, protection, MAP_SHARED | PopulateFlag(huge), fd, 0);
  if (data == MAP_FAILED) {
    return ErrnoStatus(
        absl::StrCat(
            "memory descriptor ", fd, ": cannot map ", size, " bytes ",
            access == SegmentAccess::kRead ? "for reading" : "for writing"),
        errno);
  }
  segment.data_ = static_cast<std::byte*>(data);
  segment.size_ = size;
  segment.uses_huge_pages_ = huge;
  return segment;
}

absl::StatusOr<int> Segment::ReopenReadOnly() const {
  const std::string path = absl::StrCat("/proc/self/fd/", fd_);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return ErrnoStatus(absl::StrCat("memory: cannot reopen ", path), errno);
  }
  return fd;
}

}  // namespace vswitch
