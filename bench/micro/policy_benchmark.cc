// The latency of one policy verdict, warm and with cold caches, over numbers
// and kinds of rules; the same keys in other tables beside it.
//
//   bazel run -c opt //bench/micro:policy_benchmark
//
// Time is that of one verdict.  "cold" asks one question after every line that
// its answer reads was flushed from all caches; "evicted" after everything but
// the code, page tables too, was pushed out of them.  one_load is what a single
// read of memory costs in the same way: of the machine, not of a table.
// Rows run several times, interleaved, since the machine is not the same from
// one second to the next; look at the rows that end in _median, and there at
// median_ns for "cold" and "evicted".  Counters: lines, the most cache lines
// that a verdict reads, with the one that says where its set lies; bytes of the
// table, 0 where the table does not tell.

#include <benchmark/benchmark.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/micro/policy_workload.h"
#include "bench/micro/rule_tables.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_lookup.h"
#include "dataplane/policy/policy_set_builder.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

constexpr int kColdSamples = 2001;
constexpr int kEvictedSamples = 11;

struct CountedLines {
  std::set<uint64_t> touched;
  void operator()(uint64_t line) { touched.insert(line); }
};

// The policy table of a workload.
class Sets {
 public:
  explicit Sets(const PolicyWorkload& workload) {
    std::vector<std::shared_ptr<const std::string>> pieces;
    for (const PolicySetSpec& spec : workload.sets) {
      absl::StatusOr<std::string> bytes = BuildPolicySet(spec);
      if (!bytes.ok()) {
        std::fprintf(stderr, "%s\n", bytes.status().ToString().c_str());
        std::exit(1);
      }
      bytes_ += bytes->size() + sizeof(PieceArea);
      pieces.push_back(std::make_shared<const std::string>(*std::move(bytes)));
    }
    copies_ = PieceCopies(pieces);
    table_ = PolicyTable::Open(copies_.list());
    for (const PolicyQuestion& question : workload.questions) {
      CountedLines lines;
      PolicySetReader<CountedLines>(copies_.list().Piece(ToInt(question.set)),
                                    lines)
          .Lookup(question.query);
      lines_ = std::max(lines_, lines.touched.size() + 1);
    }
  }
  bool Allows(const PolicyQuestion& question) const {
    return table_.Lookup(question.set, question.query).allowed;
  }
  // Flushes every line that the answer reads from all caches.
  void Flush(const PolicyQuestion& question) const {
    const uint32_t set = ToInt(question.set);
    const std::span<const std::byte> bytes = copies_.list().Piece(set);
    CountedLines lines;
    PolicySetReader<CountedLines>(bytes, lines).Lookup(question.query);
    for (const uint64_t line : lines.touched) {
      _mm_clflush(bytes.data() + line * kCacheLineBytes);
    }
    _mm_clflush(&copies_.list().areas()[set]);
    _mm_mfence();
  }
  size_t bytes() const { return bytes_; }
  size_t lines() const { return lines_; }

 private:
  static constexpr size_t kCacheLineBytes = 64;

  PieceCopies copies_;
  PolicyTable table_;
  size_t bytes_ = 0;
  size_t lines_ = 0;
};

double NanosecondsPerTick() {
  static const double result = [] {
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t first = __rdtsc();
    while (std::chrono::steady_clock::now() - begin <
           std::chrono::milliseconds(50)) {
    }
    const std::chrono::duration<double, std::nano> passed =
        std::chrono::steady_clock::now() - begin;
    return passed.count() / static_cast<double>(__rdtsc() - first);
  }();
  return result;
}

// Ticks of one call, with those of the measurement itself.
template <typename Function>
uint64_t Ticks(Function function) {
  _mm_lfence();
  const uint64_t begin = __rdtsc();
  _mm_lfence();
  benchmark::DoNotOptimize(function());
  unsigned cpu;
  const uint64_t end = __rdtscp(&cpu);
  _mm_lfence();
  return end - begin;
}

uint64_t OwnTicks() {
  static const uint64_t result = [] {
    uint64_t least = ~uint64_t{0};
    for (int i = 0; i < 1000; ++i) {
      least = std::min(least, Ticks([] { return 0; }));
    }
    return least;
  }();
  return result;
}

