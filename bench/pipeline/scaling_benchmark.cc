// scaling_benchmark: what a second worker adds when the two directions of every
// flow come in at different ones, so that both write the same connections.
//
//   bazel run -c opt //bench/pipeline:scaling_benchmark -- --cpus=0,1
//
// One worker that takes both directions by turns, and two on two cores with a
// direction each, are measured by turns.  Exit status 1: two send less than
// --floor times what one sends, by the median.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/pipeline/bench_workers.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/report.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kNow = 1'000'000'000'000;
constexpr uint32_t kWorkers = 2;
// Bursts between two looks at the clock.
constexpr int kBurstsAtOnce = 64;
constexpr std::array<BenchDirection, 2> kDirections = {
    BenchDirection::kToServer, BenchDirection::kToClient};

struct Flags {
  std::vector<uint32_t> cpus = {0, 1};
  std::vector<uint64_t> flows = {1, 10000, 1000000};
  double seconds = 1;
  uint32_t repeat = 5;
  double floor = 1.6;
};

class Scaling {
 public:
  Scaling(const Flags& flags, BenchWorkers& bench, uint64_t flows)
      : flags_(flags), bench_(bench), flows_(flows) {}

  // Makes the connections, and checks that all packets are forwarded.
  absl::Status Establish() {
    for (uint64_t flow = 0; flow < flows_; flow += kBurstPackets) {
      for (uint32_t i = 0; i < kWorkers; ++i) {
        const uint64_t before = bench_.sent(i);
        bench_.Run(i, kDirections[i], flow, flows_, kNow);
        const uint64_t sent = bench_.sent(i) - before;
        if (sent == kBurstPackets) continue;
        return absl::InternalError(absl::StrCat(
            "of ", kBurstPackets, " packets ", sent, " are forwarded"));
      }
    }
    return absl::OkStatus();
  }

  // Returns packets a second of `count` workers together.
  double Rate(uint32_t count) {
    std::latch start(count);
    std::array<double, kWorkers> rates{};
    {
      std::vector<std::jthread> threads;
      for (uint32_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] { rates[i] = RunThread(i, count, start); });
      }
    }
    return rates[0] + rates[1];
  }

 private:
  // What worker `worker` of `count` does in a thread of its own.
  double RunThread(uint32_t worker, uint32_t count, std::latch& start) {
    const absl::Status pinned = PinThread(flags_.cpus[worker]);
    if (!pinned.ok()) std::cerr << "scaling_benchmark: " << pinned << "\n";
    start.arrive_and_wait();
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    std::chrono::duration<double> passed{};
    uint64_t packets = 0;
    uint64_t flow = 0;
    while (passed.count() < flags_.seconds) {
      for (int i = 0; i < kBurstsAtOnce; ++i) {
        const uint32_t direction =
            count == 1 ? static_cast<uint32_t>(i % 2) : worker;
        bench_.Run(worker, kDirections[direction], flow, flows_, kNow);
        if (direction == 1 || count != 1)
          flow = (flow + kBurstPackets) % flows_;
      }
      packets += kBurstsAtOnce * kBurstPackets;
      passed = Clock::now() - begin;
    }
    return static_cast<double>(packets) / passed.count();
  }

  const Flags& flags_;
  BenchWorkers& bench_;
  const uint64_t flows_;
};

// Returns whether the floor holds.
absl::StatusOr<bool> Measure(const Flags& flags, const BenchTraffic& traffic,
                             uint64_t flows) {
  const auto capacity =
      static_cast<uint32_t>(std::max<uint64_t>(1024, flows * 3 / 2));
  ASSIGN_OR_RETURN(auto bench,
                   BenchWorkers::Create(traffic, capacity, kWorkers));
  Scaling scaling(flags, *bench, flows);
  RETURN_IF_ERROR(scaling.Establish());
  std::vector<double> one, two, ratios;
  for (uint32_t i = 0; i < flags.repeat; ++i) {
    one.push_back(scaling.Rate(1));
    two.push_back(scaling.Rate(2));
    ratios.push_back(two.back() / one.back());
  }
  const double ratio = Median(std::move(ratios));
  const bool is_good = ratio >= flags.floor;
  std::printf("%-10s %8llu flows  one %7.2f Mpps  two %7.2f Mpps  %5.2f%s\n",
              NameOf(traffic).c_str(), static_cast<unsigned long long>(flows),
              Median(std::move(one)) / 1e6, Median(std::move(two)) / 1e6, ratio,
              is_good ? "" : "  under the floor");
  std::fflush(stdout);
  return is_good;
}

absl::StatusOr<bool> RunAll(const Flags& flags) {
  bool is_good = true;
  for (const bool ipv4 : {true, false}) {
    for (const bool tcp : {false, true}) {
      for (const uint64_t flows : flags.flows) {
        ASSIGN_OR_RETURN(const bool holds,
                         Measure(flags, {.ipv4 = ipv4, .tcp = tcp}, flows));
        is_good &= holds;
      }
    }
  }
  return is_good;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What a second worker adds.");
  app.add_option("--cpus", flags.cpus, "Cores of the two workers.")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--flows", flags.flows, "Flows.")->delimiter(',');
  app.add_option("--seconds", flags.seconds, "Of each measurement.");
  app.add_option("--repeat", flags.repeat, "The median of so many counts.")
      ->check(CLI::PositiveNumber);
  app.add_option("--floor", flags.floor, "What two are to send, of one's.");
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<bool> is_good = RunAll(flags);
  if (!is_good.ok()) {
    std::cerr << "scaling_benchmark: " << is_good.status() << "\n";
    return 2;
  }
  return *is_good ? 0 : 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
