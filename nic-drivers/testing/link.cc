// The far side of each driver: a packet socket, another port, or the port
// itself.

#include "nic-drivers/testing/link.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/packet/packet.h"
#include "nic-drivers/dpdk/dpdk_port.h"
#include "nic-drivers/fake/fake_port.h"
#include "nic-drivers/tap/tap_device.h"
#include "nic-drivers/tap/tap_port.h"

namespace vswitch {
namespace {

constexpr int kMomentMs = 2000;

// A packet socket on an interface.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& ifname)
      : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x0003);  // ETH_P_ALL
    address.sll_ifindex = static_cast<int>(if_nametoindex(ifname.c_str()));
    bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }

  void Send(const Frame& frame) {
    (void)!send(fd_.get(), frame.data(), frame.size(), 0);
  }

  std::optional<Frame> Receive() {
    pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    while (poll(&entry, 1, kMomentMs) > 0) {
      Frame frame(70000);
      sockaddr_ll from{};
      socklen_t bytes = sizeof(from);
      const ssize_t got = recvfrom(fd_.get(), frame.data(), frame.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &bytes);
      if (got <= 0) return std::nullopt;
      frame.resize(static_cast<size_t>(got));
      // What we sent comes back to us as outgoing.
      if (from.sll_pkttype != PACKET_OUTGOING && IsOurs(frame)) return frame;
    }
    return std::nullopt;
  }

 private:
  UniqueFd fd_;
};

class TapLink final : public Link {
 public:
  TapLink(TapDevice device, std::unique_ptr<TapPort> port)
      : device_(std::move(device)), port_(std::move(port)), socket_("tap0") {}
  Port& port() override { return *port_; }
  void Send(const Frame& frame) override { socket_.Send(frame); }
  std::optional<Frame> Receive() override { return socket_.Receive(); }

 private:
  TapDevice device_;
  std::unique_ptr<TapPort> port_;
  PacketSocket socket_;
};

// A pair of interfaces: the port is on the one, a packet socket on the other.
class VethLink final : public Link {
 public:
  explicit VethLink(std::unique_ptr<DpdkPort> port)
      : port_(std::move(port)), socket_("far0") {}
  ~VethLink() override {
    port_.reset();
    (void)!std::system("ip link del near0");
  }
  Port& port() override { return *port_; }
  void Send(const Frame& frame) override { socket_.Send(frame); }
  std::optional<Frame> Receive() override { return socket_.Receive(); }

 private:
  std::unique_ptr<DpdkPort> port_;
  PacketSocket socket_;
};

// Two ports whose ends are joined; with one port, joined to itself.
class PortLink final : public Link {
 public:
  PortLink(std::unique_ptr<Port> port, std::unique_ptr<Port> far,
           MbufPool& pool)
      : port_(std::move(port)), far_(std::move(far)), pool_(pool) {}
  Port& port() override { return *port_; }
  void Send(const Frame& frame) override {
    rte_mbuf* packet = PacketOf(frame, pool_);
    Port& far = far_ ? *far_ : *port_;
    if (far.TxBurst(0, {&packet, 1}).sent == 0) pool_.Free({&packet, 1});
  }
  std::optional<Frame> Receive() override {
    return ReceiveFrom(far_ ? *far_ : *port_, pool_);
  }

 private:
  std::unique_ptr<Port> port_;
  std::unique_ptr<Port> far_;
  MbufPool& pool_;
};

class FakeLink final : public Link {
 public:
  explicit FakeLink(MbufPool& pool)
      : pool_(pool),
        port_({.name = "fake",
               .mtu = kLinkMtu,
               .tx_checksum = true,
               .tx_tcp_segmentation = true},
              pool) {}
  Port& port() override { return port_; }
  void Send(const Frame& frame) override {
    port_.Inject(PacketOf(frame, pool_));
  }
  std::optional<Frame> Receive() override {
    std::vector<rte_mbuf*> sent = port_.TakeSent();
    if (sent.size() != 1) return std::nullopt;
    return TakeFrame(sent[0], pool_);
  }

 private:
  MbufPool& pool_;
  FakePort port_;
};

absl::StatusOr<std::unique_ptr<DpdkPort>> OpenDpdk(const std::string& devargs,
                                                   MbufPool& pool) {
  return DpdkPort::Open({.name = "port", .devargs = devargs, .mtu = kLinkMtu},
                        pool);
}

absl::StatusOr<std::unique_ptr<Link>> MakeVethLink(const std::string& devargs,
                                                   MbufPool& pool) {
  // Without IPv6 the kernel has nothing of its own to say on the link.
  if (std::system("ip link add near0 type veth peer name far0 &&"
                  "for name in near0 far0; do"
                  "  echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6 &&"
                  "  ip link set $name up || exit 1; done") != 0) {
    return absl::InternalError("cannot make a pair of interfaces");
  }
  auto port = OpenDpdk(devargs, pool);
  if (!port.ok()) {
    (void)!std::system("ip link del near0");
    return port.status();
  }
  return std::make_unique<VethLink>(*std::move(port));
}

}  // namespace

