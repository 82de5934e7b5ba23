// The latency of one policy verdict, warm and with cold caches, over numbers
// and kinds of rules; the same keys in other tables beside it.
//
//   bazel run -c opt //bench/micro:policy_benchmark
//
// Time is that of one verdict.  "cold" asks one question after everything else
// but the code has been pushed out of the caches; median_ns is the figure to
// look at. Counters: lines, the most cache lines that a verdict reads, with the
// one that says where its set lies; bytes of the table, 0 where the table does
// not tell.

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
#include <string>
#include <vector>

#include "bench/micro/policy_workload.h"
#include "bench/micro/rule_tables.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_lookup.h"
#include "dataplane/policy/policy_set_builder.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

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
  size_t bytes() const { return bytes_; }
  size_t lines() const { return lines_; }

 private:
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
  // Few enough for the second-level cache to hold what they read.
  const size_t count = std::min<size_t>(workload.questions.size(), 256);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.Allows(workload.questions[next]));
    next = next + 1 == count ? 0 : next + 1;
  }
}

template <typename Table>
void Cold(benchmark::State& state, const PolicyWorkload& workload,
          const Table& table) {
  // One that brings the code back, but none of the table.
  const PolicyWorkload other_rules = ExactRules(1, 2, 5);
  const Table other(other_rules);
  std::vector<double> samples;
  size_t next = 0;
  for (auto _ : state) {
    // The question itself is not what we measure.
    const PolicyQuestion question = workload.questions[next];
    EvictCaches();
    for (const PolicyQuestion& any : other_rules.questions) {
      benchmark::DoNotOptimize(other.Allows(any));
      if (&any - other_rules.questions.data() == 8) break;
    }
    const uint64_t ticks = Ticks([&] { return table.Allows(question); });
    samples.push_back(static_cast<double>(ticks - OwnTicks()) *
                      NanosecondsPerTick());
    state.SetIterationTime(samples.back() * 1e-9);
    next = (next + 1) % workload.questions.size();
  }
  // The mean has every interruption of the machine in it.
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2,
                   samples.end());
  state.counters["median_ns"] = samples[samples.size() / 2];
}

template <typename Table>
void RegisterTable(const std::string& name,
                   std::function<PolicyWorkload()> make) {
  // Made when the first of both runs, kept for the second.
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
  benchmark::RegisterBenchmark(("cold/" + name).c_str(),
                               [made, prepare](benchmark::State& state) {
                                 prepare(state);
                                 Cold(state, made->workload, *made->table);
                                 made->table.reset();
                               })
      ->UseManualTime()
      ->Iterations(51);
}

void RegisterAll() {
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
  // Building a million rules takes rte_acl longer than all the rest.
  RegisterTable<RuleAcl>("rte_acl/10", few);
  RegisterTable<RuleAcl>("rte_acl/10000", thousands);
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
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  vswitch::InitDpdk();
  vswitch::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
