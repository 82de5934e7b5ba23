// Random changes to maps that share nodes, against std::map; and what a change
// and a difference cost.

#include "controlplane/model/persistent_map.h"

#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

using Map = PersistentMap<int, int>;
using Model = std::map<int, int>;

// A key that counts how often keys are compared.
struct CountedKey {
  int number = 0;
  static inline int compared = 0;
  friend bool operator<(const CountedKey& a, const CountedKey& b) {
    ++compared;
    return a.number < b.number;
  }
};
using CountedMap = PersistentMap<CountedKey, int>;

constexpr int kMany = 1 << 16;

// key, before, after
using Difference = std::tuple<int, std::optional<int>, std::optional<int>>;

std::vector<Difference> DifferencesOf(const Map& before, const Map& after) {
  std::vector<Difference> found;
  Map::ForEachDifference(
      before, after, [&](int key, const int* old, const int* value) {
        found.emplace_back(
            key, old == nullptr ? std::nullopt : std::optional(*old),
            value == nullptr ? std::nullopt : std::optional(*value));
      });
  return found;
}

std::optional<int> ValueOf(const Model& model, int key) {
  auto found = model.find(key);
  return found == model.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Difference> DifferencesOf(const Model& before, const Model& after,
                                      int key_count) {
  std::vector<Difference> found;
  for (int key = 0; key < key_count; ++key) {
    std::optional<int> old = ValueOf(before, key);
    std::optional<int> value = ValueOf(after, key);
    if (old != value) found.emplace_back(key, old, value);
  }
  return found;
}

void RequireEqual(const Map& map, const Model& model, int key_count) {
  RC_ASSERT(map.size() == model.size());
  RC_ASSERT(std::vector<Map::value_type>(map.begin(), map.end()) ==
            std::vector<Map::value_type>(model.begin(), model.end()));
  for (int key = -1; key <= key_count; ++key) {
    const int* found = map.Find(key);
    RC_ASSERT((found == nullptr ? std::nullopt : std::optional(*found)) ==
              ValueOf(model, key));
    auto expected = model.lower_bound(key);
    auto it = map.lower_bound(key);
    RC_ASSERT((it == map.end()) == (expected == model.end()));
    if (it != map.end()) RC_ASSERT(it->first == expected->first);
    const Map::value_type* last = map.FindLastBefore(key);
    RC_ASSERT((last == nullptr) == (expected == model.begin()));
    if (last != nullptr) RC_ASSERT(last->first == std::prev(expected)->first);
  }
}

// Several maps, each a copy of another one at some time and changed since.
TEST(PersistentMapTest, SharingMapsAreEachAsAMapOfItsOwn) {
  ASSERT_TRUE(rc::check([] {
    const int key_count = *rc::gen::element(8, 64, 400);
    std::vector<Map> maps(4);
    std::vector<Model> models(4);
    const int steps = *rc::gen::inRange(0, 600);
    for (int i = 0; i < steps; ++i) {
      size_t which = *rc::gen::inRange<size_t>(0, maps.size());
      int key = *rc::gen::inRange(0, key_count);
      switch (*rc::gen::inRange(0, 8)) {
        case 0: {
          size_t from = *rc::gen::inRange<size_t>(0, maps.size());
          maps[which] = maps[from];
          models[which] = models[from];
          break;
        }
        case 1:
        case 2:
        case 3:
          RC_ASSERT(maps[which].Erase(key) == (models[which].erase(key) != 0));
          break;
        default:
          maps[which].Insert(key, i % 3);
          models[which][key] = i % 3;
      }
    }
    for (size_t a = 0; a < maps.size(); ++a) {
      RequireEqual(maps[a], models[a], key_count);
      for (size_t b = 0; b < maps.size(); ++b) {
        RC_ASSERT(DifferencesOf(maps[a], maps[b]) ==
                  DifferencesOf(models[a], models[b], key_count));
        RC_ASSERT((maps[a] == maps[b]) == (models[a] == models[b]));
      }
    }
  }));
}

TEST(PersistentMapTest, FromSortedIsTheMapOfItsEntries) {
  for (int size : {0, 1, 2, 3, 100}) {
    std::vector<Map::value_type> entries;
    for (int i = 0; i < size; ++i) entries.emplace_back(i, 2 * i);
    Map map = Map::FromSorted(entries);
    EXPECT_EQ(map.size(), entries.size());
    EXPECT_EQ(std::vector<Map::value_type>(map.begin(), map.end()), entries);
  }
}

// Sorted insertion, the worst case of a tree that does not balance itself.
CountedMap Ascending() {
  CountedMap map;
  for (int i = 0; i < kMany; ++i) map.Insert({2 * i}, 0);
  return map;
}

TEST(PersistentMapTest, StaysBalanced) {
  CountedMap map = Ascending();
  // Two comparisons a level, and AVL trees have at most 1.44 log2(n) levels.
  const int limit = 2 * static_cast<int>(1.44 * std::log2(kMany) + 2);
  for (int key : {0, 1, kMany, 2 * kMany}) {
    CountedKey::compared = 0;
    map.Find({key});
    EXPECT_LE(CountedKey::compared, limit) << key;
  }
  for (int i = 0; i < kMany - 100; ++i) map.Erase({2 * i});
  CountedKey::compared = 0;
  map.Find({2 * kMany});
  EXPECT_LE(CountedKey::compared, 2 * static_cast<int>(1.44 * 7 + 2));
}

TEST(PersistentMapTest, ADifferenceCostsWhatChanged) {
  CountedMap before = Ascending();
  CountedMap after = before;
  constexpr int kChanges = 10;
  for (int i = 0; i < kChanges; ++i) {
    after.Insert({i * 4001 * 2}, 1);       // another value
    after.Insert({i * 4001 * 2 + 1}, 1);   // an additional key
    after.Erase({(i * 4001 + 2000) * 2});  // a key less
  }
  CountedKey::compared = 0;
  int found = 0;
  CountedMap::ForEachDifference(
      before, after,
      [&found](const CountedKey&, const int*, const int*) { ++found; });
  EXPECT_EQ(found, 3 * kChanges);
  EXPECT_LE(CountedKey::compared, 3 * kChanges * 4 * 17);
}

}  // namespace
}  // namespace vswitch
