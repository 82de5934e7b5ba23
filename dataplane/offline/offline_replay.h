// dataplane/offline/offline_replay.h
//
// OfflineReplay: an OfflineSwitch that takes packets one by one, as bytes with
// the time of their capture, and says of each what became of it.  What
// `vswitchctl replay` runs.
//
//   ASSIGN_OR_RETURN(auto replay, OfflineReplay::Create(tables, options));
//   ASSIGN_OR_RETURN(ReplayResult result, replay->Run(port, bytes, time_ns));
//   if (result.drop == DropReason::kPolicyDenied) ... result.denial ...
//
// Each packet is a burst of its own.  In a burst of several, all are looked up
// before the first one makes its connection: then what becomes of a packet
// would depend on those behind it.
//
// Thread-compatible.

#ifndef VSWITCH_DATAPLANE_OFFLINE_OFFLINE_REPLAY_H_
#define VSWITCH_DATAPLANE_OFFLINE_OFFLINE_REPLAY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/offline/heap_packet_pool.h"
#include "dataplane/offline/offline_switch.h"
#include "dataplane/offline/offline_tables.h"
#include "dataplane/pipeline/judge.h"

namespace vswitch {

// A packet that left.
struct ReplayedPacket {
  PortId port = kNoPort;
  bool is_generated = false;  // made by the switch, not the one that came in
  std::vector<uint8_t> bytes;
};

// What became of a packet.  One that neither left nor was dropped nor waits was
// for the switch itself.
struct ReplayResult {
  std::vector<ReplayedPacket> out;  // it, and what it caused; in order
  DropReason drop = DropReason::kNone;
  // A fragment that came before the first one of its datagram: it leaves with
  // that one, or is forgotten.
  bool waits = false;
  // Of a packet that a policy denied: what the judge says of its connection.
  std::optional<JudgeResult> denial;
};

class OfflineReplay {
 public:
  // `options.max_addresses` is raised to what `tables` binds.
  static absl::StatusOr<std::unique_ptr<OfflineReplay>> Create(
      const OfflineTables& tables, const OfflineOptions& options);
  ~OfflineReplay();

  // Takes a packet that `in` received at `time_ns`, of any clock; what had to
  // be forgotten by then is forgotten first.  The first packet's time is when
  // the switch starts, and an earlier time than the last packet's counts as
  // that.  INVALID_ARGUMENT for a packet that is too large.
  absl::StatusOr<ReplayResult> Run(PortId in, std::span<const uint8_t> bytes,
                                   uint64_t time_ns);

  const OfflineSwitch& offline() const { return *offline_; }

 private:
  class CollectingTransmitter;

  OfflineReplay();
  uint64_t CountWaiting() const;
  void ReadDropRecords(PortId in, ReplayResult& result);

  HeapPacketPool pool_;
  std::unique_ptr<CollectingTransmitter> transmitter_;
  std::unique_ptr<OfflineSwitch> offline_;
  std::optional<uint64_t> first_time_ns_;
  uint64_t now_ns_ = 0;  // of the switch's clock
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_OFFLINE_REPLAY_H_
