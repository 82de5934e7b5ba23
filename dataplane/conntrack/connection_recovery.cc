// Repairs a connection table whose writers were killed at any instruction.

#include <vector>

#include "dataplane/conntrack/connection_layout.h"

namespace vswitch {
namespace {

using Store = SharedConnectionStore;

class Recovery {
 public:
  explicit Recovery(ConnectionTableLayout& layout)
      : store_(layout.store),
        arrays_(layout.store.arrays()),
        limit_(UsedLimit(layout)),
        linked_(limit_, 0) {}

  RecoveryReport Run() {
    // A worker raises the limit before it writes anything else.
    if (limit_ == 0) return report_;
    for (uint32_t i = 0; i < limit_; ++i) EndWrite(arrays_.entries[i]);
    for (uint32_t i = 0; i < arrays_.bucket_count; ++i) CheckBucket(i);
    for (uint32_t i = 0; i < limit_; ++i) CheckEntry(i);
    // Slots of the entries just dropped.
    for (uint32_t i = 0; i < arrays_.bucket_count && report_.dropped > 0; ++i) {
      ClearUnlinked(arrays_.buckets[i]);
    }
    return report_;
  }

 private:
  static constexpr uint8_t kBothLinked = 3;

  // Ends a write that never came to its end.  The words of a live entry may
  // hold half of a new judgement: it must be judged again.  Its keys are whole,
  // because only a free entry's keys are written.
  void EndWrite(Store::Entry& entry) {
    const uint32_t version = entry.version.LoadRelaxed();
    if ((version & 1) == 0) return;
    const EntryState state = EntryState::Unpack(entry.state.LoadRelaxed());
    if (state.life == EntryLife::kLive) {
      // The generation is the upper half.
      auto& word = entry.words[kProtocolWord];
      word.StoreRelaxed((word.LoadRelaxed() & 0xffffffff) |
                        uint64_t{kNeverJudged} << 32);
      ++report_.judge_again;
    }
    entry.version.StoreRelaxed(version + 1);
  }

  void CheckBucket(uint32_t number) {
    Store::Bucket& bucket = arrays_.buckets[number];
    if (bucket.writer.LoadRelaxed() != 0) {
      bucket.writer.StoreRelaxed(0);
      ++report_.buckets_held;
    }
    for (uint32_t lane = 0; lane < kBucketSlots; ++lane) {
      const uint32_t packed = bucket.slots[lane].LoadRelaxed();
      if (packed == kEmptySlot) continue;
      const Slot slot = Slot::Unpack(packed);
      const auto bit =
          static_cast<uint8_t>(1u << static_cast<uint32_t>(slot.direction));
      if (!SlotIsGood(number, lane, slot) || (linked_[slot.index] & bit) != 0) {
        bucket.slots[lane].StoreRelaxed(kEmptySlot);
        continue;
      }
      linked_[slot.index] |= bit;
    }
  }

  // Whether the slot leads to a live entry whose key belongs here.
  bool SlotIsGood(uint32_t number, uint32_t lane, Slot slot) const {
    ConnectionView view;
    if (slot.index >= limit_ || !store_.Read(slot.index, view)) return false;
    const BucketPlaces places =
        store_.Places(store_.Hash(view.record.Key(slot.direction)));
    const Store::Bucket& bucket = arrays_.buckets[number];
    const uint64_t tags = lane < 8 ? bucket.tags_0_7[lane / 4].LoadRelaxed()
                                   : bucket.tags_8_9.LoadRelaxed();
    return (places.buckets[0] == number || places.buckets[1] == number) &&
           static_cast<uint16_t>(tags >> lane % 4 * 16) == places.tag;
  }

  void CheckEntry(uint32_t index) {
    Store::Entry& entry = arrays_.entries[index];
    EntryState state = EntryState::Unpack(entry.state.LoadRelaxed());
    const bool known =
        state.life == EntryLife::kLive &&
        static_cast<uint32_t>(state.state) < kConnectionStateCount;
    if (known && linked_[index] == kBothLinked) {
      ++report_.kept;
      // A killed worker may have noted half of a segment.
      TcpWindow unknown;
      unknown.notes = kTcpLiberal | kTcpSack;
      store_.windows().Reset(index, {unknown, unknown});
      return;
    }
    if (state.life == EntryLife::kLive) ++report_.dropped;
    linked_[index] = 0;
    state.life = EntryLife::kFree;
    entry.state.StoreRelaxed(state.Pack());
  }

  void ClearUnlinked(Store::Bucket& bucket) {
    for (auto& slot : bucket.slots) {
      const uint32_t packed = slot.LoadRelaxed();
      if (packed == kEmptySlot) continue;
      if (linked_[Slot::Unpack(packed).index] == 0) {
        slot.StoreRelaxed(kEmptySlot);
      }
    }
  }

  Store& store_;
  const Store::Arrays& arrays_;
  uint32_t limit_;
  std::vector<uint8_t> linked_;  // a bit for each direction whose slot is there
  RecoveryReport report_;
};

}  // namespace

RecoveryReport RecoverConnections(ConnectionTableLayout& layout) {
  return Recovery(layout).Run();
}

}  // namespace vswitch
