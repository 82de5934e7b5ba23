// dataplane/supervisor/systemd_notify.h
//
// NotifySystemd: tells systemd how far we are, by the protocol of sd_notify(3).
// Does nothing when systemd did not start us.
//
//   NotifySystemd("READY=1");
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_SYSTEMD_NOTIFY_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_SYSTEMD_NOTIFY_H_

#include "absl/strings/string_view.h"

namespace vswitch {

void NotifySystemd(absl::string_view state);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_SYSTEMD_NOTIFY_H_
