// bench/pipeline/machine.h
//
// The machine: cores to run on, huge pages, time that the hypervisor took,
// memory in use.
//
// Any thread.

#ifndef VSWITCH_BENCH_PIPELINE_MACHINE_H_
#define VSWITCH_BENCH_PIPELINE_MACHINE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace vswitch {

// Lets the calling thread run on `cpu` alone.
absl::Status PinThread(uint32_t cpu);
// Puts the calling thread before all others of its core, which a node's workers
// have to themselves.  Does nothing without the right to.
void PreferThread();

// Huge pages of 2 MB that the kernel sets aside while this lives, on top of
// those that it had; fewer than asked for, or none, where it has too little
// memory or we have not the right.  At most one at a time.  A signal that ends
// the process (SIGINT, SIGTERM) gives them back too.
class HugePageReservation {
 public:
  explicit HugePageReservation(uint64_t bytes);
  HugePageReservation(const HugePageReservation&) = delete;
  ~HugePageReservation();
};

// Returns how long `cpu` was not ours since the machine started, in ms; a
// multiple of 10 (proc(5), "steal").
double StolenMs(uint32_t cpu);

// Memory of this process without the shared segments.
struct MemoryUse {
  double heap_mib = 0;      // allocated and not freed (mallinfo2)
  double resident_mib = 0;  // RssAnon of /proc/self/status
};
MemoryUse MeasureMemory();

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_MACHINE_H_
