// dataplane/supervisor/options.h
//
// SupervisorOptions: all that can be set about the switch's processes.  Every
// option has one name, the same as a flag (--poll=busy) and as a key of the
// configuration file (poll: busy); a flag wins over the file.
//
//   ASSIGN_OR_RETURN(SupervisorOptions options, ParseOptions(argc, argv));
//
// Everything is checked before anything starts; an error names the option, and
// the file and line if it came from there.  docs/configuration.md explains the
// options, and a test compares it with this list.
//
// Plain values.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_OPTIONS_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vswitch {

struct SupervisorOptions {
  std::string run_dir = "/run/vswitch";
  std::string socket;  // of the API; empty: vswitch.sock in run_dir
  std::string state_dir = "/var/lib/vswitch";
  std::string node_name;     // whose switch this is; empty: the host's name
  std::string controlplane;  // program; empty: beside vswitchd
  std::string dataplane;     // program; empty: beside vswitchd

  std::string hugepages = "auto";
  uint32_t table_memory_mb = 256;
  uint32_t identities = 65536;
  uint32_t connections = 1u << 18;

  uint32_t workers = 1;
  std::vector<uint32_t> cpus;
  std::string poll = "adaptive";
  uint32_t packet_buffers = 16384;
  uint32_t large_buffers = 512;
  std::vector<std::string> pci_devices;

  uint32_t stop_timeout_ms = 5000;

  bool show_help = false;
  bool show_version = false;

  std::string SocketPath() const;
};

// One option as people see it.
struct OptionInfo {
  absl::string_view name;
  absl::string_view default_value;
  absl::string_view text;
};

// Returns all options of flags and file, in the order of --help.
std::vector<OptionInfo> ListOptions();

// Reads the file that --config names (without it: kDefaultConfigPath, if it is
// there), then the flags, and checks everything.
absl::StatusOr<SupervisorOptions> ParseOptions(int argc,
                                               const char* const* argv);

inline constexpr char kDefaultConfigPath[] = "/etc/vswitch/vswitch.yaml";

// Returns what --help prints.
std::string HelpText();

// Returns the command line of each child, program first.
std::vector<std::string> ControlplaneCommand(const SupervisorOptions& options);
std::vector<std::string> DataplaneCommand(const SupervisorOptions& options,
                                          uint64_t incarnation);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_OPTIONS_H_
