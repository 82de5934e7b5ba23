// dataplane/pipeline/connection_opener.h
//
// ConnectionOpener: makes the entries of a new connection, with a source of its
// own outside if source NAT asks for one (dataplane/nat/source_nat.h), and
// knows to whom what comes to such an outside address belongs.
//
//   ConnectionOpener opener(context, burst);
//   InsertResult opened = opener.Open(connection, result.nat_address);
//   // connection.reply tells how the packets leave
//
// Borrows both; that worker's only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_CONNECTION_OPENER_H_
#define VSWITCH_DATAPLANE_PIPELINE_CONNECTION_OPENER_H_

#include <optional>

#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/pipeline/affinity.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"

namespace vswitch {

// What a packet is that is sent to an address of source NAT.
struct MappedPacket {
  enum class Kind {
    kNone,      // no mapping has its port
    kFiltered,  // the mapping's client has never sent to the packet's source
    kFound,
  };
  Kind kind = Kind::kNone;
  FlowKey translated;  // of kFound: to the client's own address and port
};

class ConnectionOpener {
 public:
  ConnectionOpener(PipelineContext& context, const Burst& burst)
      : context_(context),
        burst_(burst),
        connections_(*context.environment.connections) {}

  // Makes the entry.  With `nat_address` the connection's source becomes that
  // address and a port that is free there, and no service's: connection.reply
  // and flags change.
  // kReplyTaken means that no port is free, or without `nat_address` that
  // another connection has the reply's key.  A pod's connection keeps to the
  // limits for pods.
  InsertResult Open(NewConnection& connection,
                    const std::optional<IpAddress>& nat_address);

  // Finds the mapping that a packet with `key` is sent to.  `from_pod`: a pod
  // of this node sends it, which no filter holds back (RFC 4787 REQ-9).
  MappedPacket FindMapped(const FlowKey& key, bool from_pod);

  // Notes that a client with a mapping has sent a packet, the one of `view`:
  // what keeps the mapping and the right to answer (RFC 4787 REQ-6).
  void KeepMapping(const ConnectionView& view);

  // Notes which backend the client of a connection has that was just made
  // (dataplane/pipeline/affinity.h), for `timeout_s` at most: anybody can send
  // such a packet in the client's name, so the note is forgotten with a
  // connection that nobody answers.
  void NoteAffinity(const NewConnection& connection, uint32_t timeout_s);

  // Keeps that note for the service's whole time, from now on.  `view` is of a
  // connection of a service that has just become one: its client has been
  // heard from behind the backend's answer, or without TCP has been answered.
  void KeepAffinity(const ConnectionView& view);

 private:
  ConnectionLimits LimitsFor(EndpointId source) const;
  InsertResult Insert(const NewConnection& connection);
  InsertResult InsertMapped(NewConnection& connection, FlowKey& leaving);
  ConnectionView InsertAffinity(const NewConnection& connection,
                                const BackendEnd& backend);
  void TouchAffinity(const ConnectionView& kept, uint32_t timeout_s);
  InsertStatus FindOutside(const NewConnection& connection, FlowKey& leaving);
  bool IsOfService(const FlowKey& leaving) const;
  void NoteContact(const NewConnection& connection, const FlowKey& leaving);
  void Touch(const ConnectionView& view);

  PipelineContext& context_;
  const Burst& burst_;
  ConnectionTable& connections_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_CONNECTION_OPENER_H_
