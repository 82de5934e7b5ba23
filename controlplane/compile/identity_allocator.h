// controlplane/compile/identity_allocator.h
//
// IdentityAllocator: the number of each set of security-relevant labels.
//
// A number is taken from the hash of its key, so a control plane that starts
// again, or another node, gives the same numbers without keeping them; where
// two keys have one hash the later one gets the next free number.  A number
// that is released stays in quarantine, during which only its own key gets it
// back: whatever still knows it (a connection, a packet in a tunnel, a drop
// record) must not take it for another set of labels (spec/faults.md F-41).
//
//   IdentityAllocator next = identities;             // O(1): a dry run
//   ASSIGN_OR_RETURN(IdentityId id, next.Allocate(key));
//   next.Release(other_key, now_s);
//
// What a hash cannot tell after a restart, the numbers that were not the first
// choice and those in quarantine, is saved(); the journal keeps it.
//
// A value.  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_
#define VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/base/ids.h"

namespace vswitch {

class IdentityAllocator {
 public:
  struct Options {
    // How many identities may live at once.
    uint32_t max_count = kMaxIdentity - kFirstLabelIdentity + 1;
    int64_t quarantine_s = 600;
  };
  // A number, and since when it is released (Unix time); kInUse: it is not.
  struct Numbered {
    IdentityId id = kIdentityUnknown;
    int64_t released_s = kInUse;
    friend bool operator==(const Numbered&, const Numbered&) = default;
  };
  static constexpr int64_t kInUse = -1;
  using ByKey = PersistentMap<std::string, Numbered>;

  IdentityAllocator() : IdentityAllocator(Options()) {}
  explicit IdentityAllocator(const Options& options) : options_(options) {}

  // Returns the number of `key`, a new one if it had none; RESOURCE_EXHAUSTED
  // when all are in use or in quarantine.
  absl::StatusOr<IdentityId> Allocate(const std::string& key);
  // Puts the number of `key` into quarantine from `now_s` on.
  void Release(const std::string& key, int64_t now_s);
  // Releases every key in use that `in_use` does not know.  O(n).
  void ReleaseUnused(const std::function<bool(const std::string&)>& in_use,
                     int64_t now_s);
  // Frees the numbers whose quarantine is over.
  void EndQuarantines(int64_t now_s);

  // What must be kept beyond a restart; keep it by ForEachDifference().
  const ByKey& saved() const { return saved_; }
  // Takes one entry of saved() over.  REQUIRES: nothing has been allocated.
  void Restore(const std::string& key, const Numbered& numbered);

  size_t count() const { return by_key_.size() - quarantine_.size(); }

 private:
  void Set(const std::string& key, const Numbered& numbered);
  void Free(const std::string& key);

  Options options_;
  ByKey by_key_;  // in use, and in quarantine
  PersistentMap<IdentityId, std::monostate> taken_;
  PersistentMap<std::pair<int64_t, IdentityId>, std::string> quarantine_;
  ByKey saved_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_