rte_mbuf* PacketOf(const Frame& frame, MbufPool& pool) {
  rte_mbuf* packet = pool.Allocate();
  if (packet == nullptr) return nullptr;
  const size_t head = std::min<size_t>(frame.size(), kSegmentRoomBytes);
  StartPacket(*packet, static_cast<uint32_t>(head));
  std::memcpy(Data(*packet), frame.data(), head);
  if (head == frame.size()) return packet;
  rte_mbuf* segment = pool.AllocateSegment();
  if (segment == nullptr) {
    pool.Free({&packet, 1});
    return nullptr;
  }
  segment->data_len = static_cast<uint16_t>(frame.size() - head);
  std::memcpy(Data(*segment), frame.data() + head, segment->data_len);
  packet->next = segment;
  packet->nb_segs = 2;
  packet->pkt_len = static_cast<uint32_t>(frame.size());
  return packet;
}

Frame TakeFrame(rte_mbuf* packet, MbufPool& pool) {
  Frame frame;
  for (rte_mbuf* part = packet; part != nullptr; part = part->next) {
    frame.insert(frame.end(), Data(*part), Data(*part) + part->data_len);
  }
  pool.Free({&packet, 1});
  return frame;
}

std::optional<Frame> ReceiveFrom(Port& port, MbufPool& pool) {
  for (int i = 0; i < kMomentMs; ++i) {
    rte_mbuf* packet = nullptr;
    while (port.RxBurst(0, {&packet, 1}) == 1) {
      Frame frame = TakeFrame(packet, pool);
      if (IsOurs(frame)) return frame;
    }
    usleep(1000);
  }
  return std::nullopt;
}

bool IsOurs(const Frame& frame) {
  // The source MAC that test frames have (test/testing/packet_text.h).
  constexpr uint8_t kSource[] = {2, 0, 0, 0, 0, 2};
  return frame.size() >= 14 && std::memcmp(frame.data() + 6, kSource, 6) == 0;
}

absl::StatusOr<std::unique_ptr<Link>> MakeTapLink(MbufPool& pool) {
  TapConfig config;
  config.ifname = "tap0";
  config.mac = *MacAddress::Parse("02:00:00:00:00:01");
  config.mtu = kLinkMtu;
  ASSIGN_OR_RETURN(TapDevice device, TapDevice::Create(config));
  std::vector<UniqueFd> fds;
  fds.emplace_back(dup(device.fds()[0].get()));
  ASSIGN_OR_RETURN(
      std::unique_ptr<TapPort> port,
      TapPort::Open({.name = "tap", .mtu = kLinkMtu}, std::move(fds), pool));
  return std::make_unique<TapLink>(std::move(device), std::move(port));
}

absl::StatusOr<std::unique_ptr<Link>> MakeAfPacketLink(MbufPool& pool) {
  return MakeVethLink("net_af_packet0,iface=near0", pool);
}

absl::StatusOr<std::unique_ptr<Link>> MakeAfXdpLink(MbufPool& pool) {
  return MakeVethLink("net_af_xdp0,iface=near0", pool);
}

absl::StatusOr<std::unique_ptr<Link>> MakeMemifLink(MbufPool& pool) {
  const std::string options = absl::StrCat(
      ",socket-abstract=no,socket=/tmp/vswmemif", getpid(), ",id=1");
  ASSIGN_OR_RETURN(auto server,
                   OpenDpdk("net_memif0,role=server" + options, pool));
  ASSIGN_OR_RETURN(auto client,
                   OpenDpdk("net_memif1,role=client" + options, pool));
  for (int i = 0; i < kMomentMs && !(server->LinkUp() && client->LinkUp());
       ++i) {
    usleep(1000);
  }
  // A memif's receiver gives its peer buffers when it polls, as a worker does.
  for (Port* port :
       {static_cast<Port*>(server.get()), static_cast<Port*>(client.get())}) {
    rte_mbuf* packet = nullptr;
    if (port->RxBurst(0, {&packet, 1}) == 1) pool.Free({&packet, 1});
  }
  return std::make_unique<PortLink>(std::move(server), std::move(client), pool);
}

absl::StatusOr<std::unique_ptr<Link>> MakeRingLink(MbufPool& pool) {
  ASSIGN_OR_RETURN(auto port, OpenDpdk("net_ring0", pool));
  return std::make_unique<PortLink>(std::move(port), nullptr, pool);
}

absl::StatusOr<std::unique_ptr<Link>> MakeFakeLink(MbufPool& pool) {
  return std::make_unique<FakeLink>(pool);
}

}  // namespace vswitch
