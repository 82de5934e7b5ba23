// dataplane/nat/translation.h
//
// Translation: what a packet's flow key becomes, and the two keys of the
// connection that follow from it.  A translation is a pair of keys: what comes
// in and what goes out; the answers come in as the reverse of what went out.
//
//   Translation translation = TranslateToBackend(meta.key, *backend);
//   connection.original = translation.before;
//   connection.reply = translation.ReplyKey();
//
// Plain values: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_TRANSLATION_H_
#define VSWITCH_DATAPLANE_NAT_TRANSLATION_H_

#include "dataplane/base/flow_key.h"
#include "dataplane/nat/service_table.h"

namespace vswitch {

struct Translation {
  FlowKey before;  // as packets of the original direction come in
  FlowKey after;   // as they leave

  // Returns the key of the packets that answer, as they come in.
  FlowKey ReplyKey() const { return after.Reversed(); }
  bool IsIdentity() const { return before == after; }
  bool ChangesSource() const {
    return before.source != after.source ||
           before.source_port != after.source_port;
  }
  bool ChangesDestination() const {
    return before.destination != after.destination ||
           before.destination_port != after.destination_port;
  }
};

inline Translation NoTranslation(const FlowKey& key) { return {key, key}; }

inline Translation TranslateToBackend(const FlowKey& key,
                                      const BackendRecord& backend) {
  return {key, ServiceTable::Translate(key, backend)};
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_TRANSLATION_H_
