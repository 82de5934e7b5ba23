// What finding and making a connection costs in our table, in rte_hash and in
// absl::flat_hash_map, by size of the batch, hot and cold.
//
//   bazel run -c opt //bench/micro:connection_tables_benchmark
//
// Time is that of one batch; items_per_second counts connections.  "hot" asks
// for 10 000 connections, which caches hold.  "cold" asks for 2 000 000, each
// once before any comes again; with their tables they are more than caches
// hold, unless the machine has hundreds of megabytes of them.  An insertion
// makes both keys of a connection, in a table that is a quarter full at first
// and half full at the end.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "bench/micro/connection_tables.h"
#include "bench/micro/rule_tables.h"

namespace vswitch {
namespace {

constexpr uint32_t kHot = 10'000;
constexpr uint32_t kCold = 2'000'000;
// An odd step of a power of two of numbers: each comes once in a round.
constexpr uint32_t kStep = 0x9e3779b1;

// The numbers 0 to size - 1 in an order that no prefetcher knows.
class Numbers {
 public:
  explicit Numbers(uint32_t size) : size_(size) {
    while (mask_ < size - 1) mask_ = mask_ * 2 + 1;
  }
  uint32_t Next() {
    do {
      at_ = (at_ + kStep) & mask_;
    } while (at_ >= size_);
    return at_;
  }

 private:
  uint32_t size_;
  uint32_t mask_ = 1;
  uint32_t at_ = 0;
};

// Keys of one batch, which the cache does not hold before the table does.
struct Batch {
  std::array<FlowKey, kMaxBatch> keys;
  std::array<const FlowKey*, kMaxBatch> asked;

  Batch() {
    for (size_t i = 0; i < kMaxBatch; ++i) asked[i] = &keys[i];
  }
  std::span<const FlowKey* const> Fill(Numbers& numbers, size_t count) {
    for (size_t i = 0; i < count; ++i) keys[i] = ConnectionKey(numbers.Next());
    return {asked.data(), count};
  }
};

template <typename Table>
void Lookup(benchmark::State& state) {
  const auto size = static_cast<uint32_t>(state.range(0));
  const auto count = static_cast<size_t>(state.range(1));
  Table table(2 * size);
  for (uint32_t i = 0; i < size; ++i) {
    if (!table.Insert(ConnectionKey(i))) {
      state.SkipWithError("the table is full");
      return;
    }
  }
  Numbers numbers(size);
  Batch batch;
  for (auto unused : state) {
    if (table.Lookup(batch.Fill(numbers, count)) == count) continue;
    state.SkipWithError("a connection is not found");
    break;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}

template <typename Table>
void Insert(benchmark::State& state) {
  const auto size = static_cast<uint32_t>(state.range(0));
  const auto count = static_cast<uint32_t>(state.range(1));
  std::unique_ptr<Table> table;
  uint32_t number = size;
  for (auto unused : state) {
    if (table == nullptr || number + count > size) {
      table.reset();
      table = std::make_unique<Table>(2 * size);
      for (number = 0; number < size / 2; ++number) {
        table->Insert(ConnectionKey(number));
      }
    }
    const auto begin = std::chrono::steady_clock::now();
    bool is_good = true;
    for (uint32_t i = 0; i < count; ++i) {
      is_good &= table->Insert(ConnectionKey(number + i));
    }
    const std::chrono::duration<double> passed =
        std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(passed.count());
    number += count;
    if (is_good) continue;
    state.SkipWithError("the table is full");
    break;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}

void Batches(benchmark::internal::Benchmark* rows, uint32_t size) {
  for (const int64_t count : {1, 2, 4, 8, 16, 32, 64}) {
    rows->Args({size, count});
  }
}

template <typename Table>
void Register(const char* name) {
  for (const auto& [heat, size] :
       {std::pair("hot", kHot), std::pair("cold", kCold)}) {
    const std::string lookup = std::string("lookup/") + heat + "/" + name;
    Batches(benchmark::RegisterBenchmark(lookup.c_str(), Lookup<Table>), size);
    const std::string insert = std::string("insert/") + heat + "/" + name;
    Batches(benchmark::RegisterBenchmark(insert.c_str(), Insert<Table>)
                ->UseManualTime(),
            size);
  }
}

int Main(int argc, char** argv) {
  InitDpdk();
  Register<OurTable>("connections");
  Register<RteTable>("rte_hash");
  Register<FlatTable>("flat_hash_map");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
