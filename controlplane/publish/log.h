// controlplane/publish/log.h
//
// Log(): one line on stderr, which the supervisor's journal collects.
//
// At most kLogLinesPerSecond lines on average: a client that provokes an error
// a thousand times a second must not fill the disk.  What was left out is
// counted and said with the next line.
//
//   Log("device of port ", name, ": ", status.message());
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_LOG_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_LOG_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace vswitch {

inline constexpr int kLogLinesPerSecond = 20;

void LogLine(const std::string& text);

template <typename... Parts>
void Log(const Parts&... parts) {
  LogLine(absl::StrCat(parts...));
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_LOG_H_
