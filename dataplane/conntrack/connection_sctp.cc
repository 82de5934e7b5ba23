// SCTP packets of connections in the table.

#include "dataplane/conntrack/connection_layout.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/sctp_state.h"

namespace vswitch {

TrackAction ConnectionTable::Track(ConnectionView& view,
                                   const SctpPacket& packet) {
  SharedConnectionStore& store = layout_->store;
  const FlowDirection other = Opposite(view.direction);
  store.ReadState(view);
  // As for TCP: fails only when the association's packets race.
  for (uint32_t attempt = 0; view.found() && attempt < 8; ++attempt) {
    const ConnectionState before = view.state;
    const TcpWindow own =
        store.windows().Load(view.index, view.direction, true);
    const TcpWindow peer = store.windows().Load(view.index, other, true);
    SctpTags own_after = ToSctpTags(own);
    SctpTags peer_after = ToSctpTags(peer);
    const SctpTrack track =
        TrackSctp(view.direction, packet, before, own_after, peer_after);
    if (track.action != TrackAction::kPass) return track.action;
    if (track.next != before && !store.ChangeState(view, track.next)) continue;
    store.windows().Store(view.index, view.direction, own, ToWindow(own_after));
    store.windows().Store(view.index, other, peer, ToWindow(peer_after));
    NoteState(view, before);
    return TrackAction::kPass;
  }
  return TrackAction::kPass;
}

}  // namespace vswitch
