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
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

template <typename Atomics>
class TcpWindowStore {
 public:
  using Half = ConnectionHalf<Atomics>;
  using Windows = ConnectionWindows<Atomics>;

  TcpWindowStore(const std::array<Half*, 2>& halves, Windows* windows)
      : halves_(halves), windows_(windows) {}

  // Returns a direction's TCP window; without `all`, only what the packets of
  // the other direction mostly ask for.
  TcpWindow Load(uint32_t index, FlowDirection direction, bool all) const {
    const auto side = static_cast<uint32_t>(direction);
    const auto& from = windows_[index].of[side];
    TcpWindow window;
    window.notes = from.notes.LoadAcquire();
    window.end = from.end.LoadAcquire();
    window.granted = from.granted.LoadAcquire();
    window.max_window = from.max_window.LoadAcquire();
    if (!all) return window;
    const Half& half = halves_[side][index];
    window.highest_ack = half.highest_ack.LoadRelaxed();
    window.last_end = half.last_end.LoadRelaxed();
    const uint32_t last = half.last.LoadRelaxed();
    window.last_window = static_cast<uint16_t>(last);
    window.last_notes = static_cast<uint8_t>(last >> 16);
    window.repetitions = static_cast<uint8_t>(last >> 24);
    return window;
  }
  // Stores what changed from `before`, which was loaded, to `after`.
  void Store(uint32_t index, FlowDirection direction, const TcpWindow& before,
             const TcpWindow& after) {
    const auto side = static_cast<uint32_t>(direction);
    auto& to = windows_[index].of[side];
    if (after.end != before.end) to.end.StoreRelease(after.end);
    if (after.granted != before.granted) to.granted.StoreRelease(after.granted);
    if (after.max_window != before.max_window) {
      to.max_window.StoreRelease(after.max_window);
    }
    Half& half = halves_[side][index];
    if (after.highest_ack != before.highest_ack) {
      half.highest_ack.StoreRelaxed(after.highest_ack);
    }
    if (after.last_end != before.last_end) {
      half.last_end.StoreRelaxed(after.last_end);
    }
    const uint32_t last = PackLast(after);
    if (last != PackLast(before)) half.last.StoreRelaxed(last);
    // The notes last: kTcpAcknowledged says that the numbers hold.
    if (after.notes == before.notes) return;
    const uint32_t gone = before.notes & ~after.notes;
    if (gone != 0) to.notes.FetchAnd(~gone);
    const uint32_t come = after.notes & ~before.notes;
    if (come != 0) to.notes.FetchOr(come);
  }
  // Stores both windows, whatever they were.
  void Reset(uint32_t index, const std::array<TcpWindow, 2>& windows) {
    for (uint32_t side = 0; side < 2; ++side) {
      const TcpWindow& window = windows[side];
      auto& to = windows_[index].of[side];
      to.end.StoreRelaxed(window.end);
      to.granted.StoreRelaxed(window.granted);
      to.max_window.StoreRelaxed(window.max_window);
      to.notes.StoreRelaxed(window.notes);
      Half& half = halves_[side][index];
      half.highest_ack.StoreRelaxed(window.highest_ack);
      half.last_end.StoreRelaxed(window.last_end);
      half.last.StoreRelaxed(PackLast(window));
    }
  }

 private:
  std::array<Half*, 2> halves_;
  Windows* windows_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_STORE_H_
