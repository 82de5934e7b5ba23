// controlplane/service/connection_counts.h
//
// CountEntries(): how many of the connection table's entries are connections,
// and how many note something else: the mappings of source NAT, and which
// backend a client of a service has.
//
//   EntryCounts counts = CountEntries(context.connections);
//   totals.set_connections_active(counts.connections);
//
// Walks the whole table.  Any thread.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_CONNECTION_COUNTS_H_
#define VSWITCH_CONTROLPLANE_SERVICE_CONNECTION_COUNTS_H_

#include <cstdint>

#include "dataplane/conntrack/connection_table.h"

namespace vswitch {

struct EntryCounts {
  uint64_t connections = 0;
  uint64_t notes = 0;
};

inline EntryCounts CountEntries(const ConnectionReader& connections) {
  EntryCounts counts;
  connections.ForEach([&counts](const ConnectionInfo& info) {
    const bool is_note = (info.record.flags & kNotAConnection) != 0;
    ++(is_note ? counts.notes : counts.connections);
  });
  return counts;
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_CONNECTION_COUNTS_H_
