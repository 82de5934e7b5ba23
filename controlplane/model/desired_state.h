// controlplane/model/desired_state.h
//
// DesiredState: every object that was asked for, by kind, namespace and name.
//
// A value: a copy costs one pointer and shares every object, so a transaction
// works on a copy, compiles it, and replaces the old state only if that
// succeeded.  Iteration is in order of the keys, so whatever is derived from it
// is deterministic.  What two states differ in is found without looking at what
// they share.
//
//   DesiredState next = current;
//   next.Upsert(object);
//   if (const Pod* pod = next.Find<Pod>("demo", "web")) ...
//   next.ForEach<Pod>([](const Metadata& metadata, const Pod& pod) {...});
//   DesiredState::ForEachDifference(current, next, visitor);
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_MODEL_DESIRED_STATE_H_
#define VSWITCH_CONTROLPLANE_MODEL_DESIRED_STATE_H_

#include <compare>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "controlplane/model/objects.h"
#include "controlplane/model/persistent_map.h"

namespace vswitch {

struct ObjectKey {
  ObjectKind kind = ObjectKind::kNamespace;
  std::string ns;
  std::string name;

  // Returns "NetworkPolicy demo/backend", the form that errors use.
  std::string ToString() const;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

// Returns "demo/backend", or "backend" for an object outside namespaces.
std::string QualifiedName(const Metadata& metadata);

class DesiredState {
 public:
  using ObjectMap = PersistentMap<ObjectKey, std::shared_ptr<const Object>>;

  static ObjectKey KeyOf(const Object& object);

  // Adds the object or replaces the one of the same key.
  void Upsert(Object object);
  // Returns whether there was such an object.
  bool Erase(const ObjectKey& key);
  // Returns nullptr if there is none.
  const Object* FindObject(const ObjectKey& key) const;
  const ObjectMap& objects() const { return objects_; }

  // Returns the spec of the object of type T, or nullptr.
  template <typename T>
  const T* Find(const std::string& ns, const std::string& name) const {
    const Object* object = FindObject({KindOf<T>(), ns, name});
    return object == nullptr ? nullptr : &std::get<T>(object->spec);
  }
  // Calls `visit(const Metadata&, const T&)` for each object of type T, in
  // order of namespace and name.
  template <typename T, typename Visitor>
  void ForEach(Visitor visit) const {
    for (auto it = objects_.lower_bound({KindOf<T>(), "", ""});
         it != objects_.end() && it->first.kind == KindOf<T>(); ++it) {
      visit(it->second->metadata, std::get<T>(it->second->spec));
    }
  }

  // Calls `visit(const ObjectKey&, const Object* before, const Object* after)`
  // in order of the keys for each object that is not the same in both;
  // nullptr: it is not there.  Objects are immutable and shared: the same means
  // the same pointer.  O(changes * log n) when one was made from the other.
  template <typename Visitor>
  static void ForEachDifference(const DesiredState& before,
                                const DesiredState& after, Visitor visit) {
    ObjectMap::ForEachDifference(
        before.objects_, after.objects_,
        [&visit](const ObjectKey& key, const std::shared_ptr<const Object>* old,
                 const std::shared_ptr<const Object>* object) {
          visit(key, old == nullptr ? nullptr : old->get(),
                object == nullptr ? nullptr : object->get());
        });
  }

  template <typename T>
  static ObjectKind KindOf() {
    return static_cast<ObjectKind>(decltype(Object::spec)(T{}).index());
  }

 private:
  ObjectMap objects_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_DESIRED_STATE_H_
