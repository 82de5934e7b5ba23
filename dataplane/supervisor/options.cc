// One table of options serves flags, file, --help and the documentation's test.

#include "dataplane/supervisor/options.h"

#include <limits.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

using Setter =
    std::function<absl::Status(const std::string&, SupervisorOptions&)>;

struct Option {
  OptionInfo info;
  Setter set;
};

absl::Status Bad(absl::string_view value, absl::string_view rule) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", value, "\": must be ", rule));
}

Setter Path(std::string SupervisorOptions::*member) {
  return [member](const std::string& value, SupervisorOptions& options) {
    if (value.empty() || value[0] != '/' || value.size() >= PATH_MAX) {
      return Bad(value, "an absolute path");
    }
    options.*member = value;
    return absl::OkStatus();
  };
}

Setter Number(uint32_t SupervisorOptions::*member, uint32_t least,
              uint32_t most) {
  return [=](const std::string& value, SupervisorOptions& options) {
    uint32_t number;
    if (!absl::SimpleAtoi(value, &number) || number < least || number > most) {
      return Bad(value, absl::StrCat("a number from ", least, " to ", most));
    }
    options.*member = number;
    return absl::OkStatus();
  };
}

Setter OneOf(std::string SupervisorOptions::*member,
             std::vector<std::string> values) {
  return [=](const std::string& value, SupervisorOptions& options) {
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      return Bad(value, absl::StrCat("one of ", absl::StrJoin(values, ", ")));
    }
    options.*member = value;
    return absl::OkStatus();
  };
}

// An RFC 1123 subdomain, as Kubernetes names its Nodes.
absl::Status NodeName(const std::string& value, SupervisorOptions& options) {
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (value.empty() || value.size() > 253 ||
      value.find_first_not_of(kLetters) != std::string::npos) {
    return Bad(value, "the name of a Node: small letters, digits, - and .");
  }
  options.node_name = value;
  return absl::OkStatus();
}

absl::Status SetCpus(const std::string& value, SupervisorOptions& options) {
  options.cpus.clear();
  for (absl::string_view part :
       absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    uint32_t cpu;
    if (!absl::SimpleAtoi(part, &cpu) || cpu > 1023) {
      return Bad(value, "core numbers separated by commas");
    }
    options.cpus.push_back(cpu);
  }
  return absl::OkStatus();
}

// dddd:bb:dd.f, in hexadecimal
bool IsPciAddress(absl::string_view text) {
  constexpr absl::string_view kForm = "xxxx:xx:xx.x";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == 'x' ? !std::isxdigit(static_cast<unsigned char>(text[i]))
                        : text[i] != kForm[i]) {
      return false;
    }
  }
  return true;
}

absl::Status SetPciDevices(const std::string& value,
                           SupervisorOptions& options) {
  options.pci_devices = absl::StrSplit(value, ',', absl::SkipWhitespace());
  for (const std::string& device : options.pci_devices) {
    if (!IsPciAddress(device)) {
      return Bad(value, "PCI addresses as 0000:3b:00.0, separated by commas");
    }
  }
  return absl::OkStatus();
}

