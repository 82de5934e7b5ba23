// nic-drivers/dpdk/eal.h
//
// Starts DPDK's environment (EAL).  The arguments are built here from a checked
// EalConfig, so that a mistake is an error that names the option and never one
// of EAL's panics.  Only the driver plugins that are named are loaded: each is
// code that a dataplane must trust.
//
//   EalConfig config{.hugepages = EalHugepages::kAuto, .memory_mb = 256};
//   RETURN_IF_ERROR(StartEal(config));
//
// Thread rule: main thread, once in a process's life.

#ifndef VSWITCH_NIC_DRIVERS_DPDK_EAL_H_
#define VSWITCH_NIC_DRIVERS_DPDK_EAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vswitch {

enum class EalHugepages : uint8_t {
  kAuto,     // when the machine has enough of them, else ordinary pages
  kOff,      // ordinary pages
  kRequire,  // refuse to start without
};

struct EalConfig {
  EalHugepages hugepages = EalHugepages::kAuto;
  uint32_t memory_mb = 256;  // for packet buffers and the drivers' rings
  // Cores that the main thread may run on; empty: those it may run on already.
  std::vector<uint16_t> main_cpus;
  // Drivers to load by the plugin's name ("net_af_packet"); the mempool driver
  // and the buses that they need are added.
  std::vector<std::string> drivers = {"net_null",      "net_ring",
                                      "net_pcap",      "net_memif",
                                      "net_af_packet", "net_af_xdp"};
  // PCI devices that may be probed, as "0000:3b:00.0"; empty: no PCI bus.
  std::vector<std::string> pci_devices;
  // Where the plugins are; empty: where Debian's DPDK has them.
  std::string plugin_dir;
};

// Returns the EAL's command line for `config`, program name first, or an error
// that names the option.  Looks at the machine (hugepages, plugin files) but
// starts nothing.
absl::StatusOr<std::vector<std::string>> BuildEalArguments(
    const EalConfig& config);

// Starts the EAL.
absl::Status StartEal(const EalConfig& config);

// Whether StartEal() found hugepages to use.  REQUIRES: StartEal() was OK.
bool EalHasHugepages();

// Frees what StartEal() took.  No port, pool or packet may be left.
void StopEal();

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_DPDK_EAL_H_
