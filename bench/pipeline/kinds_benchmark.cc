// kinds_benchmark: whether some kind of packet costs so much more than others
// that sending it is an attack.
//
//   bazel run -c opt //bench/pipeline:kinds_benchmark -- --cpu=1
//
// Each kind (packet_kinds.h) comes in bursts of its own; a kind's cost is the
// median of its bursts.  Exit status 1: one costs more than --limit times the
// median of all kinds.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/pipeline/buffer_pool.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/packet_kinds.h"
#include "bench/pipeline/report.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/offline/offline_switch.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// Between two bursts.
constexpr uint64_t kStepNs = 1'000'000;
// Longer than anything is remembered.
constexpr uint64_t kForgetNs = 10'000 * kSecond;
constexpr size_t kBuffers = 16384;
constexpr uint32_t kConnections = 1 << 18;

struct Flags {
  std::vector<std::string> golden;
  uint32_t bursts = 1001;
  double limit = 10;
  size_t shown = 25;
  int cpu = -1;
};

struct Cost {
  std::string name;
  double ns = 0;  // of a packet
};

class KindsBenchmark {
 public:
  explicit KindsBenchmark(const Flags& flags) : flags_(flags), sink_(pool_) {}

  absl::StatusOr<std::vector<Cost>> Run() {
    ASSIGN_OR_RETURN(
        switch_,
        OfflineSwitch::Create({.max_connections = kConnections}, pool_, sink_));
    RETURN_IF_ERROR(switch_->Publish(MakeKindsNode().Compile()));
    ASSIGN_OR_RETURN(std::vector<PacketKind> kinds, GoldenKinds(flags_.golden));
    for (PacketKind& kind : FirstPacketKinds()) {
      kinds.push_back(std::move(kind));
    }
    std::vector<Cost> costs;
    for (const PacketKind& kind : kinds) {
      ASSIGN_OR_RETURN(const std::vector<uint8_t> frame, kind.Frame(0));
      if (frame.size() > kSegmentRoomBytes) continue;  // not of one buffer
      ASSIGN_OR_RETURN(const double ns, Measure(kind));
      costs.push_back({kind.name, ns});
    }
    return costs;
  }

 private:
  absl::StatusOr<double> Measure(const PacketKind& kind) {
    // The first packets fill what a kind fills; they are not counted.
    const uint32_t ignored = flags_.bursts / 16;
    std::vector<double> times;
    for (uint32_t burst = 0; burst < ignored + flags_.bursts; ++burst) {
      RETURN_IF_ERROR(MakeBurst(kind, burst * kBurstPackets));
      const auto begin = std::chrono::steady_clock::now();
      switch_->Run(kind.port, packets_, now_ns_);
      const std::chrono::duration<double, std::nano> passed =
          std::chrono::steady_clock::now() - begin;
      if (burst >= ignored) times.push_back(passed.count() / kBurstPackets);
      now_ns_ += kStepNs;
      switch_->Housekeep(now_ns_);
    }
    now_ns_ += kForgetNs;
    switch_->Housekeep(now_ns_);
    if (pool_.free_count() != kBuffers) {
      return absl::InternalError(absl::StrCat(kind.name, ": ",
                                              kBuffers - pool_.free_count(),
                                              " buffers are not given back"));
    }
    return Median(std::move(times));
  }

  absl::Status MakeBurst(const PacketKind& kind, uint32_t first) {
    std::vector<uint8_t> frame;
    for (uint32_t i = 0; i < kBurstPackets; ++i) {
      if (i == 0 || kind.IsVaried()) {
        ASSIGN_OR_RETURN(frame, kind.Frame(first + i));
      }
      packets_[i] = pool_.Make(frame);
      if (packets_[i] == nullptr) {
        return absl::ResourceExhaustedError(
            absl::StrCat(kind.name, ": no buffer is left"));
      }
    }
    return absl::OkStatus();
  }

  const Flags& flags_;
  BufferPool pool_{kBuffers};
  ReturningSink sink_;
  std::unique_ptr<OfflineSwitch> switch_;
  std::array<rte_mbuf*, kBurstPackets> packets_;
  uint64_t now_ns_ = 1000 * kSecond;
};

// Prints the costs, the greatest first; returns whether all are in the limit.
bool Print(const Flags& flags, std::vector<Cost> costs) {
  std::vector<double> all;
  for (const Cost& cost : costs) all.push_back(cost.ns);
  const double median = Median(std::move(all));
  std::sort(costs.begin(), costs.end(),
            [](const Cost& a, const Cost& b) { return a.ns > b.ns; });
  std::printf("%-64s %8s %6s\n", "kind", "ns", "ratio");
  bool is_good = true;
  for (size_t i = 0; i < costs.size(); ++i) {
    const double ratio = costs[i].ns / median;
    const bool is_over = ratio > flags.limit;
    is_good &= !is_over;
    if (i >= flags.shown && !is_over) continue;
    std::printf("%-64s %8.1f %6.2f%s\n", costs[i].name.c_str(), costs[i].ns,
                ratio, is_over ? "  over the limit" : "");
  }
  std::printf("%zu kinds, median %.1f ns, limit %.1f times that: %s\n",
              costs.size(), median, flags.limit, is_good ? "held" : "MISSED");
  return is_good;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What each kind of packet costs, against the median.");
  app.add_option("golden", flags.golden, "Golden files")->required();
  app.add_option("--bursts", flags.bursts, "Bursts of each kind.")
      ->check(CLI::PositiveNumber);
  app.add_option("--limit", flags.limit, "Times the median.");
  app.add_option("--shown", flags.shown, "Kinds to print, the costliest.");
  app.add_option("--cpu", flags.cpu, "Core to run on; -1: any.");
  CLI11_PARSE(app, argc, argv);
  if (flags.cpu >= 0) {
    const absl::Status pinned = PinThread(static_cast<uint32_t>(flags.cpu));
    if (!pinned.ok()) {
      std::cerr << "kinds_benchmark: " << pinned << "\n";
      return 2;
    }
  }
  absl::StatusOr<std::vector<Cost>> costs = KindsBenchmark(flags).Run();
  if (!costs.ok()) {
    std::cerr << "kinds_benchmark: " << costs.status() << "\n";
    return 2;
  }
  return Print(flags, *std::move(costs)) ? 0 : 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
