// The flags, all of the form --name=value.

#include "controlplane/daemon/options.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

template <typename Number>
absl::Status ReadNumber(absl::string_view name, absl::string_view text,
                        Number low, Number high, Number& out) {
  Number value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": \"", text,
                                                   "\" is not a number from ",
                                                   low, " to ", high));
  }
  out = value;
  return absl::OkStatus();
}

absl::Status ReadPath(absl::string_view name, absl::string_view text,
                      std::string& out) {
  if (text.empty() || text.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, ": \"", text, "\" is not an absolute path"));
  }
  out = std::string(text);
  return absl::OkStatus();
}

absl::Status ReadOption(absl::string_view name, absl::string_view value,
                        DaemonOptions& options) {
  constexpr int kMaxFd = 1 << 20;
  if (name == "supervisor-fd") {
    return ReadNumber(name, value, 0, kMaxFd, options.supervisor_fd);
  }
  if (name == "table-memory-fd") {
    return ReadNumber(name, value, 0, kMaxFd, options.table_memory_fd);
  }
  if (name == "worker-memory-fd") {
    return ReadNumber(name, value, 0, kMaxFd, options.worker_memory_fd);
  }
  if (name == "workers") {
    return ReadNumber(name, value, 1u, kMaxWorkers, options.workers);
  }
  if (name == "socket") return ReadPath(name, value, options.socket);
  if (name == "state-dir") return ReadPath(name, value, options.state_dir);
  if (name == "node-name") {
    options.node_name = std::string(value);
    return absl::OkStatus();
  }
  if (name == "poll") {
    if (value != "adaptive" && value != "busy" && value != "interrupt") {
      return absl::InvalidArgumentError(absl::StrCat(
          "--poll: \"", value, "\" is not adaptive, busy or interrupt"));
    }
    options.poll = std::string(value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, " is no option; see --help"));
}

}  // namespace

absl::StatusOr<DaemonOptions> ParseOptions(int argc, const char* const* argv) {
  DaemonOptions options;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--help") {
      options.show_help = true;
      return options;
    }
    std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(argument, absl::MaxSplits('=', 1));
    if (!absl::ConsumePrefix(&parts.first, "--")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", argument, "\" is not of the form --name=value; see --help"));
    }
    RETURN_IF_ERROR(ReadOption(parts.first, parts.second, options));
  }
  if (options.supervisor_fd < 0 || options.table_memory_fd < 0 ||
      options.worker_memory_fd < 0) {
    return absl::InvalidArgumentError(
        "--supervisor-fd, --table-memory-fd and --worker-memory-fd must be "
        "set: vswitchd starts this program");
  }
  return options;
}

std::string HelpText() {
  return "vswitch-controlplane serves the switch's API.  vswitchd starts it,\n"
         "with the descriptors that it needs:\n"
         "\n"
         "  --supervisor-fd=N --table-memory-fd=N --worker-memory-fd=N\n"
         "  --socket=PATH       unix socket of the API\n"
         "  --state-dir=PATH    where the journal of desired state lies\n"
         "  --node-name=NAME    whose switch this is; default: the Node named\n"
         "                      like the host, or else the only Node\n"
         "  --workers=N         worker threads of the dataplane\n"
         "  --poll=MODE         how they poll, for the status\n";
}

}  // namespace vswitch
