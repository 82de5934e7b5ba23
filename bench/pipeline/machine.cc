// System calls and readers of /proc.

#include "bench/pipeline/machine.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vswitch {
namespace {

constexpr double kMib = 1 << 20;
constexpr double kMsPerTick = 10;  // USER_HZ is 100
constexpr int kStealColumn = 8;    // after the name
constexpr uint64_t kHugePageBytes = 2 << 20;
constexpr char kHugePageFile[] = "/proc/sys/vm/nr_hugepages";

// What the file said before, for a signal handler too.
char huge_pages_before[32];

void RestoreHugePages() {
  const int fd = open(kHugePageFile, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, huge_pages_before, std::strlen(huge_pages_before));
  close(fd);
}

void EndBySignal(int signal) {
  RestoreHugePages();
  std::signal(signal, SIG_DFL);
  (void)raise(signal);
}

}  // namespace

absl::Status PinThread(uint32_t cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (sched_setaffinity(0, sizeof(cpus), &cpus) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot run on core ", cpu));
}

void PreferThread() {
  constexpr int kMostPreferred = -20;
  (void)setpriority(PRIO_PROCESS, 0, kMostPreferred);
}

HugePageReservation::HugePageReservation(uint64_t bytes) {
  uint64_t before = 0;
  std::ifstream(kHugePageFile) >> before;
  absl::SNPrintF(huge_pages_before, sizeof(huge_pages_before), "%d", before);
  std::signal(SIGINT, EndBySignal);
  std::signal(SIGTERM, EndBySignal);
  const uint64_t more = (bytes + kHugePageBytes - 1) / kHugePageBytes;
  std::ofstream(kHugePageFile) << before + more << std::flush;
}

HugePageReservation::~HugePageReservation() {
  RestoreHugePages();
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

double StolenMs(uint32_t cpu) {
  std::ifstream file("/proc/stat");
  const std::string name = absl::StrCat("cpu", cpu);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word != name) continue;
    double value = 0;
    for (int i = 0; i < kStealColumn; ++i) words >> value;
    return value * kMsPerTick;
  }
  return 0;
}

MemoryUse MeasureMemory() {
  MemoryUse use;
  const struct mallinfo2 info = mallinfo2();
  use.heap_mib = static_cast<double>(info.uordblks + info.hblkhd) / kMib;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double kib = 0;
    words >> name >> kib;
    if (name == "RssAnon:") use.resident_mib = kib / 1024;
  }
  return use;
}

}  // namespace vswitch
