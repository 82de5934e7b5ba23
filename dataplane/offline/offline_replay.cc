// OfflineReplay: one packet at a time.

#include "dataplane/offline/offline_replay.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
// What the switch's clock shows at the first packet, as if the machine had run
// for a while; captures may be of 1970.
constexpr uint64_t kStartNs = 1'000'000'000'000;

std::vector<uint8_t> BytesOf(const rte_mbuf& packet) {
  std::vector<uint8_t> bytes(PacketBytes(packet));
  CopyFromPacket(packet, 0, PacketBytes(packet), bytes.data());
  return bytes;
}

bool IsPolicyDenial(DropReason reason) {
  return reason == DropReason::kPolicyDenied ||
         reason == DropReason::kPolicyDenyRule;
}

}  // namespace

// Keeps what leaves, and counts as the daemon's transmitter does.
class OfflineReplay::CollectingTransmitter : public Transmitter {
 public:
  explicit CollectingTransmitter(HeapPacketPool& pool) : pool_(pool) {}

  void set_counters(const CounterTable& counters) { counters_ = counters; }

  // `received` is the packet that comes in now.
  void Start(const rte_mbuf* received) { received_ = received; }

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override {
    PortCounters& counters = counters_.port(kWorker, out);
    for (const rte_mbuf* packet : packets) {
      counters.tx_try.Add(1);
      counters.tx_ok.Add(1);
      counters.tx_bytes.Add(PacketBytes(*packet));
      sent_.push_back(
          {.port = out,
           .is_generated = packet != received_ && waiting_.erase(packet) == 0,
           .bytes = BytesOf(*packet)});
    }
    pool_.Free(packets);
  }

  // The packet that came in waits in the switch; `false`: none does.
  void NoteWaiting(bool waits) {
    if (waits) {
      waiting_.insert(received_);
    } else {
      waiting_.clear();
    }
  }

  std::vector<ReplayedPacket> Take() { return std::exchange(sent_, {}); }

 private:
  HeapPacketPool& pool_;
  CounterTable counters_;
  const rte_mbuf* received_ = nullptr;
  std::set<const rte_mbuf*> waiting_;
  std::vector<ReplayedPacket> sent_;
};

OfflineReplay::OfflineReplay()
    : transmitter_(std::make_unique<CollectingTransmitter>(pool_)) {}
OfflineReplay::~OfflineReplay() = default;

absl::StatusOr<std::unique_ptr<OfflineReplay>> OfflineReplay::Create(
    const OfflineTables& tables, const OfflineOptions& options) {
  std::unique_ptr<OfflineReplay> result(new OfflineReplay());
  OfflineOptions all_records = options;
  all_records.max_addresses = std::max(
      options.max_addresses, static_cast<uint32_t>(tables.bindings.size()));
  all_records.drop_records_per_second = std::numeric_limits<uint32_t>::max();
  ASSIGN_OR_RETURN(
      result->offline_,
      OfflineSwitch::Create(all_records, result->pool_, *result->transmitter_));
  RETURN_IF_ERROR(result->offline_->Publish(tables));
  result->transmitter_->set_counters(result->offline_->counters());
  return result;
}

absl::StatusOr<ReplayResult> OfflineReplay::Run(PortId in,
                                                std::span<const uint8_t> bytes,
                                                uint64_t time_ns) {
  rte_mbuf* packet = pool_.Make(bytes);
  if (packet == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the packet has ", bytes.size(), " bytes, more than a port receives"));
  }
  if (!first_time_ns_.has_value()) first_time_ns_ = time_ns;
  const uint64_t since_start = time_ns - std::min(time_ns, *first_time_ns_);
  now_ns_ = std::max(now_ns_, kStartNs + since_start);
  offline_->Housekeep(now_ns_);
  Event forgotten;
  while (offline_->PopDropRecord(forgotten)) {
  }
  if (CountWaiting() == 0) transmitter_->NoteWaiting(false);

  const PortCounters& counters = offline_->counters().port(kWorker, in);
  const uint64_t answered_before = counters.local_in.value();
  const uint64_t waiting_before = counters.held.value();
  transmitter_->Start(packet);
  offline_->Run(in, {&packet, 1}, now_ns_);
  ReplayResult result;
  result.out = transmitter_->Take();
  // The answer to a ping is the question's own memory.
  if (counters.local_in.value() != answered_before) {
    for (ReplayedPacket& sent : result.out) sent.is_generated = true;
  }
  result.waits = counters.held.value() > waiting_before;
  if (result.waits) transmitter_->NoteWaiting(true);
  ReadDropRecords(in, result);
  return result;
}

uint64_t OfflineReplay::CountWaiting() const {
  uint64_t count = 0;
  for (uint16_t port = 0; port < kMaxPorts; ++port) {
    count += offline_->counters().port(kWorker, PortId{port}).held.value();
  }
  return count;
}

void OfflineReplay::ReadDropRecords(PortId in, ReplayResult& result) {
  Event event;
  while (offline_->PopDropRecord(event)) {
    if (event.kind != EventKind::kDrop) continue;
    result.drop = event.reason;
    if (!IsPolicyDenial(event.reason)) continue;
    result.denial = offline_->AskJudge({.key = event.key, .in_port = in});
  }
}

}  // namespace vswitch
