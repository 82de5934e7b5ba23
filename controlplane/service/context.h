// controlplane/service/context.h
//
// ServiceContext: what the four services share: the control plane, the two
// memories as far as they may be read, and the ways to ask the dataplane and
// the supervisor.
//
// Everything in it is thread-safe and outlives the services.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_CONTEXT_H_
#define VSWITCH_CONTROLPLANE_SERVICE_CONTEXT_H_

#include <string>

#include "absl/time/time.h"
#include "controlplane/health/health_servers.h"
#include "controlplane/publish/control_plane.h"
#include "controlplane/service/dataplane_commands.h"
#include "controlplane/service/drop_log.h"
#include "controlplane/service/names.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/stats/counters.h"
#include "dataplane/supervisor/client.h"
#include "google/protobuf/timestamp.pb.h"

namespace vswitch {

struct ServiceContext {
  ControlPlane& plane;
  SupervisorClient& supervisor;
  const WorkerMemoryView& workers;
  CounterView counters;
  const ConnectionReader& connections;
  DataplaneCommands& commands;
  DropLog& drops;
  NamesCache& names;
  const HealthServers& health;
  std::string version;
  std::string poll_mode;
};

google::protobuf::Timestamp ToTimestamp(absl::Time time);

// Returns now plus `timeout_ms`, or plus `default_timeout` when that is 0.
absl::Time DeadlineAfter(uint32_t timeout_ms, absl::Duration default_timeout);
inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(10);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_CONTEXT_H_
