// controlplane/compile/object_changes.h
//
// ObjectChanges: what differs between two desired states, by kind.
//
//   ObjectChanges changes(before, after);
//   for (const ObjectChange& change : changes.Of<Pod>()) {
//     if (const Pod* pod = SpecOf<Pod>(change.after)) ...
//   }
//
// Refers to the objects of both states.  Immutable once built: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_OBJECT_CHANGES_H_
#define VSWITCH_CONTROLPLANE_COMPILE_OBJECT_CHANGES_H_

#include <array>
#include <vector>

#include "controlplane/model/desired_state.h"

namespace vswitch {

// One object that is added, replaced or removed; nullptr: it is not there.
struct ObjectChange {
  const Object* before = nullptr;
  const Object* after = nullptr;

  const Metadata& metadata() const {
    return after != nullptr ? after->metadata : before->metadata;
  }
};

// Returns nullptr for nullptr.
template <typename T>
const T* SpecOf(const Object* object) {
  return object == nullptr ? nullptr : &std::get<T>(object->spec);
}

class ObjectChanges {
 public:
  // O(changes * log n) when one was made from the other.
  ObjectChanges(const DesiredState& before, const DesiredState& after) {
    DesiredState::ForEachDifference(
        before, after,
        [this](const ObjectKey& key, const Object* old, const Object* object) {
          by_kind_[static_cast<size_t>(key.kind)].push_back({old, object});
        });
  }

  // In order of namespace and name.
  template <typename T>
  const std::vector<ObjectChange>& Of() const {
    return by_kind_[static_cast<size_t>(DesiredState::KindOf<T>())];
  }

 private:
  std::array<std::vector<ObjectChange>, kObjectKindCount> by_kind_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_OBJECT_CHANGES_H_
