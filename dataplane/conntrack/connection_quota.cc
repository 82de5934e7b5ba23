// Counts of connections, and the choice of those that may go.

#include "dataplane/conntrack/connection_quota.h"

#include <algorithm>
#include <cstdlib>

namespace vswitch {
namespace {

// A word: owner, incarnation, flags, age.
constexpr uint32_t kOwnerBits = 11;
constexpr uint32_t kOwnerMask = (1u << kOwnerBits) - 1;
constexpr uint32_t kIncarnationShift = kOwnerBits;
constexpr uint32_t kIncarnationMask = 0xffu << kIncarnationShift;
constexpr uint32_t kUsed = 1u << 19;
constexpr uint32_t kHalfOpen = 1u << 20;  // counted as such
constexpr uint32_t kNatPort = 1u << 21;   // likewise
constexpr uint32_t kUnproven = 1u << 22;  // was never answered
constexpr uint32_t kClaimed = 1u << 23;
constexpr uint32_t kAgeShift = 24;  // when it was made, in units of 2 s
static_assert(kMaxPorts + 2 <= 1u << kOwnerBits);

// How many entries a search looks at, and after how many candidates it is
// content: the oldest of eight is older than most.
constexpr uint32_t kMostWords = 512;
constexpr uint32_t kCandidates = 8;

uint32_t IncarnationBits(uint16_t incarnation) {
  return uint32_t{incarnation} << kIncarnationShift & kIncarnationMask;
}

bool HasIncarnation(uint32_t word, uint16_t incarnation) {
  return (word & kUsed) != 0 &&
         (word & kIncarnationMask) == IncarnationBits(incarnation);
}

uint32_t OwnerNumber(EndpointId owner) {
  const uint32_t number = ToInt(owner) + 1;  // kNoEndpoint: 0
  return number < kMaxPorts + 2 ? number : 0;
}

uint32_t TimeBits(uint32_t now_s) { return (now_s / 2) << kAgeShift; }

bool MayGo(uint32_t word) {
  if ((word & (kUnproven | kClaimed)) != kUnproven) return false;
  return (word & kNatPort) == 0 || (word & kOwnerMask) == 0;
}

}  // namespace

ConnectionQuota::ConnectionQuota(uint32_t capacity)
    : capacity_(capacity),
      words_(static_cast<Word*>(std::calloc(capacity, sizeof(Word)))) {
  if (words_ == nullptr) std::abort();
}

InsertStatus ConnectionQuota::Take(const ConnectionCharge& charge,
                                   const ConnectionLimits& limits) {
  Counts& counts = counts_[OwnerNumber(charge.owner)];
  // Counted first and looked at then, so that two workers cannot both take what
  // was the last.
  InsertStatus status = InsertStatus::kInserted;
  if (counts.entries.FetchAdd(1) >= limits.pod_connections) {
    status = InsertStatus::kPodQuota;
  }
  if (charge.is_half_open) {
    half_open_.FetchAdd(1);
    if (counts.half_open.FetchAdd(1) >= limits.pod_half_open) {
      status = InsertStatus::kPodQuota;
    }
  }
  if (charge.holds_nat_port &&
      counts.nat_ports.FetchAdd(1) >= limits.pod_nat_ports &&
      status == InsertStatus::kInserted) {
    status = InsertStatus::kNatPodQuota;
  }
  if (status != InsertStatus::kInserted) GiveBack(charge);
  return status;
}

void ConnectionQuota::GiveBack(const ConnectionCharge& charge) {
  Counts& counts = counts_[OwnerNumber(charge.owner)];
  counts.entries.FetchAdd(-1u);
  if (charge.is_half_open) {
    half_open_.FetchAdd(-1u);
    counts.half_open.FetchAdd(-1u);
  }
  if (charge.holds_nat_port) counts.nat_ports.FetchAdd(-1u);
}

void ConnectionQuota::CountDown(uint32_t word) {
  Counts& counts = counts_[word & kOwnerMask];
  if ((word & kUsed) != 0) counts.entries.FetchAdd(-1u);
  if ((word & kHalfOpen) != 0) {
    half_open_.FetchAdd(-1u);
    counts.half_open.FetchAdd(-1u);
  }
  if ((word & kNatPort) != 0) counts.nat_ports.FetchAdd(-1u);
}

void ConnectionQuota::Note(uint32_t index, uint16_t incarnation,
                           const ConnectionCharge& charge, uint32_t now_s) {
  words_[index].StoreRelease(
      OwnerNumber(charge.owner) | IncarnationBits(incarnation) | kUsed |
      (charge.is_half_open ? kHalfOpen | kUnproven : 0) |
      (charge.is_picked_up ? kUnproven : 0) |
      (charge.holds_nat_port ? kNatPort : 0) | TimeBits(now_s));
}

void ConnectionQuota::Forget(uint32_t index) {
  CountDown(words_[index].Exchange(0));
}

void ConnectionQuota::Found(uint32_t index, uint16_t incarnation,
                            const ConnectionCharge& charge) {
  static_cast<void>(Take(charge, kUnlimited));
  Note(index, incarnation, charge, 0);
}

void ConnectionQuota::StateChanged(uint32_t index, uint16_t incarnation,
                                   ConnectionState state) {
  uint32_t word = words_[index].LoadAcquire();
  while ((word & kClaimed) == 0 && HasIncarnation(word, incarnation)) {
    uint32_t gone = IsHalfOpen(state) ? 0 : word & kHalfOpen;
    if (IsOver(state)) {
      gone |= word & kNatPort;
    } else if (gone != 0) {
      gone |= kUnproven;
    }
    if (gone == 0) return;
    if (words_[index].CompareExchange(word, word & ~gone)) {
      CountDown(word & (gone | kOwnerMask));
      return;
    }
  }
}

bool ConnectionQuota::End(uint32_t index, uint16_t incarnation) {
  uint32_t word = words_[index].LoadAcquire();
  while (word != 0) {
    // Claimed, or another connection's already.
    if ((word & kClaimed) != 0 || !HasIncarnation(word, incarnation)) {
      return false;
    }
    if (words_[index].CompareExchange(word, 0)) {
      CountDown(word);
      return true;
    }
  }
  return true;
}

ConnectionQuota::Claim ConnectionQuota::ClaimVictim(uint32_t used_limit,
                                                    uint32_t now_s) {
  uint32_t hand = hand_.LoadRelaxed();
  const uint32_t limit = std::min(used_limit, capacity_);
  Claim oldest;
  uint32_t most_age = 0;
  uint32_t candidates = 0;
  const uint32_t words = std::min(limit, kMostWords);
  for (uint32_t i = 0; i < words && candidates < kCandidates; ++i) {
    if (hand >= limit) hand = 0;
    const uint32_t index = hand++;
    const uint32_t word = words_[index].LoadRelaxed();
    if (!MayGo(word)) continue;
    ++candidates;
    const uint32_t age =
        (TimeBits(now_s) - (word & TimeBits(UINT32_MAX))) >> kAgeShift;
    if (oldest.valid() && age <= most_age) continue;
    oldest = {index, word};
    most_age = age;
  }
  // Two workers that search at once may undo each other's step: no harm.
  hand_.StoreRelaxed(oldest.valid() ? oldest.index + 1 : hand);
  if (!oldest.valid()) return oldest;
  if (!words_[oldest.index].CompareExchange(oldest.word,
                                            oldest.word | kClaimed)) {
    return {};
  }
  return oldest;
}

void ConnectionQuota::Unclaim(const Claim& claim, bool is_answered) {
  // Fails if the entry was only about to be made, and was not after all.
  uint32_t expected = claim.word | kClaimed;
  words_[claim.index].CompareExchange(
      expected, is_answered ? claim.word & ~kUnproven : claim.word);
}

bool ConnectionQuota::IsPickedUp(const Claim& claim) {
  return (claim.word & kHalfOpen) == 0;
}

bool ConnectionQuota::IsOf(const Claim& claim, uint16_t incarnation) {
  return HasIncarnation(claim.word, incarnation);
}

ConnectionUse ConnectionQuota::Use(EndpointId owner) const {
  const Counts& counts = counts_[OwnerNumber(owner)];
  return {counts.entries.LoadRelaxed(), counts.half_open.LoadRelaxed(),
          counts.nat_ports.LoadRelaxed()};
}

}  // namespace vswitch
