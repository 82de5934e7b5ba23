// Capacity, churn and latency, in this order, on one node.

#include "bench/pipeline/forwarding_run.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "bench/pipeline/addresses.h"
#include "bench/pipeline/bench_node.h"
#include "bench/pipeline/changes.h"
#include "bench/pipeline/cluster.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/traffic_control.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr double kMicro = 1e-3;  // from nanoseconds
constexpr double kMilli = 1e-6;
constexpr uint32_t kConnections = 4u << 20;
constexpr double kFirstRate = 250'000;  // packets a second
constexpr double kLeastRate = 1'000;
constexpr int kBisections = 4;

// Logical rules of one local pod's policy, about.
PolicyShape ShapeOf(const BenchOptions& options) {
  const uint32_t wanted = options.rules / options.local_pods;
  return {.rules = 1, .peers = 10, .ports = std::max(1u, wanted / 10)};
}

uint32_t RemotePods(const BenchOptions& options) {
  const uint32_t others = kClientCount + options.local_pods;
  const uint32_t pods = options.addresses / kAddressesPerPod;
  return pods > others + 1000 ? pods - others : 1000;
}

// What came of one trial.
struct Trial {
  Arrivals arrivals;
  uint64_t policy_lookups = 0;
  uint64_t begun = 0;  // connections
  double stolen_ms = 0;
  Applied applied;

  // Lost in the ring or dropped by the switch.
  uint64_t Lost() const { return arrivals.arrived - arrivals.sent; }
};

// The node, its traffic and what is measured on them.
class Forwarding {
 public:
  Forwarding(const BenchOptions& options, Report& report)
      : options_(options), report_(report) {}

  absl::Status Run() {
    RETURN_IF_ERROR(MakeNode());
    RETURN_IF_ERROR(node_->StartWorker({.cpu = options_.worker_cpu,
                                        .main_cpu = options_.control_cpu,
                                        .flows = options_.flows}));
    FindCapacity();
    RETURN_IF_ERROR(MeasureChurn());
    return MeasureLatency();
  }

 private:
  absl::Status MakeNode() {
    const absl::Time start = absl::Now();
    ASSIGN_OR_RETURN(node_, BenchNode::Create({.state_dir = options_.state_dir,
                                               .addresses = options_.addresses,
                                               .connections = kConnections}));
    std::vector<Object> objects = BaseObjects();
    for (uint32_t i = 0; i < options_.local_pods; ++i) {
      std::vector<Object> pod = LocalPod(i);
      std::move(pod.begin(), pod.end(), std::back_inserter(objects));
      objects.push_back(Policy(absl::StrCat("base-", i), i, ShapeOf(options_),
                               i, Clients::kAllowed));
    }
    for (uint32_t i = 0; i < kClientCount; ++i) {
      objects.push_back(ClientPod(i, i % kClientApps));
    }
    for (uint32_t i = 0; i < RemotePods(options_); ++i) {
      objects.push_back(RemotePod(i, 0));
    }
    RETURN_IF_ERROR(node_->Load(std::move(objects)));
    load_seconds_ = absl::ToDoubleSeconds(absl::Now() - start);
    return absl::OkStatus();
  }

  void Begin(double rate) {
    StartArrivals({.packets_per_second = rate,
                   .first_share = options_.first_percent / 100},
                  node_->traffic());
  }

  // Runs traffic at `rate` while `work` does something.
  template <typename Work>
  absl::StatusOr<Trial> Measure(double rate, Work work) {
    Trial trial;
    const WorkerTotals before = node_->CountWorkers();
    const double stolen = StolenMs(options_.worker_cpu);
    Begin(rate);
    const absl::Status status = work(trial);
    trial.arrivals = StopArrivals(node_->traffic());
    RETURN_IF_ERROR(status);
    const WorkerTotals after = node_->CountWorkers();
    trial.policy_lookups = after.policy_lookups - before.policy_lookups;
    trial.begun = after.connections_inserted - before.connections_inserted;
    trial.stolen_ms = StolenMs(options_.worker_cpu) - stolen;
    return trial;
  }

  // Whether the backlog stays under the ring's size at `rate`.
  bool Holds(double rate) {
    Begin(rate);
    absl::SleepFor(absl::Seconds(options_.probe_seconds));
    const Arrivals arrivals = StopArrivals(node_->traffic());
    return arrivals.lost == 0 && arrivals.max_backlog < kRingPackets;
  }

