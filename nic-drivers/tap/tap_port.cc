// One readv() or writev() a frame; docs: networking/tuntap in the kernel's
// documentation.

#include "nic-drivers/tap/tap_port.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <sys/uio.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "nic-drivers/tap/tap_fd.h"
#include "nic-drivers/tap/vnet_header.h"

namespace vswitch {
namespace {

// The largest frame: an Ethernet header and an IPv6 packet that is no
// jumbogram.
constexpr uint32_t kMaxFrameBytes = sizeof(EthernetHeader) + 40 + 65535;
static_assert(kMaxFrameBytes < kSegmentRoomBytes + kLargeSegmentBytes,
              "a frame that is too long must be seen to be");

// A worker without buffers still empties the interface's queue, which has 1000
// places, because it is not told again of what it leaves there.
constexpr uint32_t kMaxDropsPerBurst = 1024;

// A TAP takes up to 1024 parts; we send no packet of more than this many.
constexpr size_t kMaxParts = 32;

DropReason ReasonOf(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return DropReason::kTxPeerFull;
    case EIO:  // the interface is down
      return DropReason::kTxLinkDown;
    case EBADFD:  // the interface is gone
      return DropReason::kTxPortGone;
    default:
      return DropReason::kTxRejected;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TapPort>> TapPort::Open(
    const TapPortConfig& config, std::vector<UniqueFd> fds, MbufPool& pool) {
  if (fds.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("port ", config.name, ": no TAP descriptors"));
  }
  absl::StatusOr<bool> udp_segments = false;
  for (const UniqueFd& fd : fds) {
    udp_segments = SetTapOffloads(fd.get());
    if (udp_segments.ok()) continue;
    return absl::Status(udp_segments.status().code(),
                        absl::StrCat("port ", config.name, ": ",
                                     udp_segments.status().message()));
  }
  PortInfo info;
  info.name = config.name;
  info.mtu = config.mtu;
  info.queue_count = static_cast<uint16_t>(fds.size());
  info.tx_checksum = true;
  info.tx_tcp_segmentation = true;
  info.tx_udp_segmentation = *udp_segments;
  return std::unique_ptr<TapPort>(
      new TapPort(std::move(info), std::move(fds), pool));
}

TapPort::TapPort(PortInfo info, std::vector<UniqueFd> fds, MbufPool& pool)
    : info_(std::move(info)), pool_(pool), queues_(fds.size()) {
  for (size_t i = 0; i < fds.size(); ++i) queues_[i].fd = std::move(fds[i]);
}

TapPort::~TapPort() {
  for (Queue& queue : queues_) {
    if (queue.packet != nullptr) pool_.Free({&queue.packet, 1});
    if (queue.segment != nullptr) pool_.Free({&queue.segment, 1});
  }
}

uint16_t TapPort::RxBurst(uint16_t queue_index, std::span<rte_mbuf*> packets) {
  Queue& queue = queues_[queue_index];
  uint16_t count = 0;
  uint32_t bytes = 0;
  uint32_t dropped = 0;
  while (count < packets.size() && bytes < kBurstBytes &&
         dropped < kMaxDropsPerBurst) {
    rte_mbuf* packet = nullptr;
    const Read read = ReadFrame(queue, packet);
    if (read == Read::kNothing) break;
    if (read == Read::kDropped) {
      ++dropped;
      continue;
    }
    bytes += PacketBytes(*packet);
    packets[count++] = packet;
  }
  return count;
}

// Reads one frame into the queue's two buffers.
TapPort::Read TapPort::ReadFrame(Queue& queue, rte_mbuf*& packet) {
  if (queue.packet == nullptr) queue.packet = pool_.Allocate();
  if (queue.packet == nullptr) return ReadAndDrop(queue);
  if (queue.segment == nullptr) queue.segment = pool_.AllocateSegment();
  VirtioNetHeader header;
  // Without a large segment one more byte tells a frame that fits from one
  // that does not.
  uint8_t beyond;
  const iovec parts[3] = {
      {.iov_base = &header, .iov_len = sizeof(header)},
      {.iov_base = Data(*queue.packet), .iov_len = kSegmentRoomBytes},
      {.iov_base = queue.segment == nullptr ? &beyond : Data(*queue.segment),
       .iov_len = queue.segment == nullptr ? 1 : kLargeSegmentBytes},
  };
  const ssize_t read = readv(queue.fd.get(), parts, 3);
  if (read < static_cast<ssize_t>(sizeof(header))) return Read::kNothing;
  const auto bytes = static_cast<uint32_t>(read) - uint32_t{sizeof(header)};
  if (bytes > kSegmentRoomBytes && queue.segment == nullptr) {
    ++queue.drops.rx_no_mbuf;
    return Read::kDropped;
  }
  if (bytes > kMaxFrameBytes) {
    ++queue.drops.rx_too_long;
    return Read::kDropped;
  }
  rte_mbuf* frame = TakeFrame(queue, bytes);
  if (!ApplyVnetHeader(header, *frame)) {
    ++queue.drops.rx_vnet_header;
    pool_.Free({&frame, 1});
    return Read::kDropped;
  }
  packet = frame;
  return Read::kPacket;
}

TapPort::Read TapPort::ReadAndDrop(Queue& queue) {
  VirtioNetHeader header;
  const iovec part{.iov_base = &header, .iov_len = sizeof(header)};
  if (readv(queue.fd.get(), &part, 1) < 0) return Read::kNothing;
  ++queue.drops.rx_no_mbuf;
  return Read::kDropped;
}

// Makes the queue's buffers, which hold `bytes` bytes, one packet.
rte_mbuf* TapPort::TakeFrame(Queue& queue, uint32_t bytes) {
  rte_mbuf* packet = std::exchange(queue.packet, nullptr);
  packet->pkt_len = bytes;
  if (bytes <= kSegmentRoomBytes) {
    packet->data_len = static_cast<uint16_t>(bytes);
    return packet;
  }
  packet->data_len = kSegmentRoomBytes;
  rte_mbuf* segment = std::exchange(queue.segment, nullptr);
  segment->data_len = static_cast<uint16_t>(bytes - kSegmentRoomBytes);
  packet->next = segment;
  packet->nb_segs = 2;
  return packet;
}

TxResult TapPort::TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) {
  const int fd = queues_[queue % queues_.size()].fd.get();
  TxResult result;
  for (rte_mbuf* packet : packets) {
    result.reason = SendFrame(fd, *packet);
    if (result.reason != DropReason::kNone) break;
    ++result.sent;
  }
  pool_.Free(packets.first(result.sent));
  return result;
}

DropReason TapPort::SendFrame(int fd, rte_mbuf& packet) const {
  const bool segment =
      (packet.ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) != 0;
  if ((packet.ol_flags & RTE_MBUF_F_TX_UDP_SEG) != 0 &&
      !info_.tx_udp_segmentation) {
    return DropReason::kTxNoOffload;
  }
  if (!segment && PacketBytes(packet) > info_.mtu + sizeof(EthernetHeader)) {
    return DropReason::kTxTooLong;
  }
  VirtioNetHeader header = MakeVnetHeader(packet);
  iovec parts[kMaxParts];
  size_t count = 0;
  parts[count++] = {.iov_base = &header, .iov_len = sizeof(header)};
  for (rte_mbuf* part = &packet; part != nullptr; part = part->next) {
    if (part->data_len == 0) continue;
    if (count == kMaxParts) return DropReason::kTxTooLong;
    parts[count++] = {.iov_base = Data(*part), .iov_len = part->data_len};
  }
  if (writev(fd, parts, static_cast<int>(count)) >= 0) return DropReason::kNone;
  return ReasonOf(errno);
}

int TapPort::ReadinessFd(uint16_t queue) const {
  return queues_[queue].fd.get();
}

PortDrops TapPort::TakeDrops(uint16_t queue) {
  return std::exchange(queues_[queue].drops, {});
}

bool TapPort::LinkUp() const { return TapFdAlive(queues_.front().fd.get()); }

}  // namespace vswitch
