// dataplane/memory/commands.h
//
// What goes through the rings between control plane and dataplane: commands
// (control plane to the dataplane's main thread), their replies, and events
// (workers to the control plane).
//
//   command.id = ring.next_number();  // its reply carries the same id
//
// Plain values of fixed layout.  A field that holds an enum comes from another
// process: check it before use.

#ifndef VSWITCH_DATAPLANE_MEMORY_COMMANDS_H_
#define VSWITCH_DATAPLANE_MEMORY_COMMANDS_H_

#include <cstdint>
#include <type_traits>

#include "dataplane/base/drop_reason.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/policy_direction.h"

namespace vswitch {

enum class CommandKind : uint8_t {
  kPing,              // answers; shows that the main thread lives
  kExplain,           // judges `key` as a new packet from `in_port`
  kFlushConnections,  // forgets every connection that matches
};

// Which of a command's fields a flush compares; 0: all connections.
enum FlushMatch : uint8_t {
  kFlushBySource = 1,       // key.source is one of the two addresses
  kFlushByDestination = 2,  // key.destination is one of the two addresses
  kFlushByProtocol = 4,
  kFlushByPort = 8,       // in_port is one of the two ports
  kFlushByFlowPort = 16,  // key.destination_port is one of the flow's ports
  kFlushByState = 32,     // connections only, not what is noted beside them
};

struct Command {
  uint64_t id;
  CommandKind kind;
  uint8_t flush_match;  // of FlushMatch
  PortId in_port;
  uint8_t state;  // ConnectionState
  uint8_t reserved[3];
  FlowKey key;
};

// kUnavailable: the dataplane could not do it (no tables yet).
enum class ReplyStatus : uint8_t { kOk, kUnknownCommand, kUnavailable };

// One direction of policy as explain reports it.
struct ExplainDirection {
  PolicySetId set;  // kNoPolicySet: not isolated in this direction
  RuleId rule;      // that decided; kNoRule: none matched
  uint32_t precedence;
  uint8_t allowed;
  uint8_t evaluated;  // 0: not asked (no endpoint of ours on that side)
  uint8_t reserved[2];
};

struct Reply {
  uint64_t id;
  ReplyStatus status;
  CommandKind kind;

  // kExplain: how the pipeline's own first-packet judge decided.
  DropReason drop;         // kNone: forwarded
  uint8_t has_connection;  // a connection of this key exists already
  uint8_t translated;      // a service chose a backend
  uint8_t reserved;
  PortId out_port;
  Generation generation;
  IdentityId source_identity;
  IdentityId destination_identity;
  EndpointId source_endpoint;
  EndpointId destination_endpoint;
  FlowKey key_after;  // after the service translation
  ExplainDirection egress;
  ExplainDirection ingress;

  // kFlushConnections.
  uint64_t flushed_count;
};

// kShadow: the first packet of a connection that passes, but that shadow
// policies would deny.
enum class EventKind : uint8_t { kDrop, kShadow };

inline constexpr uint32_t kEventPacketBytes = 128;

// One packet that was dropped, or would have been; sampled.
struct Event {
  uint64_t time_ns;  // of the worker's clock (CLOCK_MONOTONIC)
  Generation generation;
  EventKind kind;
  DropReason reason;  // kNone for kShadow
  PortId port;        // that the drop is charged to; of kShadow: it came in by
  RuleId rule;        // that denies; kNoRule: none allows
  IdentityId source_identity;
  IdentityId destination_identity;
  FlowKey key;  // of kShadow: as policies see it, behind a translation
  uint32_t packet_bytes;    // of the whole frame
  uint16_t captured_bytes;  // at most kEventPacketBytes
  WorkerId worker;
  PolicyDirection direction;          // of kShadow: whose shadow set denies
  uint8_t packet[kEventPacketBytes];  // its first bytes
};

inline constexpr uint32_t kCommandRingEntries = 64;
inline constexpr uint32_t kReplyRingEntries = 64;
inline constexpr uint32_t kEventRingEntries = 1024;  // of each worker

static_assert(std::is_trivially_copyable_v<Command> &&
              std::is_trivially_copyable_v<Reply> &&
              std::is_trivially_copyable_v<Event>);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_COMMANDS_H_
