// dataplane/tables/identity_table_writer.h
//
// The writer's side of the identity table (identity_table.h tells the
// protocol).  It keeps no state that a new writer could not rebuild from the
// slots.
//
//   writer.BeginGeneration(next, reached_by_all);
//   RETURN_IF_ERROR(writer.Bind(address, {identity, endpoint}));
//   RETURN_IF_ERROR(writer.Unbind(other));
//   ... publish `next`, or writer.Rollback()
//
// Control thread only.

#ifndef VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_WRITER_H_
#define VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_WRITER_H_

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

template <typename Atomics = StdAtomics>
class BasicIdentityTableWriter {
 public:
  using Memory = IdentityTableMemory<Atomics>;
  using Slot = IdentitySlot<Atomics>;
  using Table = BasicIdentityTable<Atomics>;

  BasicIdentityTableWriter() = default;

  // Takes over a table whose last published generation is `current`: undoes
  // what a writer before us wrote for a generation that it never published.
  BasicIdentityTableWriter(const Memory& memory, const HashSecret& secret,
                           Generation current)
      : memory_(memory), reader_(memory, secret) {
    retired_in_.resize(size_t{memory.group_count} * kSlotsPerIdentityGroup, 0);
    for (uint32_t index = 0; index < retired_in_.size(); ++index) {
      // Slots that were never used are not touched: untouched memory is free.
      const uint16_t tag = TagAt(index);
      if (tag == kRetiredTag) {
        // It may have been retired a moment ago: treat it so.
        retired_in_[index] = current + 1;
      }
      if (!IsTagInUse(tag)) continue;
      Slot& slot = memory_.slots[index];
      if (slot.since.LoadRelaxed() > current) Revert(slot);
      if (slot.after.LoadRelaxed() == 0) {
        absent_.push_back(index);
      } else {
        ++bound_count_;
      }
    }
  }

  // Starts the changes of generation `next`; every reader has reached
  // `reached` (quiescence.h).  REQUIRES: reached < next.
  void BeginGeneration(Generation next, Generation reached) {
    next_ = next;
    reached_ = reached;
    touched_.clear();
    // Slots that every reader sees as absent lose their tag.
    for (size_t count = absent_.size(); count > 0; --count) {
      const uint32_t index = absent_.front();
      absent_.pop_front();
      Slot& slot = memory_.slots[index];
      if (!IsTagInUse(TagAt(index)) || slot.after.LoadRelaxed() != 0) continue;
      if (slot.since.LoadRelaxed() <= reached_) {
        SetTag(index, kRetiredTag);
        retired_in_[index] = next_;
      } else {
        absent_.push_back(index);
      }
    }
  }

  // Binds `address` from generation `next` on.  Refuses identity 0, numbers
  // that do not fit a slot, a slot whose last change not every reader has
  // reached (wait and try again), and RESOURCE_EXHAUSTED when both groups of
  // the address are full.
  absl::Status Bind(const IpAddress& address, const HostBinding& binding) {
    if (binding.identity == kIdentityUnknown) {
      return absl::InvalidArgumentError(absl::StrCat(
          "identity table: address ", address.ToString(),
          " bound to identity 0; a binding needs a known identity"));
    }
    if (UnpackHostBinding(PackHostBinding(binding)) != binding) {
      return absl::InvalidArgumentError(absl::StrCat(
          "identity table: address ", address.ToString(), " bound to identity ",
          ToInt(binding.identity), ", endpoint ", ToInt(binding.endpoint),
          ", epoch ", binding.epoch, "; at most ", kMaxIdentity, ", ",
          kMaxBindingEndpoint, " and ", kMaxBindingEpoch, " fit"));
    }
    if (address == IpAddress{}) {
      return absl::InvalidArgumentError(
          "identity table: the unspecified address :: belongs to nobody");
    }
    const uint64_t packed = PackHostBinding(binding);
    const typename Table::Place place = reader_.PlaceOf(address);
    for (uint32_t group : place.groups) {
      const std::optional<uint32_t> index = reader_.FindInGroup(place, group);
      if (index.has_value()) return Change(*index, packed, address);
    }
    return InsertNew(place, packed, address);
  }

  // Makes `address` absent from generation `next` on; no error if it is.
  absl::Status Unbind(const IpAddress& address) {
    const typename Table::Place place = reader_.PlaceOf(address);
    for (uint32_t group : place.groups) {
      const std::optional<uint32_t> index = reader_.FindInGroup(place, group);
      if (index.has_value()) return Change(*index, 0, address);
    }
    return absl::OkStatus();
  }

  // Takes back every change since BeginGeneration().  The generation must not
  // be published with others in its place before BeginGeneration() is called.
  void Rollback() {
    for (uint32_t index : touched_) {
      Slot& slot = memory_.slots[index];
      const bool was_bound = slot.after.LoadRelaxed() != 0;
      Revert(slot);
      const bool is_bound = slot.after.LoadRelaxed() != 0;
      CountBound(was_bound, is_bound);
      if (!is_bound) absent_.push_back(index);
    }
    touched_.clear();
  }

