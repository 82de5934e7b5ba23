// One form for equal policies.

#include "dataplane/policy/policy_set.h"

#include <algorithm>

namespace vswitch {
namespace {

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

void Normalize(PolicySetSpec& spec) {
  for (PolicyEntry& entry : spec.entries) {
    if (entry.any_peer) {
      std::erase_if(entry.excluded, [&entry](IdentityId id) {
        return std::find(entry.identities.begin(), entry.identities.end(),
                         id) != entry.identities.end();
      });
      entry.identities.clear();
      if (entry.excluded.empty()) entry.cidrs.clear();
    } else {
      entry.excluded.clear();
    }
    SortUnique(entry.excluded);
    SortUnique(entry.identities);
    for (CidrMatch& match : entry.cidrs) SortUnique(match.except);
    SortUnique(entry.cidrs);
    SortUnique(entry.traffic);
  }
  // An entry without peers matches nothing.
  std::erase_if(spec.entries, [](const PolicyEntry& entry) {
    return !entry.any_peer && entry.identities.empty() && entry.cidrs.empty();
  });
}

}  // namespace vswitch