  void FindCapacity() {
    double low = kFirstRate;
    Holds(low);  // begins the flows
    while (low > kLeastRate && !Holds(low)) low /= 2;
    double high = low * 2;
    while (Holds(high)) {
      low = high;
      high *= 2;
    }
    for (int i = 0; i < kBisections; ++i) {
      const double middle = (low + high) / 2;
      (Holds(middle) ? low : high) = middle;
    }
    capacity_ = low;
    rate_ = capacity_ * options_.share_percent / 100;
  }

  absl::Status MeasureChurn() {
    PrintSetUp();
    Changes changes(RemotePods(options_), options_.local_pods);
    const ChangeRates rates{
        .addresses_per_second = static_cast<double>(options_.address_changes),
        .policies_per_second = static_cast<double>(options_.policy_changes),
        .batch_s = options_.batch_ms / 1000};
    std::vector<Trial> quiet;
    std::vector<Trial> busy;
    for (uint32_t i = 0; i < options_.trials; ++i) {
      ASSIGN_OR_RETURN(Trial without, Measure(rate_, [this](Trial&) {
                         absl::SleepFor(absl::Seconds(options_.seconds));
                         return absl::OkStatus();
                       }));
      quiet.push_back(without);
      ASSIGN_OR_RETURN(
          Trial with, Measure(rate_, [&](Trial& trial) -> absl::Status {
            ASSIGN_OR_RETURN(trial.applied,
                             ApplyInTime(changes, rates, options_.seconds,
                                         node_->control_plane()));
            return absl::OkStatus();
          }));
      busy.push_back(with);
    }
    ReportPackets("without churn", quiet, std::nullopt);
    ReportPackets("with churn", busy, AtMost(0, 0));
    ReportChanges(busy);
    PrintDrops();
    return absl::OkStatus();
  }

  void PrintSetUp() {
    report_.Section("1. Forwarding under churn");
    report_.Note(absl::StrFormat(
        "%d flows of 64-byte UDP, half IPv4 and half IPv6; %.3g %% of packets "
        "begin a flow; %d trials of %.3g s each",
        options_.flows, options_.first_percent, options_.trials,
        options_.seconds));
    report_.Note(absl::StrFormat(
        "one transaction every %.3g ms: %.4g address and %.3g policy changes",
        options_.batch_ms, options_.address_changes * options_.batch_ms / 1000,
        options_.policy_changes * options_.batch_ms / 1000));
    const uint64_t bound = node_->control_plane().memory_use().bindings_used;
    report_.Add("addresses with identity", static_cast<double>(bound), "");
    report_.Add("logical rules",
                options_.local_pods * (ShapeOf(options_).LogicalRules() + 1.0),
                "");
    report_.Add("loaded in", load_seconds_, "s");
    report_.Add("capacity", capacity_ / 1e6, "Mpps");
    report_.Add("rate of the trials", rate_ / 1e6, "Mpps");
  }

  template <typename Figure>
  static double MedianOf(const std::vector<Trial>& trials, Figure figure) {
    std::vector<double> values;
    for (const Trial& trial : trials) {
      values.push_back(static_cast<double>(figure(trial)));
    }
    return Median(std::move(values));
  }

  void ReportPackets(const std::string& name, const std::vector<Trial>& trials,
                     std::optional<Goal> lost) {
    uint64_t all_lost = 0;
    for (const Trial& trial : trials) all_lost += trial.Lost();
    report_.Add(name + ": lost, all trials", static_cast<double>(all_lost),
                "packets", lost);
    auto add = [&](const char* what, const char* unit, auto figure) {
      report_.Add(absl::StrCat(name, ": ", what), MedianOf(trials, figure),
                  unit);
    };
    add("max backlog", "packets",
        [](const Trial& t) { return t.arrivals.max_backlog; });
    add("waiting p50", "us", [](const Trial& t) {
      return t.arrivals.waiting_ns.Quantile(0.5) * kMicro;
    });
    add("waiting p99", "us", [](const Trial& t) {
      return t.arrivals.waiting_ns.Quantile(0.99) * kMicro;
    });
    add("waiting max", "us",
        [](const Trial& t) { return t.arrivals.waiting_ns.max() * kMicro; });
    add("policy lookups", "of packets", [](const Trial& t) {
      return static_cast<double>(t.policy_lookups) /
             static_cast<double>(std::max<uint64_t>(t.arrivals.taken, 1));
    });
    add("stolen by the hypervisor", "ms",
        [](const Trial& t) { return t.stolen_ms; });
  }

