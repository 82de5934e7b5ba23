// What a packet of a known connection costs in the connection table: a burst is
// looked up, tracked and counted.  UDP changes no state; TCP is data one way
// and acknowledgements the other, in the window.

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "benchmark/benchmark.h"
#include "dataplane/conntrack/connection_table.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint64_t kNow = 1'000'000'000'000;
constexpr uint32_t kBurst = 64;
constexpr uint32_t kSegmentBytes = 1000;

FlowKey KeyOf(uint32_t flow, IpProtocol protocol) {
  FlowKey key;
  key.source = *IpAddress::Parse("10.0.0.0");
  key.source.bytes[13] = static_cast<uint8_t>(flow >> 16);
  key.source.bytes[14] = static_cast<uint8_t>(flow >> 8);
  key.source.bytes[15] = static_cast<uint8_t>(flow);
  key.destination = *IpAddress::Parse("10.200.0.1");
  key.source_port = Be16::FromHost(1000);
  key.destination_port = Be16::FromHost(80);
  key.protocol = protocol;
  return key;
}

// A table of that many connections, established.
class Workload {
 public:
  Workload(uint32_t flows, IpProtocol protocol)
      : size_(ConnectionTable::BytesFor(flows * 2)),
        memory_(mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    madvise(memory_, size_, MADV_HUGEPAGE);
    const std::span<std::byte> bytes(static_cast<std::byte*>(memory_), size_);
    (void)ConnectionTable::Format(bytes, flows * 2, HashSecret{{1, 2}});
    table_ =
        std::make_unique<ConnectionTable>(*ConnectionTable::Attach(bytes, 1));
    TcpSegment syn;
    syn.flags = 0x02;
    syn.end = 1;
    syn.window = 65535;
    for (uint32_t flow = 0; flow < flows; ++flow) {
      NewConnection connection;
      connection.original = KeyOf(flow, protocol);
      connection.reply = connection.original.Reversed();
      connection.state = *FirstState(protocol, syn.flags, true);
      connection.windows = FirstWindows(syn);
      table_->Insert(kWorker, connection, kNow);
      keys_.push_back(connection.original);
    }
    if (protocol != IpProtocol::kTcp) return;
    TcpSegment answer = syn;
    answer.flags = 0x12;
    answer.acknowledgment = answer.highest_sack = 1;
    for (const FlowKey& key : keys_) {
      ConnectionView view = table_->Lookup(key.Reversed());
      table_->Track(view, answer);
    }
    sent_.assign(flows, 1);
  }
  ~Workload() {
    table_.reset();
    munmap(memory_, size_);
  }

  // One burst: of one direction, then the other.
  void Burst() {
    is_reply_ = !is_reply_;
    if (!is_reply_) first_ = (first_ + kBurst * 37) % (keys_.size() - kBurst);
    std::array<FlowKey, kBurst> keys;
    std::array<const FlowKey*, kBurst> asked;
    for (uint32_t i = 0; i < kBurst; ++i) {
      keys[i] = keys_[first_ + i];
      if (is_reply_) keys[i] = keys[i].Reversed();
      asked[i] = &keys[i];
    }
    table_->LookupBurst(asked, views_);
    for (uint32_t i = 0; i < kBurst; ++i) {
      table_->Track(views_[i], sent_.empty() ? TcpSegment{} : Next(first_ + i));
      table_->Touch(views_[i], kSegmentBytes, kNow);
    }
  }

 private:
  TcpSegment Next(uint32_t flow) {
    TcpSegment segment;
    segment.flags = 0x10;
    segment.window = 65535;
    segment.sequence = is_reply_ ? 1 : sent_[flow];
    if (!is_reply_) sent_[flow] += kSegmentBytes;
    segment.end = is_reply_ ? 1 : sent_[flow];
    segment.acknowledgment = segment.highest_sack = is_reply_ ? sent_[flow] : 1;
    return segment;
  }

  size_t size_;
  void* memory_;
  std::unique_ptr<ConnectionTable> table_;
  std::vector<FlowKey> keys_;
  std::vector<uint32_t> sent_;  // by flow, TCP
  std::array<ConnectionView, kBurst> views_;
  uint32_t first_ = 0;
  bool is_reply_ = true;
};

void BM_Hit(benchmark::State& state, IpProtocol protocol) {
  Workload workload(static_cast<uint32_t>(state.range(0)), protocol);
  for (auto unused : state) workload.Burst();
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK_CAPTURE(BM_Hit, udp, IpProtocol::kUdp)->Arg(1000)->Arg(1'000'000);
BENCHMARK_CAPTURE(BM_Hit, tcp, IpProtocol::kTcp)->Arg(1000)->Arg(1'000'000);

}  // namespace
}  // namespace vswitch

BENCHMARK_MAIN();
