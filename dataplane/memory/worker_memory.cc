// The layout of worker memory, and its two faces.

#include "dataplane/memory/worker_memory.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {

// header | port status | rings | counters | connections
struct WorkerMemoryHeader {
  SegmentHeader segment;
  HashSecret secret;
  WorkerMemoryGeometry geometry;  // does not change after Format()
  StdAtomics::Atomic<uint64_t> incarnation;
  StdAtomics::Atomic<uint64_t> heartbeat_ns;
  WorkerSlot slots[kWorkerSlotCount];
};

namespace {

constexpr uint64_t kHeaderBytes = sizeof(WorkerMemoryHeader);
constexpr uint64_t kMagic = 0x656b726f57775356;  // "VSwWorke"

// A PortStatus in one word, so that it is read whole.
using PortStatusWord = StdAtomics::Atomic<uint64_t>;
constexpr uint64_t kPortStatusBytes = kMaxPorts * sizeof(PortStatusWord);

constexpr uint64_t kLayout = LayoutHash(
    {1, kHeaderBytes, offsetof(WorkerMemoryHeader, incarnation),
     offsetof(WorkerMemoryHeader, slots), sizeof(WorkerSlot), kWorkerSlotCount,
     kPortStatusBytes, sizeof(WorkerRings), sizeof(Event), kEventRingEntries,
     sizeof(Reply), kReplyRingEntries, kEventWriterCount});

uint64_t Pack(const PortStatus& status) {
  return uint64_t{status.epoch} |
         uint64_t{static_cast<uint8_t>(status.state)} << 32 |
         uint64_t{status.error} << 48;
}
PortStatus Unpack(uint64_t word) {
  return {static_cast<uint32_t>(word),
          static_cast<PortState>(static_cast<uint8_t>(word >> 32)),
          static_cast<uint16_t>(word >> 48)};
}

absl::Status LayOut(const WorkerMemoryOptions& options,
                    WorkerMemoryHeader& header) {
  constexpr uint64_t kLargest = uint64_t{1} << 46;
  if (options.counter_bytes > kLargest || options.connection_bytes > kLargest) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker memory: ", options.counter_bytes,
                     " bytes of counters and ", options.connection_bytes,
                     " of connections; at most ", kLargest, " each is right"));
  }
  AreaAllocator areas(kHeaderBytes);
  header.geometry.port_status = areas.Allocate(kPortStatusBytes);
  header.geometry.rings = areas.Allocate(sizeof(WorkerRings));
  header.geometry.counters = areas.Allocate(options.counter_bytes);
  header.geometry.connections = areas.Allocate(options.connection_bytes);
  header.segment.bytes = areas.end();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WorkerMemoryView> WorkerMemoryView::Attach(
    std::span<const std::byte> bytes) {
  RETURN_IF_ERROR(CheckSegmentHeader(bytes, kHeaderBytes, kMagic, kLayout,
                                     "worker memory"));
  const auto& header =
      *reinterpret_cast<const WorkerMemoryHeader*>(bytes.data());
  // A copy, out of the writer's reach: what is checked is what is used.
  const WorkerMemoryGeometry geometry = header.geometry;
  const struct {
    const Area& area;
    uint64_t bytes;
    absl::string_view name;
  } areas[] = {
      {geometry.port_status, kPortStatusBytes, "worker memory: port status"},
      {geometry.rings, sizeof(WorkerRings), "worker memory: rings"},
      {geometry.counters, geometry.counters.bytes, "worker memory: counters"},
      {geometry.connections, geometry.connections.bytes,
       "worker memory: connections"},
  };
  for (const auto& [area, area_bytes, name] : areas) {
    RETURN_IF_ERROR(
        CheckArea(area, kHeaderBytes, bytes.size(), 64, area_bytes, name));
  }
  WorkerMemoryView view;
  view.bytes_ = bytes;
  view.header_ = &header;
  view.geometry_ = geometry;
  return view;
}

HashSecret WorkerMemoryView::secret() const { return header_->secret; }
uint64_t WorkerMemoryView::incarnation() const {
  return header_->incarnation.LoadAcquire();
}
uint64_t WorkerMemoryView::heartbeat_ns() const {
  return header_->heartbeat_ns.LoadRelaxed();
}
std::span<const WorkerSlot> WorkerMemoryView::slots() const {
  return header_->slots;
}

