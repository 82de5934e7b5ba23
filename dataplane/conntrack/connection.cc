// Names of connection states and of the reasons why entries end.

#include "dataplane/conntrack/connection.h"

namespace vswitch {

absl::string_view ConnectionStateName(ConnectionState state) {
  static constexpr absl::string_view kNames[kConnectionStateCount] = {
      "NONE",        "SYN_SENT",      "SYN_RECV",      "ESTABLISHED",
      "FIN_WAIT",    "CLOSE_WAIT",    "LAST_ACK",      "TIME_WAIT",
      "CLOSE",       "SYN_SENT2",     "UNREPLIED",     "REPLIED",
      "COOKIE_WAIT", "COOKIE_ECHOED", "SHUTDOWN_SENT", "SHUTDOWN_ACK_SENT"};
  const auto number = static_cast<uint32_t>(state);
  // A reader takes the number from memory that another process writes.
  return number < kConnectionStateCount ? kNames[number] : "UNKNOWN";
}

absl::string_view DeleteReasonName(DeleteReason reason) {
  static constexpr absl::string_view kNames[kDeleteReasonCount] = {
      "timeout", "closed", "flushed", "reopened", "evicted"};
  return kNames[static_cast<uint32_t>(reason)];
}

}  // namespace vswitch