  void ReportChanges(const std::vector<Trial>& trials) {
    auto add = [&](const char* what, const char* unit, auto figure,
                   std::optional<Goal> goal = std::nullopt) {
      report_.Add(what, MedianOf(trials, figure), unit, goal);
    };
    add(
        "address changes applied", "/s",
        [](const Trial& t) {
          return static_cast<double>(t.applied.addresses) / t.applied.seconds;
        },
        AtLeast(10'000, 5'000));
    add(
        "policy-set changes applied", "/s",
        [](const Trial& t) {
          return static_cast<double>(t.applied.policy_sets) / t.applied.seconds;
        },
        AtLeast(1'000, 300));
    add("generations", "/s", [](const Trial& t) {
      return static_cast<double>(t.applied.generations) / t.applied.seconds;
    });
    add("transaction answered, p50", "ms", [](const Trial& t) {
      return t.applied.apply_ns.Quantile(0.5) * kMilli;
    });
    add("transaction answered, p99", "ms", [](const Trial& t) {
      return t.applied.apply_ns.Quantile(0.99) * kMilli;
    });
    add("transaction answered, max", "ms",
        [](const Trial& t) { return t.applied.apply_ns.max() * kMilli; });
  }

  // Whatever the switch dropped, by reason: nothing is expected here.
  void PrintDrops() {
    const std::vector<uint64_t> drops = node_->CountDrops();
    for (uint32_t i = 0; i < drops.size(); ++i) {
      if (drops[i] == 0) continue;
      report_.Note(absl::StrCat("dropped by the switch: ", drops[i], " ",
                                DropReasonName(static_cast<DropReason>(i))));
    }
  }

  absl::Status MeasureLatency() {
    Histogram enforced_ns;
    Histogram whole_ns;
    absl::StatusOr<Trial> trial = Measure(rate_, [&](Trial&) {
      absl::Status status;
      for (uint32_t i = 0; status.ok() && i < options_.latency_changes; ++i) {
        status = ChangeOneRule(i, enforced_ns, whole_ns);
      }
      return status;
    });
    RETURN_IF_ERROR(trial.status());
    report_.Section("2. From accepted to enforced, one rule at a time");
    report_.Add("changes", static_cast<double>(enforced_ns.count()), "");
    report_.Add("lost meanwhile", static_cast<double>(trial->Lost()),
                "packets");
    auto add = [&](const std::string& name, const Histogram& histogram,
                   std::optional<Goal> goal) {
      report_.Add(name + ", p50", histogram.Quantile(0.5) * kMilli, "ms");
      report_.Add(name + ", p99", histogram.Quantile(0.99) * kMilli, "ms",
                  goal);
      report_.Add(name + ", max", histogram.max() * kMilli, "ms");
    };
    add("accepted to enforced", enforced_ns, AtMost(5, 20));
    add("submitted to enforced", whole_ns, std::nullopt);
    return absl::OkStatus();
  }

  // By turns: a policy with one rule is added, changed, removed.
  absl::Status ChangeOneRule(uint32_t index, Histogram& enforced_ns,
                             Histogram& whole_ns) {
    const uint32_t pod = index / 3 % options_.local_pods;
    const std::string name = absl::StrCat("one-", pod);
    Transaction transaction = BenchTransaction({});
    if (index % 3 == 2) {
      transaction.deletes.push_back(PolicyKey(name));
    } else {
      transaction.upserts.push_back(Policy(name, pod,
                                           {.rules = 1, .peers = 1, .ports = 1},
                                           index, Clients::kRefused));
    }
    ControlPlane& plane = node_->control_plane();
    const absl::Time submitted = absl::Now();
    ASSIGN_OR_RETURN(const Accepted accepted,
                     plane.Apply(std::move(transaction)));
    const std::optional<absl::Time> enforced =
        plane.WaitEnforced(accepted.generation, absl::Now() + absl::Seconds(1));
    if (!enforced.has_value()) {
      return absl::DeadlineExceededError("a change is not enforced in 1 s");
    }
    auto nanoseconds = [&](absl::Time from) {
      return static_cast<uint64_t>(
          std::max<int64_t>(absl::ToInt64Nanoseconds(*enforced - from), 0));
    };
    enforced_ns.Add(nanoseconds(accepted.time));
    whole_ns.Add(nanoseconds(submitted));
    return absl::OkStatus();
  }

  const BenchOptions& options_;
  Report& report_;
  std::unique_ptr<BenchNode> node_;
  double load_seconds_ = 0;
  double capacity_ = 0;  // packets a second
  double rate_ = 0;
};

}  // namespace

absl::Status RunForwarding(const BenchOptions& options, Report& report) {
  return Forwarding(options, report).Run();
}

}  // namespace vswitch
