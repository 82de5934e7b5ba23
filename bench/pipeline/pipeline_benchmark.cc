// pipeline_benchmark: what the pipeline costs a packet, without any port.
//
//   bazel run -c opt //bench/pipeline:pipeline_benchmark -- --help
//
// Established flows through a service, both directions by turns, and first
// packets that make an entry each while as many expire.

#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/pipeline/bench_switch.h"
#include "bench/pipeline/machine.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1000 * kSecond;

struct Flags {
  bool first = true;
  bool established = true;
  std::vector<uint64_t> flows = {1, 10000, 100000, 1000000};
  std::vector<uint64_t> entries = {65536, 1000000, 10000000};
  double seconds = 1;
  uint32_t repeat = 5;
  int cpu = -1;
};

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Report(const std::string& what, double packets_per_second) {
  std::printf("%-44s %8.2f Mpps %8.1f ns\n", what.c_str(),
              packets_per_second / 1e6, 1e9 / packets_per_second);
  std::fflush(stdout);
}

// Returns packets a second of `step`, which does one burst, by the median.
template <typename Step>
double Measure(const Flags& flags, Step&& step) {
  std::vector<double> rates;
  for (uint32_t i = 0; i < flags.repeat; ++i) {
    const double begin = Now();
    uint64_t bursts = 0;
    double end = begin;
    while (end - begin < flags.seconds) {
      for (int j = 0; j < 64; ++j) step();
      bursts += 64;
      end = Now();
    }
    rates.push_back(static_cast<double>(bursts * kBurstPackets) /
                    (end - begin));
  }
  return Median(std::move(rates));
}

absl::Status RunEstablished(const Flags& flags, bool ipv4, bool tcp) {
  for (uint64_t flows : flags.flows) {
    const BenchTraffic traffic{.ipv4 = ipv4, .tcp = tcp};
    const BenchSwitchOptions options{
        .traffic = traffic,
        .connections =
            static_cast<uint32_t>(std::max<uint64_t>(1024, flows * 3 / 2))};
    ASSIGN_OR_RETURN(auto bench, BenchSwitch::Create(options));
    uint64_t flow = 0;
    const auto both = [&] {
      bench->Run(BenchDirection::kToServer, flow, flows, kStart);
      bench->Run(BenchDirection::kToClient, flow, flows, kStart);
      flow = (flow + kBurstPackets) % flows;
    };
    for (uint64_t i = 0; i < flows + kBurstPackets; i += kBurstPackets) both();
    const uint64_t sent = bench->sent();
    both();
    if (bench->sent() != sent + 2 * kBurstPackets) {
      return absl::InternalError(
          absl::StrCat(NameOf(traffic), ": of ", 2 * kBurstPackets, " packets ",
                       bench->sent() - sent, " are forwarded"));
    }
    Report(absl::StrCat(NameOf(traffic), ", ", flows, " flows"),
           2 * Measure(flags, both));
  }
  return absl::OkStatus();
}

absl::Status RunFirst(const Flags& flags, bool ipv4) {
  for (uint64_t entries : flags.entries) {
    const BenchTraffic traffic{.ipv4 = ipv4, .idle_seconds = 120};
    // Entries wait up to half a minute for the look that ends them.
    const BenchSwitchOptions options{
        .traffic = traffic,
        .connections = static_cast<uint32_t>(entries * 3 / 2)};
    ASSIGN_OR_RETURN(auto bench, BenchSwitch::Create(options));
    const double ns_per_flow = static_cast<double>(traffic.idle_seconds) *
                               kSecond / static_cast<double>(entries);
    uint64_t flow = 0;
    const uint64_t flows = uint64_t{1} << 31;
    const auto one = [&] {
      const uint64_t now =
          kStart +
          static_cast<uint64_t>(static_cast<double>(flow) * ns_per_flow);
      bench->Run(BenchDirection::kToServer, flow, flows, now);
      bench->Housekeep(now);
      flow += kBurstPackets;
    };
    for (uint64_t i = 0; i < entries * 3 / 2; i += kBurstPackets) one();
    const uint64_t sent = bench->sent();
    const uint64_t before = flow;
    const double rate = Measure(flags, one);
    if (bench->sent() - sent != flow - before) {
      return absl::InternalError("a first packet was dropped");
    }
    Report(
        absl::StrCat(ipv4 ? "IPv4" : "IPv6", " first packets, ",
                     bench->offline().connections().CountActive(), " entries"),
        rate);
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  if (flags.cpu >= 0) {
    RETURN_IF_ERROR(PinThread(static_cast<uint32_t>(flags.cpu)));
  }
  for (bool ipv4 : {true, false}) {
    for (bool tcp : {false, true}) {
      if (!flags.established) break;
      RETURN_IF_ERROR(RunEstablished(flags, ipv4, tcp));
    }
    if (flags.first) RETURN_IF_ERROR(RunFirst(flags, ipv4));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What the pipeline costs a packet.");
  app.add_option("--first", flags.first, "Measure first packets.");
  app.add_option("--established", flags.established, "Measure the others.");
  app.add_option("--flows", flags.flows, "Established flows.");
  app.add_option("--entries", flags.entries, "Entries that live at a time.");
  app.add_option("--seconds", flags.seconds, "Of each measurement.");
  app.add_option("--repeat", flags.repeat, "The median of so many counts.")
      ->check(CLI::PositiveNumber);
  app.add_option("--cpu", flags.cpu, "Core to run on; -1: any.");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = Run(flags);
  if (status.ok()) return 0;
  std::cerr << "pipeline_benchmark: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
