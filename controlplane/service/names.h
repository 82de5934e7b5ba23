// controlplane/service/names.h
//
// Names: what people call the numbers and addresses of one generation: ports,
// pods and services.
//
//   std::shared_ptr<const Names> names = cache.Of(plane.snapshot());
//   names->PeerOf(address)      // "demo/web", "host"; "" if not known
//   names->PortName(PortId{3})  // "demo/web"; "#3" if not known
//
// Names is immutable after construction: any thread.  NamesCache is
// thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_NAMES_H_
#define VSWITCH_CONTROLPLANE_SERVICE_NAMES_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/publish/control_plane.h"
#include "dataplane/base/flow_key.h"
#include "proto/vswitch/v1/observe.pb.h"

namespace vswitch {

class Names {
 public:
  explicit Names(std::shared_ptr<const Snapshot> snapshot);

  const Snapshot& snapshot() const { return *snapshot_; }

  std::string PortName(PortId port) const;
  std::optional<PortId> FindPort(const std::string& name) const;
  // The port that leads to `address`, or kNoPort.
  PortId PortOf(const IpAddress& address) const;
  // The pod or node that has `address`; "" if there is none.
  std::string PeerOf(const IpAddress& address) const;
  // The Service that has `address`; "" if there is none.
  std::string ServiceOf(const IpAddress& address) const;

  // Who had `address` and `identity`; with kIdentityUnknown, who has the
  // address now.
  v1::FlowPeer Peer(const IpAddress& address, IdentityId identity) const;
  // Who is at one end of a connection: what is bound to nobody is the world.
  v1::FlowPeer PeerAt(const IpAddress& address) const;

 private:
  IdentityId BoundIdentity(const IpAddress& address) const;

  std::shared_ptr<const Snapshot> snapshot_;
  std::map<uint16_t, std::string> ports_;
  absl::flat_hash_map<IpAddress, std::string> peers_;
  absl::flat_hash_map<IpAddress, std::string> services_;
  absl::flat_hash_map<IpAddress, PortId> port_of_;
};

// Keeps the names of the generation asked for last.
class NamesCache {
 public:
  std::shared_ptr<const Names> Of(std::shared_ptr<const Snapshot> snapshot)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::shared_ptr<const Names> names_ ABSL_GUARDED_BY(mutex_);
};

v1::Flow ToProto(const FlowKey& key);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_NAMES_H_