// Pushes everything else out of the caches: reads twice as much as they hold.
void EvictCaches() {
  static const size_t bytes = std::max<size_t>(
      64 << 20,
      2 * static_cast<size_t>(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE))));
  static const std::vector<uint64_t> memory(bytes / sizeof(uint64_t), 1);
  uint64_t sum = 0;
  for (size_t i = 0; i < memory.size(); i += 8) sum += memory[i];
  benchmark::DoNotOptimize(sum);
}

template <typename Table>
void Warm(benchmark::State& state, const PolicyWorkload& workload,
          const Table& table) {
  // Few enough for the first-level cache to hold what they read.
  const size_t count = std::min<size_t>(workload.questions.size(), 64);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.Allows(workload.questions[next]));
    next = next + 1 == count ? 0 : next + 1;
  }
}

// One time that is not shown by an average: the mean has every interruption of
// the machine in it.
class Samples {
 public:
  void Add(uint64_t ticks, benchmark::State& state) {
    const uint64_t own = OwnTicks();
    values_.push_back(static_cast<double>(ticks - std::min(ticks, own)) *
                      NanosecondsPerTick());
    state.SetIterationTime(values_.back() * 1e-9);
  }
  void Report(benchmark::State& state) {
    const auto middle =
        values_.begin() + static_cast<ptrdiff_t>(values_.size() / 2);
    std::nth_element(values_.begin(), middle, values_.end());
    state.counters["median_ns"] = *middle;
  }

 private:
  std::vector<double> values_;
};

void Cold(benchmark::State& state, const PolicyWorkload& workload,
          const Sets& table) {
  Samples samples;
  size_t next = 0;
  for (auto _ : state) {
    // Neither the question itself nor the translation of addresses is what we
    // measure.
    const PolicyQuestion question = workload.questions[next];
    benchmark::DoNotOptimize(table.Allows(question));
    table.Flush(question);
    samples.Add(Ticks([&] { return table.Allows(question); }), state);
    next = (next + 1) % workload.questions.size();
  }
  samples.Report(state);
}

template <typename Table>
void Evicted(benchmark::State& state, const PolicyWorkload& workload,
             const Table& table) {
  // One that brings the code back, but none of the table.
  const PolicyWorkload other_rules = ExactRules(1, 2, 5);
  const Table other(other_rules);
  Samples samples;
  size_t next = 0;
  for (auto _ : state) {
    // The question itself is not what we measure.
    const PolicyQuestion question = workload.questions[next];
    EvictCaches();
    for (const PolicyQuestion& any : other_rules.questions) {
      benchmark::DoNotOptimize(other.Allows(any));
      if (&any - other_rules.questions.data() == 8) break;
    }
    samples.Add(Ticks([&] { return table.Allows(question); }), state);
    next = (next + 1) % workload.questions.size();
  }
  samples.Report(state);
}

// What one read of memory costs that nobody has read for long.
void OneLoad(benchmark::State& state, bool evict) {
  constexpr size_t kLines = 1 << 20;
  struct alignas(64) Line {
    uint64_t value = 1;
  };
  static const std::vector<Line> lines(kLines);
  Samples samples;
  uint64_t random = 1;
  for (auto _ : state) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const Line& line = lines[random >> 32 & (kLines - 1)];
    benchmark::DoNotOptimize(line.value);
    if (evict) {
      EvictCaches();
    } else {
      _mm_clflush(&line);
      _mm_mfence();
    }
    samples.Add(Ticks([&] {
                  return *static_cast<const volatile uint64_t*>(&line.value);
                }),
                state);
  }
  samples.Report(state);
}