  // Calls visit(address, binding) for every address bound as of the changes
  // made so far.
  void ForEach(const std::function<void(const IpAddress&, const HostBinding&)>&
                   visit) const {
    for (uint32_t index = 0; index < retired_in_.size(); ++index) {
      if (!IsTagInUse(TagAt(index))) continue;
      const Slot& slot = memory_.slots[index];
      const std::optional<HostBinding> binding =
          UnpackHostBinding(slot.after.LoadRelaxed());
      if (binding.has_value()) visit(AddressOf(slot), *binding);
    }
  }

  uint64_t bound_count() const { return bound_count_; }
  uint64_t slot_count() const { return retired_in_.size(); }
  const Table& reader() const { return reader_; }

 private:
  // The tag of a slot that an address gave up.  Tags of addresses are odd, so
  // no reader takes it, or 0 (never used), for one.
  static constexpr uint16_t kRetiredTag = 2;
  static constexpr bool IsTagInUse(uint16_t tag) { return (tag & 1) != 0; }

  static IpAddress AddressOf(const Slot& slot) {
    const uint64_t words[2] = {slot.key[0].LoadRelaxed(),
                               slot.key[1].LoadRelaxed()};
    IpAddress address;
    std::memcpy(address.bytes.data(), words, sizeof(words));
    return address;
  }

  // Makes `after` what it was before its generation.
  static void Revert(Slot& slot) {
    slot.after.StoreRelease(slot.before.LoadRelaxed());
  }

  uint16_t TagAt(uint32_t index) const {
    const uint32_t group = index / kSlotsPerIdentityGroup;
    const uint32_t lane = index % kSlotsPerIdentityGroup;
    return static_cast<uint16_t>(
        memory_.tags[group].words[lane / 4].LoadRelaxed() >> (lane % 4 * 16));
  }
  void SetTag(uint32_t index, uint16_t tag) {
    const uint32_t lane = index % kSlotsPerIdentityGroup;
    auto& word = memory_.tags[index / kSlotsPerIdentityGroup].words[lane / 4];
    const uint32_t shift = lane % 4 * 16;
    // Release: a reader that finds the tag sees the key behind it.
    word.StoreRelease((word.LoadRelaxed() & ~(uint64_t{0xffff} << shift)) |
                      uint64_t{tag} << shift);
  }

  void CountBound(bool was_bound, bool is_bound) {
    bound_count_ += (is_bound ? 1 : 0) - (was_bound ? 1 : 0);
  }

  absl::Status Change(uint32_t index, uint64_t packed,
                      const IpAddress& address) {
    Slot& slot = memory_.slots[index];
    const uint64_t present = slot.after.LoadRelaxed();
    if (present == packed) return absl::OkStatus();
    const Generation since = slot.since.LoadRelaxed();
    if (since != next_) {
      if (since > reached_) {
        return absl::FailedPreconditionError(absl::StrCat(
            "identity table: address ", address.ToString(),
            " changed in generation ", since, " and workers have reached only ",
            reached_, "; wait until they have reached it"));
      }
      slot.before.StoreRelaxed(present);
      slot.since.StoreRelease(next_);
    }
    slot.after.StoreRelease(packed);
    touched_.push_back(index);
    CountBound(present != 0, packed != 0);
    if (packed == 0) absent_.push_back(index);
    return absl::OkStatus();
  }

  // A slot may take a new key if it never had one, or if every reader has
  // reached a generation published after its tag was cleared.
  bool IsFree(uint32_t index) const {
    return !IsTagInUse(TagAt(index)) &&
           (retired_in_[index] == 0 || retired_in_[index] <= reached_);
  }

  absl::Status InsertNew(const typename Table::Place& place, uint64_t packed,
                         const IpAddress& address) {
    // The emptier group: two choices keep the fullest group within its eight
    // slots at loads above one half.
    std::optional<uint32_t> best;
    uint32_t best_count = 0;
    for (uint32_t group : place.groups) {
      std::optional<uint32_t> first;
      uint32_t count = 0;
      for (uint32_t lane = 0; lane < kSlotsPerIdentityGroup; ++lane) {
        const uint32_t index = group * kSlotsPerIdentityGroup + lane;
        if (!IsFree(index)) continue;
        if (!first.has_value()) first = index;
        ++count;
      }
      if (count > best_count) {
        best = first;
        best_count = count;
      }
    }
    if (!best.has_value()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "identity table: no slot for address ", address.ToString(), "; ",
          bound_count_, " of ", slot_count(),
          " slots are bound; a larger table is needed"));
    }
    Slot& slot = memory_.slots[*best];
    slot.key[0].StoreRelaxed(place.key[0]);
    slot.key[1].StoreRelaxed(place.key[1]);
    slot.before.StoreRelaxed(0);
    slot.since.StoreRelease(next_);
    slot.after.StoreRelease(packed);
    SetTag(*best, place.tag);
    touched_.push_back(*best);
    ++bound_count_;
    return absl::OkStatus();
  }

  Memory memory_;
  Table reader_;
  Generation next_ = 0;
  Generation reached_ = 0;
  uint64_t bound_count_ = 0;
  std::vector<Generation> retired_in_;  // by slot: when its tag was cleared
  std::deque<uint32_t> absent_;         // slots whose tag is to be cleared
  std::vector<uint32_t> touched_;       // slots changed in `next_`
};

using IdentityTableWriter = BasicIdentityTableWriter<StdAtomics>;

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_WRITER_H_
