// dataplane/supervisor/protocol.h
//
// What the supervisor and its two children say to each other, over one
// SOCK_SEQPACKET socket pair per child: one message a packet, little-endian,
// descriptors as SCM_RIGHTS.  A child speaks it through SupervisorClient
// (client.h); this file has the values that both sides share and their
// encoding.
//
//   control plane → supervisor   AttachPort, DetachPort, ListPorts, GetStatus,
//                                RestartDataplane
//   dataplane → supervisor       GetPortFds, Ready
//   supervisor → control plane   DataplaneStarted, DataplaneReady,
//                                DataplaneDied, PortGone (notices)
//
// A request carries a number, which its reply repeats; a notice carries 0.  A
// child finds its three descriptors at fixed numbers, which its flags name too:
//
//   --supervisor-fd=3 --table-memory-fd=4 --worker-memory-fd=5
//
// Plain values.  Every length of a received message is checked.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_PROTOCOL_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_PROTOCOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"

namespace vswitch {

inline constexpr int kSupervisorFd = 3;
inline constexpr int kTableMemoryFd = 4;
inline constexpr int kWorkerMemoryFd = 5;

enum class MessageType : uint16_t {
  kReply = 0,
  kAttachPort = 1,
  kDetachPort = 2,
  kListPorts = 3,
  kGetStatus = 4,
  kRestartDataplane = 5,
  kGetPortFds = 6,
  kReady = 7,
  kDataplaneStarted = 8,
  kDataplaneReady = 9,
  kDataplaneDied = 10,
  kPortGone = 11,
};

// Asks for a TAP.  Idempotent by (name, epoch): asking again for what exists
// changes nothing and succeeds.  Another epoch of the same port takes the
// place of the one before.
struct AttachPortRequest {
  PortId port = kNoPort;
  uint32_t epoch = 0;
  std::string name;    // of the Port resource, for messages
  std::string netns;   // a path, or empty: the node's own (the host port)
  std::string ifname;  // at most 15 characters
  MacAddress mac;      // of the interface in the namespace
  uint32_t mtu = 1500;
  uint16_t queues = 1;
  bool default_route = true;        // by the gateways; host port: false
  std::vector<IpPrefix> addresses;  // "10.0.0.5/32": of the interface
  std::vector<IpAddress> gateways;  // at most one a family
  std::vector<IpPrefix> routes;     // by the gateways; host: pod ranges
};

// Names one use of a port.
struct PortEpoch {
  PortId port = kNoPort;
  uint32_t epoch = 0;
  friend bool operator==(const PortEpoch&, const PortEpoch&) = default;
};

// One TAP that the supervisor holds.
struct AttachedPort {
  PortEpoch id;
  std::string name;
  std::string netns;
  std::string ifname;
  bool alive = true;  // false: the interface went with its namespace
};

// One child.
struct ChildStatus {
  int32_t pid = 0;           // 0: not running
  double uptime_s = 0;       // of the running one
  uint64_t incarnation = 0;  // how many times it was started
  uint64_t restarts = 0;     // of these, because it died or was asked to
  // From the last death to the next Ready (the control plane's: to its start).
  // Negative: none yet.
  double last_gap_ms = -1;
  std::string last_exit;  // "killed by SIGKILL", "exited with status 1"
};

struct SupervisorStatus {
  int32_t pid = 0;
  double uptime_s = 0;
  ChildStatus controlplane;
  ChildStatus dataplane;
  uint64_t port_count = 0;
  bool table_hugepages = false;
  bool worker_hugepages = false;
};

// What a child is told without asking.
struct Notice {
  enum class Kind {
    kDataplaneStarted,  // the process runs; not yet ready
    kDataplaneReady,    // Ready arrived: ports are open and workers run
    kDataplaneDied,     // counts as quiescence of every worker
    kPortGone,          // the interface of `port` went with its namespace
    kSupervisorGone,    // made by the client when the socket closes
  };
  Kind kind = Kind::kSupervisorGone;
  uint64_t incarnation = 0;  // of the dataplane, for the first three
  PortEpoch port;            // of kPortGone
};

// One message as it travels, without its descriptors.
struct Message {
  MessageType type = MessageType::kReply;
  uint32_t number = 0;  // of the request; 0 for a notice
  absl::StatusCode code = absl::StatusCode::kOk;  // of a reply
  std::string body;  // the encoded value; of a failed reply the error's text
};

inline constexpr size_t kMaxMessageBytes = 128 * 1024;
inline constexpr size_t kMaxMessageFds = 16;

std::string EncodeMessage(const Message& message);
absl::StatusOr<Message> DecodeMessage(absl::string_view bytes);

std::string EncodeAttachPort(const AttachPortRequest& request);
absl::StatusOr<AttachPortRequest> DecodeAttachPort(absl::string_view body);

std::string EncodePortEpoch(const PortEpoch& port);
absl::StatusOr<PortEpoch> DecodePortEpoch(absl::string_view body);

std::string EncodeAttachedPorts(const std::vector<AttachedPort>& ports);
absl::StatusOr<std::vector<AttachedPort>> DecodeAttachedPorts(
    absl::string_view body);

std::string EncodeStatus(const SupervisorStatus& status);
absl::StatusOr<SupervisorStatus> DecodeStatus(absl::string_view body);

std::string EncodeNumber(uint64_t number);
absl::StatusOr<uint64_t> DecodeNumber(absl::string_view body);

// Returns the message of `notice`.  REQUIRES: not kSupervisorGone.
Message EncodeNotice(const Notice& notice);
// Returns the notice in `message`, or nothing when it is none.
absl::StatusOr<std::optional<Notice>> DecodeNotice(const Message& message);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_PROTOCOL_H_