template <typename Table>
void RegisterTable(const std::string& name,
                   std::function<PolicyWorkload()> make) {
  // Made when the first of them runs, kept for all others.
  struct Made {
    PolicyWorkload workload;
    std::unique_ptr<Table> table;
  };
  auto made = std::make_shared<Made>();
  auto prepare = [made, make](benchmark::State& state) {
    if (made->table == nullptr) {
      made->workload = make();
      made->table = std::make_unique<Table>(made->workload);
    }
    state.counters["rules"] = static_cast<double>(made->workload.rule_count);
    if constexpr (requires { made->table->bytes(); }) {
      state.counters["bytes"] = static_cast<double>(made->table->bytes());
    }
    if constexpr (requires { made->table->lines(); }) {
      state.counters["lines"] = static_cast<double>(made->table->lines());
    }
  };
  benchmark::RegisterBenchmark(("warm/" + name).c_str(),
                               [made, prepare](benchmark::State& state) {
                                 prepare(state);
                                 Warm(state, made->workload, *made->table);
                               });
  if constexpr (std::is_same_v<Table, Sets>) {
    benchmark::RegisterBenchmark(("cold/" + name).c_str(),
                                 [made, prepare](benchmark::State& state) {
                                   prepare(state);
                                   Cold(state, made->workload, *made->table);
                                 })
        ->UseManualTime()
        ->Iterations(kColdSamples);
  }
  benchmark::RegisterBenchmark(("evicted/" + name).c_str(),
                               [made, prepare](benchmark::State& state) {
                                 prepare(state);
                                 Evicted(state, made->workload, *made->table);
                               })
      ->UseManualTime()
      ->Iterations(kEvictedSamples);
}

void RegisterOneLoad(const char* name, bool evict, int samples) {
  benchmark::RegisterBenchmark(
      name, [evict](benchmark::State& state) { OneLoad(state, evict); })
      ->UseManualTime()
      ->Iterations(samples);
}

void RegisterAll() {
  RegisterOneLoad("cold/one_load", false, kColdSamples);
  RegisterOneLoad("evicted/one_load", true, kEvictedSamples);
  const auto exact = [](uint32_t sets, uint32_t entries, uint32_t identities) {
    return [=] { return ExactRules(sets, entries, identities); };
  };
  const auto few = exact(1, 2, 5);
  const auto thousands = exact(100, 5, 20);
  const auto million = exact(1000, 7, 143);
  RegisterTable<Sets>("policy/10", few);
  RegisterTable<Sets>("policy/10000", thousands);
  RegisterTable<Sets>("policy/1000000", million);
  RegisterTable<Sets>("policy/1000000_in_one_set", exact(1, 7, 142858));
  RegisterTable<Sets>("policy_masks/10000", [] { return MaskRules(357); });
  RegisterTable<Sets>("policy_masks/1000000", [] { return MaskRules(35714); });
  RegisterTable<RuleHash>("rte_hash/10", few);
  RegisterTable<RuleHash>("rte_hash/10000", thousands);
  RegisterTable<RuleHash>("rte_hash/1000000", million);
  RegisterTable<RuleMap>("flat_hash_map/10", few);
  RegisterTable<RuleMap>("flat_hash_map/10000", thousands);
  RegisterTable<RuleMap>("flat_hash_map/1000000", million);
  RegisterTable<RuleAcl>("rte_acl/10", few);
  RegisterTable<RuleAcl>("rte_acl/10000", thousands);
  RegisterTable<RuleAcl>("rte_acl/1000000", million);
}

// The switch keeps its tables in huge pages; so shall every table here.  malloc
// reads its settings only when a program starts.
void StartWithHugePages(char** argv) {
  constexpr char kSettings[] = "GLIBC_TUNABLES";
  if (std::getenv(kSettings) != nullptr) return;
  setenv(kSettings, "glibc.malloc.hugetlb=1", 0);
  execv("/proc/self/exe", argv);
  std::perror("policy_benchmark: small pages");
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  vswitch::StartWithHugePages(argv);
  // What the command line says goes before.
  std::vector<char*> arguments = {argv[0]};
  char repetitions[] = "--benchmark_repetitions=7";
  char interleaving[] = "--benchmark_enable_random_interleaving=true";
  char aggregates[] = "--benchmark_report_aggregates_only=true";
  for (char* flag : {repetitions, interleaving, aggregates}) {
    arguments.push_back(flag);
  }
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  argc = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  argv = arguments.data();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  vswitch::InitDpdk();
  vswitch::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
