// dataplane/conntrack/connection.h
//
// The plain values of connection tracking: what an entry of the connection
// table holds (ConnectionRecord), what a worker gets from a lookup
// (ConnectionView), what it gives to judge one (Judgement).
//
// A connection is two flow keys: `original`, as the first packet came in, and
// `reply`, as the packets that answer come in.  Without translation one is the
// other reversed.  With it, a packet of one direction leaves as the reverse of
// the other direction's key; so the two keys are the translation:
//
//   const FlowKey to = view.record.TranslatedKey(view.direction);
//   if (!(to == meta.key)) RewriteFlow(packet, meta, to);
//
// Plain values: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_H_

#include <array>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "dataplane/base/denial.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

enum class FlowDirection : uint8_t { kOriginal = 0, kReply = 1 };

inline constexpr FlowDirection Opposite(FlowDirection direction) {
  return static_cast<FlowDirection>(1 - static_cast<uint8_t>(direction));
}

// The TCP states have the names and the meaning of Linux' nf_conntrack; those
// of SCTP are sctp_state.h's; other protocols know whether an answer was seen.
// Part of the memory's layout.
enum class ConnectionState : uint8_t {
  kNone = 0,
  kSynSent = 1,
  kSynReceived = 2,
  kEstablished = 3,
  kFinWait = 4,
  kCloseWait = 5,
  kLastAck = 6,
  kTimeWait = 7,
  kClosed = 8,
  kSynSent2 = 9,  // simultaneous open
  kUnreplied = 10,
  kReplied = 11,
  kCookieWait =
      12,  // SCTP, from here on; and kEstablished, kClosed, kUnreplied
  kCookieEchoed = 13,
  kShutdownSent = 14,
  kShutdownAckSent = 15,
};
inline constexpr uint32_t kConnectionStateCount = 16;

// Returns the spelling of API and CLI: "ESTABLISHED".
absl::string_view ConnectionStateName(ConnectionState state);

// Why an entry ended; each is one counter.
enum class DeleteReason : uint8_t {
  kTimeout = 0,   // idle for as long as its state allows
  kClosed = 1,    // as above, of a TCP connection that was closed or reset
  kFlushed = 2,   // by command
  kReopened = 3,  // a new connection took over the ports
  kEvicted = 4,   // removed by the pipeline for a reason of its own
};
inline constexpr uint32_t kDeleteReasonCount = 5;
absl::string_view DeleteReasonName(DeleteReason reason);  // "timeout"

// A Judgement::generation that every revision is newer than, whatever the first
// two thousand million generations bring: judge again.
inline constexpr uint32_t kNeverJudged = 0xffffffff;

// What Judgement::notes may hold.
enum JudgementNote : uint8_t {
  // The end does not know yet that the connection was cut, and is to be told.
  kTellSource = 1,
  kTellDestination = 2,
  kShadowDenied = 4,  // allowed, but shadow policies would deny it
};

// What the first-packet path found out about a connection.  The epochs are
// those of the bindings of the two addresses (tables/identity_table.h): an
// address that went to another pod is another end.
struct Judgement {
  uint32_t generation = 0;                   // judged in: its low 32 bits
  EndpointId source_endpoint = kNoEndpoint;  // of the original source
  EndpointId destination_endpoint = kNoEndpoint;
  RuleId rule = kNoRule;
  // Where the packets of each direction leave, by FlowDirection.
  std::array<PortId, 2> out_port{kNoPort, kNoPort};
  uint32_t source_epoch : 24 = 0;
  uint32_t notes : 8 = 0;  // of JudgementNote
  uint32_t destination_epoch : 24 = 0;
  // What a sender is told when the connection is denied.
  DenyResponse deny_response : 8 = DenyResponse::kSilent;

  friend bool operator==(const Judgement&, const Judgement&) = default;
};
static_assert(sizeof(Judgement) == 28);

// What an entry says of a connection.
struct ConnectionRecord {
  IpAddress original_source;
  IpAddress original_destination;
  IpAddress reply_source;
  IpAddress reply_destination;
  Be16 original_source_port;
  Be16 original_destination_port;
  Be16 reply_source_port;
  Be16 reply_destination_port;
  IpProtocol protocol{};
  uint8_t flags = 0;  // of ConnectionFlag
  uint16_t zone = 0;
  uint32_t service = kNoService;
  Judgement judgement;

  static constexpr uint32_t kNoService = 0xffffffff;

