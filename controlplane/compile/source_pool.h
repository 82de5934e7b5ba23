// controlplane/compile/source_pool.h
//
// SourcePool: one copy of equal peers and of equal traffic, whatever number of
// rules of whatever policies has them.  It saves memory, and what the peers
// match is then found once for all of them (peer_index.h).
//
//   SourcePool pool;
//   rule.peers = pool.Intern(std::move(peers));
//
// Thread-compatible.  What it gave lives on by itself.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SOURCE_POOL_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SOURCE_POOL_H_

#include <cstddef>
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "controlplane/compile/policy_source.h"

namespace vswitch {

class SourcePool {
 public:
  // Return the copy that is shared by all equal ones.
  std::shared_ptr<const SourcePeers> Intern(SourcePeers peers);
  std::shared_ptr<const SourceTraffic> Intern(SourceTraffic traffic);

  // Forgets what nobody else holds, each time that the pool has doubled.
  void ReleaseSometimes();

 private:
  struct Hash {
    size_t operator()(const std::shared_ptr<const SourcePeers>& peers) const;
    size_t operator()(const std::shared_ptr<const SourceTraffic>& value) const;
  };
  struct Equal {
    template <typename T>
    bool operator()(const T& a, const T& b) const {
      return *a == *b;
    }
  };

  absl::flat_hash_set<std::shared_ptr<const SourcePeers>, Hash, Equal> peers_;
  absl::flat_hash_set<std::shared_ptr<const SourceTraffic>, Hash, Equal>
      traffic_;
  size_t next_release_ = 1024;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SOURCE_POOL_H_
