// Reads and checks the command line of vswitch-dataplane.

#include "dataplane/main/options.h"

#include <CLI/CLI.hpp>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/ids.h"

namespace vswitch {
namespace {

absl::Status Invalid(absl::string_view option, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", what));
}

absl::Status Check(const DataplaneOptions& options) {
  const uint32_t cores = std::thread::hardware_concurrency();
  if (options.workers < 1 || options.workers > kMaxWorkers) {
    return Invalid(
        "--workers",
        absl::StrCat(options.workers, " is not between 1 and ", kMaxWorkers));
  }
  if (!options.cpus.empty() && options.cpus.size() != options.workers) {
    return Invalid(
        "--cpus", absl::StrCat("names ", options.cpus.size(), " cores for ",
                               options.workers, " workers; name one for each"));
  }
  std::set<uint16_t> seen;
  for (uint16_t cpu : options.cpus) {
    if (cpu >= cores) {
      return Invalid("--cpus", absl::StrCat("core ", cpu,
                                            " does not exist; this machine "
                                            "has cores 0 to ",
                                            cores - 1));
    }
    if (!seen.insert(cpu).second) {
      return Invalid("--cpus", absl::StrCat("core ", cpu, " is named twice"));
    }
  }
  if (options.packet_buffers < 1024 || options.packet_buffers > (1u << 22)) {
    return Invalid("--packet-buffers",
                   absl::StrCat(options.packet_buffers,
                                " is not between 1024 and 4194304"));
  }
  if (options.large_buffers < 64 || options.large_buffers > (1u << 16)) {
    return Invalid("--large-buffers", absl::StrCat(options.large_buffers,
                                                   " is not between 64 and "
                                                   "65536"));
  }
  if (options.incarnation == 0) {
    return Invalid("--incarnation", "0 is not a run of the dataplane");
  }
  for (const auto& [option, fd] : {
           std::pair{"--supervisor-fd", options.supervisor_fd},
           std::pair{"--table-memory-fd", options.table_memory_fd},
           std::pair{"--worker-memory-fd", options.worker_memory_fd},
       }) {
    if (fd < 0) {
      return Invalid(option, absl::StrCat(fd, " is not a descriptor"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DataplaneOptions> ParseOptions(int argc,
                                              const char* const* argv) {
  DataplaneOptions options;
  std::string poll = "adaptive";
  std::string hugepages = "auto";
  CLI::App app(
      "The poll-mode dataplane of vswitch.  vswitchd starts it; its options "
      "come from vswitchd's configuration.",
      "vswitch-dataplane");
  app.add_flag("--version", options.show_version, "Print the version.");
  app.add_option("--supervisor-fd", options.supervisor_fd,
                 "Socket to the supervisor.");
  app.add_option("--table-memory-fd", options.table_memory_fd,
                 "Table memory, read-only.");
  app.add_option("--worker-memory-fd", options.worker_memory_fd,
                 "Worker memory.");
  app.add_option("--incarnation", options.incarnation,
                 "Number of this run of the dataplane.");
  app.add_option("--workers", options.workers, "Worker threads, 1 to 16.");
  app.add_option("--cpus", options.cpus,
                 "Cores of the workers, one each, as 1,2.")
      ->delimiter(',');
  app.add_option("--poll", poll, "adaptive, busy or interrupt.");
  app.add_option("--hugepages", hugepages, "auto, off or require.");
  app.add_option("--packet-buffers", options.packet_buffers,
                 "Packet buffers of 2 KB.");
  app.add_option("--large-buffers", options.large_buffers,
                 "Buffers of 64 KB for large segments.");
  app.add_option("--pci-device", options.pci_devices,
                 "PCI device that a port may use; may be repeated.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.show_help = true;
    options.help = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  const std::optional<PollMode> mode = ParsePollMode(poll);
  if (!mode.has_value()) {
    return Invalid("--poll", absl::StrCat("\"", poll,
                                          "\" is none of adaptive, busy, "
                                          "interrupt"));
  }
  options.poll = *mode;
  if (hugepages == "auto") {
    options.hugepages = EalHugepages::kAuto;
  } else if (hugepages == "off") {
    options.hugepages = EalHugepages::kOff;
  } else if (hugepages == "require") {
    options.hugepages = EalHugepages::kRequire;
  } else {
    return Invalid("--hugepages", absl::StrCat("\"", hugepages,
                                               "\" is none of auto, off, "
                                               "require"));
  }
  if (absl::Status status = Check(options); !status.ok()) return status;
  return options;
}

}  // namespace vswitch