const std::vector<Option>& Options() {
  using O = SupervisorOptions;
  static const auto* const options = new std::vector<Option>{
      {{"run-dir", "/run/vswitch", "Folder of the lock and the API's socket."},
       Path(&O::run_dir)},
      {{"socket", "RUN-DIR/vswitch.sock", "Unix socket of the API."},
       Path(&O::socket)},
      {{"state-dir", "/var/lib/vswitch", "Folder of the desired state."},
       Path(&O::state_dir)},
      {{"node-name", "of the host", "The Node whose switch this is."},
       NodeName},
      {{"controlplane", "beside vswitchd", "The control plane's program."},
       Path(&O::controlplane)},
      {{"dataplane", "beside vswitchd", "The dataplane's program."},
       Path(&O::dataplane)},
      {{"hugepages", "auto",
        "Memory on 2 MB pages: auto (if there are enough), off, require."},
       OneOf(&O::hugepages, {"auto", "off", "require"})},
      {{"table-memory-mb", "256", "Memory for policies, routes, services."},
       Number(&O::table_memory_mb, 8, 65536)},
      {{"identities", "65536", "Addresses that can have an identity."},
       Number(&O::identities, 1024, 1u << 24)},
      {{"connections", "262144", "Connections that can be tracked at once."},
       Number(&O::connections, 1024, 1u << 27)},
      {{"workers", "1", "Threads that forward packets."},
       Number(&O::workers, 1, 16)},
      {{"cpus", "any", "Cores of the workers, one each, as 2,3."}, SetCpus},
      {{"poll", "adaptive",
        "How a worker waits: adaptive, busy (fastest), interrupt (coolest)."},
       OneOf(&O::poll, {"adaptive", "busy", "interrupt"})},
      {{"packet-buffers", "16384", "Packet buffers of 2 KB."},
       Number(&O::packet_buffers, 1024, 1u << 22)},
      {{"large-buffers", "512", "Buffers of 64 KB, for kernel segments."},
       Number(&O::large_buffers, 64, 1u << 16)},
      {{"pci-devices", "none", "PCI NICs that ports may use."}, SetPciDevices},
      {{"stop-timeout-ms", "5000", "After it a process is killed at stop."},
       Number(&O::stop_timeout_ms, 100, 600'000)},
  };
  return *options;
}

const Option* FindOption(absl::string_view name) {
  for (const Option& option : Options()) {
    if (option.info.name == name) return &option;
  }
  return nullptr;
}

absl::Status At(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(where, ": ", status.message()));
}

// Returns a scalar as it is and a list with commas between its elements.
absl::StatusOr<std::string> TextOf(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  if (!node.IsSequence()) {
    return absl::InvalidArgumentError("must be a value or a list of values");
  }
  std::vector<std::string> parts;
  for (const YAML::Node& element : node) {
    if (!element.IsScalar()) {
      return absl::InvalidArgumentError("must be a list of plain values");
    }
    parts.push_back(element.Scalar());
  }
  return absl::StrJoin(parts, ",");
}

absl::Status ApplyFileNode(const std::string& path, const YAML::Node& root,
                           SupervisorOptions& options) {
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": must hold lines of the form \"option: value\""));
  }
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const std::string where =
        absl::StrCat(path, ":", entry.first.Mark().line + 1);
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const Option* option = FindOption(name);
    if (option == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, ": unknown option \"", name, "\" (vswitchd --help has all)"));
    }
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": option ", name, " is there twice"));
    }
    const std::string what = absl::StrCat(where, ": option ", name);
    absl::StatusOr<std::string> value = TextOf(entry.second);
    if (!value.ok()) return At(what, value.status());
    const absl::Status set = option->set(*value, options);
    if (!set.ok()) return At(what, set);
  }
  return absl::OkStatus();
}

absl::Status ApplyFile(const std::string& path, SupervisorOptions& options) {
  // yaml-cpp reports by exceptions; they end here.
  try {
    return ApplyFileNode(path, YAML::LoadFile(path), options);
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(
        absl::StrCat("option --config: cannot read ", path));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ":", error.mark.line + 1, ": not YAML: ", error.msg));
  }
}

struct Flag {
  std::string name;
  std::string value;
};

absl::StatusOr<std::vector<Flag>> SplitFlags(int argc, const char* const* argv,
                                             SupervisorOptions& options) {
  std::vector<Flag> flags;
  for (int i = 1; i < argc; ++i) {
    absl::string_view text = argv[i];
    if (text == "--help" || text == "-h") {
      options.show_help = true;
      continue;
    }
    if (text == "--version") {
      options.show_version = true;
      continue;
    }
    if (!absl::ConsumePrefix(&text, "--")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown argument \"", argv[i], "\" (vswitchd --help has all)"));
    }
    const size_t equal = text.find('=');
    Flag flag{.name = std::string(text.substr(0, equal))};
    if (flag.name != "config" && FindOption(flag.name) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown option --", flag.name, " (vswitchd --help has all)"));
    }
    if (equal != absl::string_view::npos) {
      flag.value = std::string(text.substr(equal + 1));
    } else if (i + 1 < argc) {
      flag.value = argv[++i];
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("option --", flag.name, " needs a value"));
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

// What no option can say about itself.
absl::Status CheckTogether(const SupervisorOptions& options) {
  if (!options.cpus.empty() && options.cpus.size() != options.workers) {
    return absl::InvalidArgumentError(
        absl::StrCat("option --cpus: names ", options.cpus.size(),
                     " cores for ", options.workers, " workers"));
  }
  // sun_path of unix(7) has 108 bytes with the final zero.
  if (options.SocketPath().size() > 107) {
    return absl::InvalidArgumentError(
        absl::StrCat("option --socket: ", options.SocketPath(),
                     " has more than the 107 bytes of a unix socket's path"));
  }
  for (const std::string& program :
       {ControlplaneCommand(options)[0], DataplaneCommand(options, 1)[0]}) {
    if (access(program.c_str(), X_OK) != 0) {
      return absl::NotFoundError(
          absl::StrCat("program ", program,
                       " is not there or cannot be run; options "
                       "--controlplane and --dataplane say where they are"));
    }
  }
  return absl::OkStatus();
}

