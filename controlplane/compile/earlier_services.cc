// Which services changed, and what is left of what they were.

#include "controlplane/compile/earlier_services.h"

#include <algorithm>

#include "dataplane/base/status_macros.h"
#include "dataplane/nat/maglev.h"

namespace vswitch {
namespace {

// Whether flows have the same backends by the one as by the other.
bool SameBackends(const std::vector<BackendSpec>& a,
                  const std::vector<BackendSpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const BackendSpec& one, const BackendSpec& other) {
                      return one.address == other.address &&
                             one.port == other.port &&
                             one.weight == other.weight;
                    });
}

bool SameService(const ServiceSpec& a, const ServiceSpec& b) {
  return SameBackends(a.backends, b.backends) &&
         SameBackends(a.outside_backends, b.outside_backends);
}

// Marks those that `offer` does not list.  Once gone is gone for ever: the
// address may be another's when it is listed again.
void MarkGone(const ServiceOffer& offer, std::vector<BackendSpec>& backends) {
  for (BackendSpec& backend : backends) {
    backend.is_gone |=
        !std::binary_search(offer.listed.begin(), offer.listed.end(),
                            std::pair(backend.address, backend.port));
  }
}

bool HasAnyLeft(const ServiceSpec& spec) {
  const auto is_left = [](const BackendSpec& each) { return !each.is_gone; };
  return std::any_of(spec.backends.begin(), spec.backends.end(), is_left) ||
         std::any_of(spec.outside_backends.begin(), spec.outside_backends.end(),
                     is_left);
}

uint64_t BytesOf(const std::vector<BackendSpec>& backends) {
  const auto count = static_cast<uint32_t>(backends.size());
  const absl::StatusOr<uint32_t> slots = MaglevSlotCount(count);
  return count * sizeof(BackendRecord) +
         (slots.ok() ? MaglevWordCount(count, *slots) * sizeof(uint16_t) : 0);
}

}  // namespace

EarlierServices EarlierServices::After(const ServiceOffers& before,
                                       const ServiceOffers& after,
                                       uint32_t now_s) const {
  EarlierServices next;
  for (const auto& [key, old] : before) {
    const auto present = after.find(key);
    if (present == after.end()) continue;
    ServiceSpec spec;
    if (const auto kept = services_.find(key);
        !SameService(old.spec, present->second.spec)) {
      spec = old.spec;
      spec.until_s = now_s + kEarlierServiceSeconds;
    } else if (kept != services_.end() && kept->second.until_s > now_s) {
      spec = kept->second;
    } else {
      continue;
    }
    MarkGone(present->second, spec.backends);
    MarkGone(present->second, spec.outside_backends);
    if (HasAnyLeft(spec)) next.services_.emplace(key, std::move(spec));
  }
  return next;
}

absl::StatusOr<std::string> EarlierServices::Build(uint64_t maglev_seed,
                                                   const MaglevTables& known,
                                                   MaglevTables& used) const {
  std::vector<const ServiceSpec*> latest_first;
  for (const auto& [key, spec] : services_) latest_first.push_back(&spec);
  std::stable_sort(latest_first.begin(), latest_first.end(),
                   [](const ServiceSpec* a, const ServiceSpec* b) {
                     return a->until_s > b->until_s;
                   });
  ServiceTableBuilder builder(maglev_seed);
  uint64_t bytes = 0;
  for (const ServiceSpec* spec : latest_first) {
    bytes += sizeof(ServiceRecord) + BytesOf(spec->backends) +
             BytesOf(spec->outside_backends);
    if (bytes > kMaxBytes) break;
    RETURN_IF_ERROR(builder.Insert(*spec));
  }
  return builder.Build(known, used);
}

}  // namespace vswitch
