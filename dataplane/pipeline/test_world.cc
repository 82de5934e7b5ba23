// TestWorld: the pipeline, with everything around it in memory.

#include "dataplane/pipeline/test_world.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstdlib>
#include <iostream>

#include "dataplane/packet/packet.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};

// How many packets or bursts the balance is checked after, one by one: all rows
// of all ports are read, too slow for a flood.
constexpr uint32_t kCheckedReceives = 5;

// Ends the test program: what follows would make no sense.
template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

}  // namespace

std::string Sent::Text() const { return PacketToText(bytes); }

// Keeps what leaves, and counts as the daemon's transmitter does.
class TestWorld::CapturingTransmitter : public Transmitter {
 public:
  explicit CapturingTransmitter(FakePacketPool& pool) : pool_(pool) {}

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override {
    PortCounters& counters = counters_.port(kWorker, out);
    for (rte_mbuf* packet : packets) {
      counters.tx_try.Add(1);
      counters.tx_ok.Add(1);
      counters.tx_bytes.Add(PacketBytes(*packet));
      sent_.push_back({.port = out,
                       .bytes = BytesOf(*packet),
                       .ol_flags = packet->ol_flags,
                       .tso_segsz = static_cast<uint16_t>(packet->tso_segsz)});
    }
    pool_.Free(packets);
  }

  void set_counters(const CounterTable& counters) { counters_ = counters; }
  std::vector<Sent> Take() { return std::exchange(sent_, {}); }

 private:
  FakePacketPool& pool_;
  CounterTable counters_;
  std::vector<Sent> sent_;
};

TestWorld::TestWorld(bool takes_short_way, NeighborTable* neighbors)
    : transmitter_(std::make_unique<CapturingTransmitter>(pool_)),
      offline_(
          ValueOrDie(OfflineSwitch::Create({.max_connections = 1024,
                                            .max_addresses = 256,
                                            .takes_short_way = takes_short_way,
                                            .neighbors = neighbors},
                                           pool_, *transmitter_))),
      node_(MakeTestNode()) {
  transmitter_->set_counters(offline_->counters());
  Publish();
}

TestWorld::~TestWorld() { CheckBalance(); }

void TestWorld::Publish(std::optional<std::vector<IpAddress>> changed) {
  OfflineTables tables = node_.Compile();
  tables.changed = std::move(changed);
  const absl::Status status = offline_->Publish(tables);
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

Received TestWorld::Receive(absl::string_view port, absl::string_view packet) {
  const PortId id = PortNamed(port);
  EXPECT_NE(id, kNoPort) << port;
  return Receive(id, pool_.Make(ValueOrDie(PacketFromText(packet))));
}

Received TestWorld::Receive(PortId port, rte_mbuf* packet) {
  std::array<uint64_t, kDropReasonCount> before;
  const PortCounters& counters = offline_->counters().port(kWorker, port);
  for (uint32_t i = 0; i < kDropReasonCount; ++i) {
    before[i] = counters.drops[i].value();
  }
  const uint64_t local_before = counters.local_in.value();
  const uint64_t held_before = counters.held.value();
  offline_->Run(port, {&packet, 1}, now_ns_);
  Received result;
  for (uint32_t i = 0; i < kDropReasonCount; ++i) {
    if (counters.drops[i].value() == before[i]) continue;
    // A first fragment sends those on that waited for it, each to its own end.
    const bool were_held = counters.held.value() < held_before;
    EXPECT_TRUE(result.drop == DropReason::kNone || were_held)
        << "dropped twice";
    result.drop = static_cast<DropReason>(i);
  }
  result.consumed = counters.local_in.value() != local_before;
  result.held = counters.held.value() > held_before;
  result.sent = transmitter_->Take();
  if (++received_ <= kCheckedReceives) CheckBalance();
  return result;
}

std::vector<Sent> TestWorld::ReceiveBurst(
    PortId port, const std::vector<std::string>& packets) {
  std::vector<rte_mbuf*> burst;
  burst.reserve(packets.size());
  for (const std::string& text : packets) {
    burst.push_back(pool_.Make(ValueOrDie(PacketFromText(text))));
  }
  return ReceiveBurst(port, burst);
}

std::vector<Sent> TestWorld::ReceiveBurst(
    PortId port, const std::vector<rte_mbuf*>& packets) {
  offline_->Run(port, packets, now_ns_);
  if (++received_ <= kCheckedReceives) CheckBalance();
  return transmitter_->Take();
}

std::vector<Sent> TestWorld::AdvanceSeconds(uint64_t seconds) {
  Advance(seconds * 1'000'000'000u);
  offline_->Housekeep(now_ns_);
  return transmitter_->Take();
}

const WorkerCounters& TestWorld::worker_counters() const {
  return offline_->counters().worker(kWorker);
}

uint64_t TestWorld::DropCount(DropReason reason) const {
  uint64_t sum = 0;
  for (uint16_t port = 0; port < kMaxPorts; ++port) {
    sum += offline_->counters()
               .port(kWorker, PortId{port})
               .drops[ToIndex(reason)]
               .value();
  }
  return sum;
}

uint64_t TestWorld::HeldCount() const {
  uint64_t sum = 0;
  for (uint16_t port = 0; port < kMaxPorts; ++port) {
    sum += offline_->counters().port(kWorker, PortId{port}).held.value();
  }
  return sum;
}

void TestWorld::CheckBalance() const {
  for (const Equation& equation : offline_->Balance()) {
    EXPECT_TRUE(equation.holds())
        << equation.name << " " << equation.text << ": " << equation.left
        << " and " << equation.right;
  }
  EXPECT_EQ(pool_.LiveCount(), taken_packets_ + HeldCount());
}

}  // namespace vswitch
