// dataplane/conntrack/flow_finder.h
//
// FlowFinder: the connection table for packets that change nothing in it, all
// inline: finding an entry takes three steps, between which the caller works on
// other packets while memory answers.
//
//   FlowFinder finder = connections.flow_finder();
//   const uint64_t hash = finder.Hash(key);             // first of all
//   const uint32_t place = finder.Prefetch(key, hash);  // a little later
//   KnownFlow flow;
//   finder.Find(key, hash, place, flow);                // a little later again
//   if (flow.found() && finder.Pass(flow, bytes, now_s)) ...
//
// Any worker.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_FLOW_FINDER_H_
#define VSWITCH_DATAPLANE_CONNTRACK_FLOW_FINDER_H_

#include <cstdint>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_layout.h"
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

class FlowFinder {
 public:
  explicit FlowFinder(SharedConnectionStore& store) : store_(store) {}

  uint64_t Hash(const FlowKey& key) const {
    const uint64_t hash = store_.Hash(key);
    store_.PrefetchFirstBucket(hash);
    return hash;
  }
  uint32_t Prefetch(const FlowKey& key, uint64_t hash) const {
    return store_.PrefetchFlow(key, hash);
  }
  // flow.found() is false also where ConnectionTable::Lookup() must tell.
  void Find(const FlowKey& key, uint64_t hash, uint32_t place,
            KnownFlow& flow) const {
    store_.FindFlow(key, hash, place, flow);
  }

  // Takes a packet of `bytes` into account that changes neither the
  // connection's state nor a mapping of source NAT.  Returns false, having
  // changed nothing, if this packet does: LookupBurst(), Track() and Touch()
  // say what it is.  REQUIRES: it is not TCP.
  bool Pass(const KnownFlow& flow, uint32_t bytes, uint32_t now_s) const {
    return KeepsAsItIs(flow, now_s) &&
           (flow.direction == FlowDirection::kOriginal ||
            flow.state == ConnectionState::kReplied) &&
           store_.CountFlow(flow, bytes, now_s);
  }
  // The same of a TCP segment that PassOrdinaryAck() may be asked about.
  bool PassTcp(const KnownFlow& flow, const TcpSegment& segment, uint32_t bytes,
               uint32_t now_s) const {
    if (flow.state != ConnectionState::kEstablished ||
        !KeepsAsItIs(flow, now_s)) {
      return false;
    }
    const FlowDirection other = Opposite(flow.direction);
    auto windows = store_.windows();
    const TcpWindow own = windows.Load(flow.index, flow.direction, true);
    const TcpWindow peer = windows.Load(flow.index, other, false);
    TcpWindow after = own;
    if (!PassOrdinaryAck(segment, after, peer) ||
        !store_.CountFlow(flow, bytes, now_s)) {
      return false;
    }
    windows.Store(flow.index, flow.direction, own, after);
    return true;
  }

 private:
  // Once a second its mapping is to be kept, too.
  bool KeepsAsItIs(const KnownFlow& flow, uint32_t now_s) const {
    constexpr uint8_t kKept = kKeptByOriginal | kKeptByReply;
    return (flow.flags & kKept) == 0 || store_.IsSeen(flow, now_s);
  }

  SharedConnectionStore& store_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_FLOW_FINDER_H_
