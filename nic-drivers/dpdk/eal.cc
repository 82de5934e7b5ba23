// Builds EAL's command line.  Its options are those of DPDK 22.11, "EAL
// parameters" in the Getting Started Guide for Linux.

#include "nic-drivers/dpdk/eal.h"

#include <dirent.h>
#include <errno.h>
#include <rte_build_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// More than this needs more segments than Debian's DPDK is built for.
constexpr uint32_t kMinMemoryMb = 64;
constexpr uint32_t kMaxMemoryMb = 256 * 1024;

// Returns what /proc/meminfo says about `key`, in its own unit; 0 if nothing.
uint64_t Meminfo(absl::string_view key) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  uint64_t value;
  std::string rest;
  while (file >> name >> value && std::getline(file, rest)) {
    if (name == absl::StrCat(key, ":")) return value;
  }
  return 0;
}

bool EnoughHugepages(uint32_t memory_mb) {
  const uint64_t free_kb = Meminfo("HugePages_Free") * Meminfo("Hugepagesize");
  return free_kb >= uint64_t{memory_mb} * 1024;
}

absl::StatusOr<bool> ChooseHugepages(const EalConfig& config) {
  if (config.hugepages == EalHugepages::kOff) return false;
  const bool enough = EnoughHugepages(config.memory_mb);
  if (!enough && config.hugepages == EalHugepages::kRequire) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "hugepages: require, but ", config.memory_mb, " MB are wanted and ",
        Meminfo("HugePages_Free") * Meminfo("Hugepagesize") / 1024,
        " MB are free; raise vm.nr_hugepages"));
  }
  return enough;
}

bool IsPluginName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_';
  });
}

absl::StatusOr<std::string> PluginPath(const EalConfig& config,
                                       absl::string_view name) {
  if (!IsPluginName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dpdk driver \"", name,
                     "\": a driver's name has letters, digits, '_'"));
  }
  const std::string dir =
      config.plugin_dir.empty() ? RTE_EAL_PMD_PATH : config.plugin_dir;
  const std::string path = absl::StrCat(dir, "/librte_", name, ".so");
  if (access(path.c_str(), R_OK) == 0) return path;
  // Debian's run-time packages have the name with the ABI's number only.
  const std::string versioned = absl::StrCat(path, ".23");
  if (access(versioned.c_str(), R_OK) == 0) return versioned;
  return absl::NotFoundError(
      absl::StrCat("dpdk driver \"", name, "\": no plugin ", path, " (",
                   strerror(errno), "); is its Debian package installed?"));
}

// The first of `names` must be there; of the rest only those that are.
absl::Status AppendPlugins(const EalConfig& config,
                           std::vector<std::string>& arguments) {
  std::vector<std::string> names = {"bus_vdev", "mempool_ring"};
  if (!config.pci_devices.empty()) names.push_back("bus_pci");
  names.insert(names.end(), config.drivers.begin(), config.drivers.end());
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::string path, PluginPath(config, name));
    arguments.push_back("-d");
    arguments.push_back(std::move(path));
  }
  return absl::OkStatus();
}

bool IsPciAddress(absl::string_view text) {
  // dddd:bb:dd.f in hexadecimal
  if (text.size() != 12 || text[4] != ':' || text[7] != ':' ||
      text[10] != '.') {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != 4 && i != 7 && i != 10 && !absl::ascii_isxdigit(text[i])) {
      return false;
    }
  }
  return true;
}

absl::Status AppendPci(const EalConfig& config,
                       std::vector<std::string>& arguments) {
  if (config.pci_devices.empty()) arguments.push_back("--no-pci");
  for (const std::string& device : config.pci_devices) {
    if (!IsPciAddress(device)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pci device \"", device, "\": write it as 0000:3b:00.0"));
    }
    arguments.push_back("-a");
    arguments.push_back(device);
  }
  return absl::OkStatus();
}

// The cores that this process may run on.
absl::StatusOr<std::vector<uint16_t>> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    return absl::ErrnoToStatus(errno, "cannot read the allowed cores");
  }
  std::vector<uint16_t> cpus;
  for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

absl::StatusOr<std::string> MainCpus(const EalConfig& config) {
  ASSIGN_OR_RETURN(const std::vector<uint16_t> allowed, AllowedCpus());
  if (config.main_cpus.empty()) return absl::StrJoin(allowed, ",");
  for (uint16_t cpu : config.main_cpus) {
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cpu ", cpu, ": this process may run on ",
                       absl::StrJoin(allowed, ","), " only"));
    }
  }
  return absl::StrJoin(config.main_cpus, ",");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> BuildEalArguments(
    const EalConfig& config) {
  if (config.memory_mb < kMinMemoryMb || config.memory_mb > kMaxMemoryMb) {
    return absl::InvalidArgumentError(
        absl::StrCat("packet memory of ", config.memory_mb, " MB: must be ",
                     kMinMemoryMb, " to ", kMaxMemoryMb));
  }
  ASSIGN_OR_RETURN(const bool hugepages, ChooseHugepages(config));
  ASSIGN_OR_RETURN(const std::string cpus, MainCpus(config));
  std::vector<std::string> arguments = {
      "vswitch-dataplane",
      // One EAL thread, ours; workers are threads of our own that register.
      absl::StrCat("--lcores=0@(", cpus, ")"),
      "--no-telemetry",
      "--log-level=lib.eal:warning",
      "--iova-mode=va",
      "-m",
      absl::StrCat(config.memory_mb),
  };
  // --in-memory leaves no file in hugetlbfs; EAL refuses it without hugepages.
  if (hugepages) {
    arguments.push_back("--in-memory");
  } else {
    arguments.push_back("--no-huge");
    arguments.push_back("--no-shconf");
  }
  // Of the physical NICs, only those bound to vfio-pci can be used by address.
  RETURN_IF_ERROR(AppendPci(config, arguments));
  RETURN_IF_ERROR(AppendPlugins(config, arguments));
  return arguments;
}

absl::Status StartEal(const EalConfig& config) {
  ASSIGN_OR_RETURN(std::vector<std::string> arguments,
                   BuildEalArguments(config));
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) >= 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("DPDK does not start: ", rte_strerror(rte_errno),
                   "; arguments: ", absl::StrJoin(arguments, " ")));
}

bool EalHasHugepages() { return rte_eal_has_hugepages() != 0; }

void StopEal() { rte_eal_cleanup(); }

}  // namespace vswitch
