// controlplane/compile/predicate_index.h
//
// PredicateIndex: things filed by an IdentityPredicate, under the namespace and
// one label that it asks for, so an identity is compared with those that it may
// meet, not with all.
//
//   index.Insert(source->subject, source.get());
//   index.ForEachCandidate(identity, [&](const PolicySource* source) {
//     if (source->subject.Matches(identity)) ...
//   });
//
// A value; copies are O(1).  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_PREDICATE_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_PREDICATE_INDEX_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/model/persistent_map.h"

namespace vswitch {

// Namespace, and "key=value"; empty: any.
using PredicatePlace = std::pair<std::string, std::string>;

// The places where a predicate is to be filed: an identity that meets it has
// one of them.
std::vector<PredicatePlace> PlacesOf(const IdentityPredicate& predicate);
// The places to look at for an identity.
std::vector<PredicatePlace> PlacesOf(const PodIdentity& identity);

template <typename Thing>
class PredicateIndex {
 public:
  void Insert(const IdentityPredicate& predicate, Thing thing) {
    for (PredicatePlace& place : PlacesOf(predicate)) {
      Things things = Take(place);
      things.Insert(thing, {});
      filed_.Insert(std::move(place), std::move(things));
    }
  }
  // REQUIRES: it was inserted with an equal predicate.
  void Erase(const IdentityPredicate& predicate, Thing thing) {
    for (PredicatePlace& place : PlacesOf(predicate)) {
      Things things = Take(place);
      things.Erase(thing);
      if (!things.empty()) filed_.Insert(std::move(place), std::move(things));
    }
  }
  // Visits everything whose predicate the identity may meet, a thing of several
  // predicates perhaps more than once.
  template <typename Visitor>
  void ForEachCandidate(const PodIdentity& identity, Visitor visit) const {
    for (const PredicatePlace& place : PlacesOf(identity)) {
      const Things* things = filed_.Find(place);
      if (things == nullptr) continue;
      for (const auto& [thing, nothing] : *things) visit(thing);
    }
  }

 private:
  using Things = PersistentMap<Thing, std::monostate>;

  // Takes them out, so that they are changed in place.
  Things Take(const PredicatePlace& place) {
    const Things* found = filed_.Find(place);
    if (found == nullptr) return {};
    Things things = *found;
    filed_.Erase(place);
    return things;
  }

  PersistentMap<PredicatePlace, Things> filed_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PREDICATE_INDEX_H_
