// dataplane/conntrack/tcp_window_store.h
//
// TcpWindowStore: the TCP windows of connections, as they lie in the connection
// table's memory.  A template over the atomics, as connection_store.h is.
//
//   const TcpWindow before = windows.Load(index, direction, /*all=*/true);
//   TcpWindow after = before;
//   TrackTcp(direction, segment, state, after, peer);
//   windows.Store(index, direction, before, after);
//
// Threads: any.  Two workers, of the two directions, may load and store the
// windows of one connection at once.  What a note says about a number is true
// of the number that is loaded with it; no bit of the notes is lost.  Of a
// number that both store at once, one remains.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_STORE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_STORE_H_

#include <array>
#include <cstdint>

#include "dataplane/conntrack/connection_entry.h"
#include "dataplane/conntrack/packed_window.h"
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

template <typename Atomics>
class TcpWindowStore {
 public:
  using Half = ConnectionHalf<Atomics>;

  explicit TcpWindowStore(const std::array<Half*, 2>& halves)
      : halves_(halves) {}

  // Returns a direction's TCP window; without `all`, only what the packets of
  // the other direction mostly ask for.
  [[gnu::always_inline]] TcpWindow Load(uint32_t index, FlowDirection direction,
                                        bool all) const {
    const Half& half = HalfOf(index, direction);
    TcpWindow window;
    UnpackWindow(half.window.LoadAcquire(), window);
    window.end = half.end.LoadAcquire();
    window.granted = half.granted.LoadAcquire();
    if (!all) return window;
    window.highest_ack = half.highest_ack.LoadRelaxed();
    window.last_end = half.last_end.LoadRelaxed();
    window.last_notes = UnpackIgnored(half.ignored.LoadRelaxed());
    return window;
  }
  // Stores what changed from `before`, which was loaded, to `after`.
  [[gnu::always_inline]] void Store(uint32_t index, FlowDirection direction,
                                    const TcpWindow& before,
                                    const TcpWindow& after) {
    Half& half = HalfOf(index, direction);
    if (after.end != before.end) half.end.StoreRelease(after.end);
    if (after.granted != before.granted) {
      half.granted.StoreRelease(after.granted);
    }
    if (after.highest_ack != before.highest_ack) {
      half.highest_ack.StoreRelaxed(after.highest_ack);
    }
    if (after.last_end != before.last_end) {
      half.last_end.StoreRelaxed(after.last_end);
    }
    if (after.last_notes != before.last_notes) {
      half.ignored.StoreRelaxed(PackIgnored(after.last_notes));
    }
    if (after.notes == before.notes && after.max_window == before.max_window &&
        after.repetitions == before.repetitions) {
      return;
    }
    // The notes last: kTcpAcknowledged says that the numbers hold.
    const uint32_t packed = PackWindow(after);
    const uint32_t bits = ChangedBits(PackWindow(before), packed);
    uint32_t current = half.window.LoadRelaxed();
    while (!half.window.CompareExchange(current,
                                        (current & ~bits) | (packed & bits))) {
      // Repeats only if the other direction stored at the same time.
    }
  }
  // Stores both windows, whatever they were.
  void Reset(uint32_t index, const std::array<TcpWindow, 2>& windows) {
    for (uint32_t side = 0; side < 2; ++side) {
      const TcpWindow& window = windows[side];
      Half& half = halves_[side][index];
      half.end.StoreRelaxed(window.end);
      half.granted.StoreRelaxed(window.granted);
      half.highest_ack.StoreRelaxed(window.highest_ack);
      half.last_end.StoreRelaxed(window.last_end);
      half.ignored.StoreRelaxed(PackIgnored(window.last_notes));
      half.window.StoreRelaxed(PackWindow(window));
    }
  }

 private:
  Half& HalfOf(uint32_t index, FlowDirection direction) const {
    return halves_[static_cast<uint32_t>(direction)][index];
  }

  std::array<Half*, 2> halves_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_STORE_H_
