// dataplane/main/options.h
//
// DataplaneOptions: the command line of vswitch-dataplane.  The supervisor
// writes it from its configuration file; every value is checked here, before
// DPDK starts, and an error names the option.
//
//   ASSIGN_OR_RETURN(DataplaneOptions options, ParseOptions(argc, argv));

#ifndef VSWITCH_DATAPLANE_MAIN_OPTIONS_H_
#define VSWITCH_DATAPLANE_MAIN_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/worker/idle_policy.h"
#include "nic-drivers/dpdk/eal.h"

namespace vswitch {

struct DataplaneOptions {
  // Descriptors inherited from the supervisor.
  int supervisor_fd = 3;
  int table_memory_fd = 4;
  int worker_memory_fd = 5;
  uint64_t incarnation = 1;

  uint32_t workers = 1;        // 1 to kMaxWorkers
  std::vector<uint16_t> cpus;  // of the workers, in order; empty: not pinned
  PollMode poll = PollMode::kAdaptive;

  EalHugepages hugepages = EalHugepages::kAuto;
  uint32_t packet_buffers = 16384;  // of 2 KB
  uint32_t large_buffers = 512;     // of 64 KB, for kernel segments
  std::vector<std::string> pci_devices;

  bool show_help = false;
  bool show_version = false;
  std::string help;
};

// Reads and checks the command line; INVALID_ARGUMENT names the option.
absl::StatusOr<DataplaneOptions> ParseOptions(int argc,
                                              const char* const* argv);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MAIN_OPTIONS_H_
