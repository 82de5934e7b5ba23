// dataplane/supervisor/log.h
//
// Log: one line of the supervisor on standard error, where systemd's journal
// takes it.
//
//   Log("the dataplane was killed by SIGKILL");
//
// Thread rule: any thread.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_LOG_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_LOG_H_

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vswitch {

inline void Log(absl::string_view text) {
  const std::string line = absl::StrCat("vswitchd: ", text, "\n");
  // Nothing can be done about an error: this is where errors are told.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_LOG_H_