// Returns `program` or, if that is empty, the file `name` beside this program.
std::string ProgramPath(const std::string& program, absl::string_view name) {
  if (!program.empty()) return program;
  char self[PATH_MAX];
  const ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self));
  absl::string_view path(self, bytes > 0 ? static_cast<size_t>(bytes) : 0);
  return absl::StrCat(path.substr(0, path.rfind('/') + 1), name);
}

std::vector<std::string> CommonArguments() {
  return {"--supervisor-fd=3", "--table-memory-fd=4", "--worker-memory-fd=5"};
}

}  // namespace

std::string SupervisorOptions::SocketPath() const {
  return socket.empty() ? absl::StrCat(run_dir, "/vswitch.sock") : socket;
}

std::vector<OptionInfo> ListOptions() {
  std::vector<OptionInfo> list;
  for (const Option& option : Options()) list.push_back(option.info);
  return list;
}

absl::StatusOr<SupervisorOptions> ParseOptions(int argc,
                                               const char* const* argv) {
  SupervisorOptions options;
  ASSIGN_OR_RETURN(const std::vector<Flag> flags,
                   SplitFlags(argc, argv, options));
  if (options.show_help || options.show_version) return options;
  std::string config;
  if (access(kDefaultConfigPath, F_OK) == 0) config = kDefaultConfigPath;
  for (const Flag& flag : flags) {
    if (flag.name == "config") config = flag.value;
  }
  if (!config.empty()) RETURN_IF_ERROR(ApplyFile(config, options));
  for (const Flag& flag : flags) {
    if (flag.name == "config") continue;
    const absl::Status set = FindOption(flag.name)->set(flag.value, options);
    if (!set.ok()) return At(absl::StrCat("option --", flag.name), set);
  }
  RETURN_IF_ERROR(CheckTogether(options));
  return options;
}

std::string HelpText() {
  std::string text =
      "vswitchd starts and supervises the switch.\n"
      "\n"
      "  vswitchd                              as the systemd unit does\n"
      "  vswitchd --config=/etc/my.yaml        another configuration file\n"
      "  vswitchd --workers=2 --cpus=2,3 --poll=busy\n"
      "\n"
      "Every option may stand in the file too, as \"workers: 2\".\n\n";
  absl::StrAppend(&text, "  --config=FILE\n      The configuration file (",
                  kDefaultConfigPath, ", if it exists).\n");
  for (const Option& option : Options()) {
    absl::StrAppend(&text, "  --", option.info.name, "=VALUE\n      ",
                    option.info.text, " Default: ", option.info.default_value,
                    ".\n");
  }
  absl::StrAppend(&text, "  --version\n  --help\n");
  return text;
}

std::vector<std::string> ControlplaneCommand(const SupervisorOptions& options) {
  std::vector<std::string> command = {
      ProgramPath(options.controlplane, "vswitch-controlplane")};
  for (std::string& argument : CommonArguments()) {
    command.push_back(std::move(argument));
  }
  command.push_back(absl::StrCat("--socket=", options.SocketPath()));
  command.push_back(absl::StrCat("--state-dir=", options.state_dir));
  command.push_back(absl::StrCat("--workers=", options.workers));
  command.push_back(absl::StrCat("--poll=", options.poll));
  command.push_back(absl::StrCat("--node-name=", options.node_name));
  return command;
}

std::vector<std::string> DataplaneCommand(const SupervisorOptions& options,
                                          uint64_t incarnation) {
  std::vector<std::string> command = {
      ProgramPath(options.dataplane, "vswitch-dataplane")};
  for (std::string& argument : CommonArguments()) {
    command.push_back(std::move(argument));
  }
  command.push_back(absl::StrCat("--incarnation=", incarnation));
  command.push_back(absl::StrCat("--workers=", options.workers));
  if (!options.cpus.empty()) {
    command.push_back(
        absl::StrCat("--cpus=", absl::StrJoin(options.cpus, ",")));
  }
  command.push_back(absl::StrCat("--poll=", options.poll));
  command.push_back(absl::StrCat("--hugepages=", options.hugepages));
  command.push_back(absl::StrCat("--packet-buffers=", options.packet_buffers));
  command.push_back(absl::StrCat("--large-buffers=", options.large_buffers));
  for (const std::string& device : options.pci_devices) {
    command.push_back(absl::StrCat("--pci-device=", device));
  }
  return command;
}

}  // namespace vswitch
