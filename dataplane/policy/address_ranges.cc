// A sweep over the addresses at which a CIDR or an exception begins or ends.

#include "dataplane/policy/address_ranges.h"

#include <algorithm>

namespace vswitch {
namespace {

// At `first`, one more (or one less) part of a match covers or is excepted.
struct Change {
  AddressNumber first;
  uint32_t match;  // index into the CIDRs
  int covered;
  int excepted;
};

AddressNumber LastOf(IpFamily family) {
  return family == IpFamily::kIpv4 ? AddressNumber{0xffffffff}
                                   : ~AddressNumber{0};
}

// What is active while the sweep goes on.
class Sweep {
 public:
  explicit Sweep(const std::vector<RankedCidr>& cidrs)
      : cidrs_(cidrs), matches_(cidrs.size()) {}

  void Apply(const Change& change) {
    Match& match = matches_[change.match];
    const bool before = match.IsActive();
    match.covered += change.covered;
    match.excepted += change.excepted;
    if (match.IsActive() == before) return;
    const RankedCidr& cidr = cidrs_[change.match];
    const int by = before ? -1 : 1;
    world_.Change(cidr.rank, by);
    if (!cidr.match->outside_only) others_.Change(cidr.rank, by);
  }

  AddressRange RangeUpTo(AddressNumber last) const {
    return {last, world_.signature(), others_.signature()};
  }

 private:
  struct Match {
    int covered = 0;
    int excepted = 0;
    bool IsActive() const { return covered > 0 && excepted == 0; }
  };

  const std::vector<RankedCidr>& cidrs_;
  std::vector<Match> matches_;
  ActiveEntries world_, others_;
};

void AddChanges(const IpPrefix& prefix, uint32_t match, bool is_exception,
                std::vector<Change>& changes) {
  const IpFamily family = prefix.address.family();
  const AddressNumber all = LastOf(family);
  const uint32_t bits = family == IpFamily::kIpv4 ? 32 : 128;
  const AddressNumber host_mask = prefix.prefix_bits >= bits ? 0
                                  : prefix.prefix_bits == 0
                                      ? all
                                      : all >> prefix.prefix_bits;
  const AddressNumber first = NumberOf(prefix.address);
  const AddressNumber last = first | host_mask;
  changes.push_back({first, match, !is_exception, is_exception});
  if (last != all) {
    changes.push_back({last + 1, match, -!is_exception, -is_exception});
  }
}

}  // namespace

AddressNumber NumberOf(const IpAddress& address) {
  AddressNumber number = 0;
  for (size_t i = 0; i < address.WireByteCount(); ++i) {
    number = number << 8 | address.WireBytes()[i];
  }
  return number;
}

std::vector<AddressRange> FindAddressRanges(
    IpFamily family, const std::vector<RankedCidr>& cidrs) {
  std::vector<Change> changes;
  for (uint32_t i = 0; i < cidrs.size(); ++i) {
    const CidrMatch& match = *cidrs[i].match;
    if (match.cidr.address.family() != family) continue;
    AddChanges(match.cidr, i, false, changes);
    for (const IpPrefix& except : match.except) {
      AddChanges(except, i, true, changes);
    }
  }
  std::vector<AddressRange> ranges;
  if (changes.empty()) return ranges;
  std::stable_sort(
      changes.begin(), changes.end(),
      [](const Change& a, const Change& b) { return a.first < b.first; });
  Sweep sweep(cidrs);
  auto append = [&](AddressNumber last) {
    AddressRange range = sweep.RangeUpTo(last);
    if (!ranges.empty() && ranges.back().world == range.world &&
        ranges.back().others == range.others) {
      ranges.back().last = last;
    } else {
      ranges.push_back(std::move(range));
    }
  };
  for (size_t i = 0; i < changes.size();) {
    const AddressNumber first = changes[i].first;
    if (first != 0) append(first - 1);
    for (; i < changes.size() && changes[i].first == first; ++i) {
      sweep.Apply(changes[i]);
    }
  }
  append(LastOf(family));
  return ranges;
}

}  // namespace vswitch
