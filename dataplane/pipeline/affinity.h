// dataplane/pipeline/affinity.h
//
// Session affinity: how it is noted which backend a client of a service has
// (Kubernetes' sessionAffinity: ClientIP).
//
// The connection table holds it, so that it outlives the dataplane and all
// workers share it: an entry with flag kAffinity whose keys are of a protocol
// without ports and have ports nevertheless, so that no packet finds it.
//
//   client:PROTOCOL -> service:port     answers  backend:port -> client:NUMBER
//
// NUMBER tells the services apart by which one client has one backend: a key is
// in the table once.  The entry's state is kUnreplied until a connection of the
// client was answered: so long it is forgotten like such a connection, so that
// packets in other people's names leave nothing behind for hours.
//
//   ConnectionView kept = connections.Lookup(AffinityKey(key));
//   if (IsAffinity(kept)) BackendEnd backend = BackendOf(kept.record);
//
// Plain values and pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_AFFINITY_H_
#define VSWITCH_DATAPLANE_PIPELINE_AFFINITY_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection.h"

namespace vswitch {

// An address and port that take connections.
struct BackendEnd {
  IpAddress address;
  Be16 port;
  friend bool operator==(const BackendEnd&, const BackendEnd&) = default;
};

// Reserved by IANA, so that nobody's rules or timers are about it.
inline constexpr IpProtocol kAffinityProtocol{255};

// Services by which one client may have one backend; of more the rest chooses
// anew for each connection.
inline constexpr uint32_t kMaxAffinityNumbers = 8;

// Returns the key that the client of `flow`, a packet's key on its way to a
// service, is found by.
inline FlowKey AffinityKey(const FlowKey& flow) {
  FlowKey key = flow;
  key.source_port = Be16::FromHost(static_cast<uint16_t>(flow.protocol));
  key.protocol = kAffinityProtocol;
  return key;
}

// Returns the other key of the same entry.
inline FlowKey AffinityReplyKey(const FlowKey& flow, const BackendEnd& backend,
                                uint32_t number) {
  FlowKey key = flow;
  key.source = backend.address;
  key.source_port = backend.port;
  key.destination = flow.source;
  key.destination_port = Be16::FromHost(static_cast<uint16_t>(number));
  key.protocol = kAffinityProtocol;
  return key;
}

inline bool IsAffinity(const ConnectionView& view) {
  return view.found() && (view.record.flags & kAffinity) != 0;
}

// Whether it is an affinity's entry that is kept for the service's whole time.
inline bool IsKept(const ConnectionView& view) {
  return IsAffinity(view) && view.state == ConnectionState::kReplied;
}

// Returns the backend that an affinity's entry keeps, or that a connection of a
// service has.
inline BackendEnd BackendOf(const ConnectionRecord& record) {
  return {record.reply_source, record.reply_source_port};
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_AFFINITY_H_