  // Returns the key of packets of `direction` as they come in.
  FlowKey Key(FlowDirection direction) const {
    const bool reply = direction == FlowDirection::kReply;
    const std::array<uint64_t, 2> source =
        (reply ? reply_source : original_source).Words();
    const std::array<uint64_t, 2> destination =
        (reply ? reply_destination : original_destination).Words();
    return FlowKey::FromWords({source[0], source[1], destination[0],
                               destination[1], LastKeyWord(direction)});
  }
  // Whether Key(direction) == key.
  bool Has(FlowDirection direction, const FlowKey& key) const {
    const bool reply = direction == FlowDirection::kReply;
    const std::array<uint64_t, 2> source =
        (reply ? reply_source : original_source).Words();
    const std::array<uint64_t, 2> destination =
        (reply ? reply_destination : original_destination).Words();
    const std::array<uint64_t, 5> words = key.Words();
    const uint64_t rest = LastKeyWord(direction);
    return ((source[0] ^ words[0]) | (source[1] ^ words[1]) |
            (destination[0] ^ words[2]) | (destination[1] ^ words[3]) |
            (rest ^ words[4])) == 0;
  }
  // Returns the last word of Key(direction): ports, protocol and zone.
  uint64_t LastKeyWord(FlowDirection direction) const {
    const bool reply = direction == FlowDirection::kReply;
    const Be16 from = reply ? reply_source_port : original_source_port;
    const Be16 to = reply ? reply_destination_port : original_destination_port;
    return uint64_t{from.raw} | uint64_t{to.raw} << 16 |
           uint64_t{static_cast<uint8_t>(protocol)} << 32 |
           uint64_t{zone} << 48;
  }
  // Returns the key that packets of `direction` leave with.
  FlowKey TranslatedKey(FlowDirection direction) const {
    return Key(Opposite(direction)).Reversed();
  }
  // Whether packets of this connection change address or port.
  bool IsTranslated() const {
    return !(original_source == reply_destination &&
             original_destination == reply_source &&
             original_source_port == reply_destination_port &&
             original_destination_port == reply_source_port);
  }
};
static_assert(std::is_trivially_copyable_v<ConnectionRecord>);

// What ConnectionRecord::flags may hold.
enum ConnectionFlag : uint8_t {
  // Not a connection, but what source NAT notes about a client's port
  // (dataplane/nat/source_nat.h).
  kNatMapping = 1,
  kNatContact = 2,
  // Only packets of this direction keep the entry (RFC 4787 REQ-6: what comes
  // from outside does not keep a mapping); with neither, both directions do.
  kKeptByOriginal = 4,
  kKeptByReply = 8,
  // Not a connection, but which backend a client has
  // (dataplane/pipeline/affinity.h).
  kAffinity = 16,
};
inline constexpr uint8_t kNotAConnection =
    kNatMapping | kNatContact | kAffinity;

inline constexpr uint32_t kNoConnection = 0xffffffff;

// A consistent copy of one entry, as a lookup found it.
struct ConnectionView {
  uint32_t index = kNoConnection;  // the entry; kNoConnection: none found
  FlowDirection direction = FlowDirection::kOriginal;  // of the key looked up
  ConnectionState state = ConnectionState::kNone;
  uint16_t incarnation = 0;  // tells one use of the entry from the next
  uint64_t hash = 0;         // of the key looked up; also set when not found
  ConnectionRecord record;

  bool found() const { return index != kNoConnection; }
};

// What of an entry decides about a packet that changes nothing in it: one line
// of reading instead of the whole record.
struct KnownFlow {
  uint32_t index = kNoConnection;  // kNoConnection: not found, or being written
  uint32_t generation = 0;         // of the judgement
  FlowDirection direction = FlowDirection::kOriginal;  // of the key looked up
  ConnectionState state = ConnectionState::kNone;
  uint16_t incarnation = 0;
  uint8_t flags = 0;                 // of ConnectionFlag
  std::array<PortId, 2> out_port{};  // by FlowDirection
  FlowKey leaving;  // the key that packets of `direction` leave with

  bool found() const { return index != kNoConnection; }
};

enum class InsertStatus : uint8_t {
  kInserted,
  kExisted,  // another worker was first: its entry is in the result
  // The reply key belongs to another connection (two services before one
  // backend, same client port): choose another translation, or drop.
  kReplyTaken,
  kFull,  // no free entry, or no free slot in a bucket
  // A bucket was held for too long by a worker that does not run.  The packet
  // may go on as it was judged; the next one makes the entry.
  kBusy,
  kPodQuota,     // the pod has as many entries, or half-open ones, as it may
  kNatPodQuota,  // the pod has as many ports of source NAT as it may
};

struct InsertResult {
  InsertStatus status = InsertStatus::kFull;
  bool has_evicted = false;  // a connection that nobody had answered
  ConnectionView view;       // of kInserted, kExisted
};

// Counts of one direction of a connection.  They begin anew at 2^39 packets and
// at 2^47 bytes.
struct DirectionCounts {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint32_t last_seen_s = 0;
};

// One connection for listings.
struct ConnectionInfo {
  uint32_t index = kNoConnection;
  ConnectionState state = ConnectionState::kNone;
  ConnectionRecord record;
  std::array<DirectionCounts, 2> counts;  // by FlowDirection
  // When it was made, by the clock that Insert() was given; known of what is
  // kNotAConnection, else 0.
  uint32_t created_s = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_H_