PortStatus WorkerMemoryView::port_status(PortId port) const {
  if (ToInt(port) >= kMaxPorts) return {};
  const auto* words = reinterpret_cast<const PortStatusWord*>(
      bytes_.data() + geometry_.port_status.offset);
  return Unpack(words[ToInt(port)].LoadAcquire());
}

const WorkerRings& WorkerMemoryView::rings() const {
  return *reinterpret_cast<const WorkerRings*>(bytes_.data() +
                                               geometry_.rings.offset);
}
std::span<const std::byte> WorkerMemoryView::counter_area() const {
  return bytes_.subspan(geometry_.counters.offset, geometry_.counters.bytes);
}
std::span<const std::byte> WorkerMemoryView::connection_area() const {
  return bytes_.subspan(geometry_.connections.offset,
                        geometry_.connections.bytes);
}

uint64_t WorkerMemory::BytesFor(const WorkerMemoryOptions& options) {
  WorkerMemoryHeader header{};
  // Options that cannot be laid out need more than there is.
  if (!LayOut(options, header).ok()) return ~uint64_t{0};
  return header.segment.bytes;
}

absl::Status WorkerMemory::Format(std::span<std::byte> bytes,
                                  const WorkerMemoryOptions& options) {
  const uint64_t needed = BytesFor(options);
  if (bytes.size() < needed) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker memory: segment of ", bytes.size(),
                     " bytes; these options need ", needed));
  }
  auto& header = *reinterpret_cast<WorkerMemoryHeader*>(bytes.data());
  RETURN_IF_ERROR(LayOut(options, header));
  header.secret = options.secret;
  for (WorkerSlot& slot : header.slots) {
    slot.reached.StoreRelaxed(kWorkerOffline);
  }
  header.segment.layout_hash = kLayout;
  header.segment.magic = kMagic;
  return absl::OkStatus();
}

absl::StatusOr<WorkerMemory> WorkerMemory::Attach(std::span<std::byte> bytes) {
  ASSIGN_OR_RETURN(WorkerMemoryView view, WorkerMemoryView::Attach(bytes));
  WorkerMemory memory;
  static_cast<WorkerMemoryView&>(memory) = view;
  memory.writable_ = bytes;
  return memory;
}

absl::Status WorkerMemory::Begin(uint64_t incarnation) {
  auto& header = *reinterpret_cast<WorkerMemoryHeader*>(writable_.data());
  const uint64_t previous = header.incarnation.LoadRelaxed();
  if (incarnation <= previous) {
    return absl::FailedPreconditionError(
        absl::StrCat("worker memory: incarnation ", incarnation, " after ",
                     previous, "; a larger number is needed"));
  }
  for (WorkerSlot& slot : header.slots) {
    slot.reached.StoreSeqCst(kWorkerOffline);
  }
  for (uint32_t port = 0; port < kMaxPorts; ++port) {
    SetPortStatus(PortId{static_cast<uint16_t>(port)}, {});
  }
  header.incarnation.StoreSeqCst(incarnation);
  return absl::OkStatus();
}

void WorkerMemory::SetHeartbeat(uint64_t now_ns) {
  reinterpret_cast<WorkerMemoryHeader*>(writable_.data())
      ->heartbeat_ns.StoreRelaxed(now_ns);
}

void WorkerMemory::SetPortStatus(PortId port, const PortStatus& status) {
  if (ToInt(port) >= kMaxPorts) return;
  auto* words = reinterpret_cast<PortStatusWord*>(writable_.data() +
                                                  geometry_.port_status.offset);
  words[ToInt(port)].StoreRelease(Pack(status));
}

WorkerSlot& WorkerMemory::slot(WorkerId worker) {
  return reinterpret_cast<WorkerMemoryHeader*>(writable_.data())
      ->slots[ToInt(worker)];
}
WorkerRings& WorkerMemory::writable_rings() {
  return *reinterpret_cast<WorkerRings*>(writable_.data() +
                                         geometry_.rings.offset);
}
std::span<std::byte> WorkerMemory::writable_counter_area() {
  return writable_.subspan(geometry_.counters.offset, geometry_.counters.bytes);
}
std::span<std::byte> WorkerMemory::writable_connection_area() {
  return writable_.subspan(geometry_.connections.offset,
                           geometry_.connections.bytes);
}

}  // namespace vswitch
