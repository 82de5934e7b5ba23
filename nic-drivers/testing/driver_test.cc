// One suite over every driver that works without hardware.

#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "gtest/gtest.h"
#include "nic-drivers/dpdk/dpdk_port.h"
#include "nic-drivers/dpdk/eal.h"
#include "nic-drivers/testing/link.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

MbufPool* pool = nullptr;  // of the whole program: the EAL starts once

Frame MakeFrame(const std::string& layers, int payload) {
  return *PacketFromText(absl::StrCat("eth / ", layers, " / data ", payload));
}

// Sends one frame; the packet is freed if it is refused.
DropReason SendFrame(Port& port, rte_mbuf* packet) {
  const TxResult result = port.TxBurst(0, {&packet, 1});
  if (result.sent == 0) pool->Free({&packet, 1});
  return result.reason;
}

struct Driver {
  const char* name;
  absl::StatusOr<std::unique_ptr<Link>> (*make)(MbufPool&);
};

class DriverTest : public testing::TestWithParam<Driver> {
 protected:
  void SetUp() override {
    auto link = GetParam().make(*pool);
    // AF_XDP needs BPF, which a kernel or container may refuse.
    if (!link.ok() && std::string(GetParam().name) == "af_xdp") {
      GTEST_SKIP() << link.status();
    }
    ASSERT_TRUE(link.ok()) << link.status();
    link_ = *std::move(link);
  }
  void TearDown() override {
    link_.reset();
    EXPECT_EQ(pool->PacketsInUse(), 0u);
    EXPECT_EQ(pool->SegmentsInUse(), 0u);
  }

  std::unique_ptr<Link> link_;
};

TEST_P(DriverTest, ReceivesWhatIsSentToIt) {
  for (const char* layers : {"ip4 / udp", "ip6 / tcp"}) {
    const Frame frame = MakeFrame(layers, 1200);
    link_->Send(frame);
    EXPECT_EQ(ReceiveFrom(link_->port(), *pool), frame) << layers;
  }
}

TEST_P(DriverTest, SendsWhatItIsGiven) {
  for (const char* layers : {"ip4 / udp", "ip6 / tcp"}) {
    const Frame frame = MakeFrame(layers, 1200);
    EXPECT_EQ(SendFrame(link_->port(), PacketOf(frame, *pool)),
              DropReason::kNone);
    EXPECT_EQ(link_->Receive(), frame) << layers;
  }
}

TEST_P(DriverTest, KeepsTheOrderOfABurst) {
  std::vector<rte_mbuf*> burst;
  for (int i = 0; i < 8; ++i) {
    burst.push_back(PacketOf(MakeFrame("ip4 / udp", 100 + i), *pool));
  }
  ASSERT_EQ(link_->port().TxBurst(0, burst).sent, 8);
  if (std::string(GetParam().name) == "fake") return;  // takes all at once
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(link_->Receive(), MakeFrame("ip4 / udp", 100 + i));
  }
}

TEST_P(DriverTest, ReturnsNothingWhenNothingCame) {
  rte_mbuf* packets[4];
  EXPECT_EQ(link_->port().RxBurst(0, packets), 0);
}

TEST_P(DriverTest, LinkIsUp) { EXPECT_TRUE(link_->port().LinkUp()); }

TEST_P(DriverTest, RefusesAFrameLongerThanItsMtu) {
  if (std::string(GetParam().name) == "fake") return;
  const Frame frame = MakeFrame("ip4 / udp", kLinkMtu);
  EXPECT_EQ(SendFrame(link_->port(), PacketOf(frame, *pool)),
            DropReason::kTxTooLong);
}

TEST_P(DriverTest, CompletesOrPassesAPartialChecksum) {
  for (const bool ipv4 : {true, false}) {
    rte_mbuf* packet = PacketOf(
        MakeFrame(ipv4 ? "ip4 / tcp csum=partial" : "ip6 / tcp csum=partial",
                  500),
        *pool);
    packet->l2_len = 14;
    packet->l3_len = ipv4 ? 20 : 40;
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM |
                        (ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    ASSERT_EQ(SendFrame(link_->port(), packet), DropReason::kNone);
    const std::optional<Frame> sent = link_->Receive();
    ASSERT_TRUE(sent.has_value());
    // A TAP's peer and the fake get the sum as it is, marked as partial.
    if (link_->port().Info().tx_checksum) continue;
    EXPECT_EQ(*sent, MakeFrame(ipv4 ? "ip4 / tcp" : "ip6 / tcp", 500));
  }
}

TEST_P(DriverTest, CutsOrPassesASegment) {
  rte_mbuf* packet = PacketOf(MakeFrame("ip6 / tcp csum=partial", 6000), *pool);
  packet->l2_len = 14;
  packet->l3_len = 40;
  packet->l4_len = 20;
  packet->tso_segsz = 1400;
  packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
  ASSERT_EQ(SendFrame(link_->port(), packet), DropReason::kNone);
  size_t payload = 0;
  while (payload < 6000) {
    const std::optional<Frame> frame = link_->Receive();
    ASSERT_TRUE(frame.has_value());
    payload += frame->size() - 74;
    if (!link_->port().Info().tx_tcp_segmentation) {
      EXPECT_LE(frame->size(), 1474u);
    }
  }
  EXPECT_EQ(payload, 6000u);
}

INSTANTIATE_TEST_SUITE_P(Drivers, DriverTest,
                         testing::Values(Driver{"tap", MakeTapLink},
                                         Driver{"af_packet", MakeAfPacketLink},
                                         Driver{"af_xdp", MakeAfXdpLink},
                                         Driver{"memif", MakeMemifLink},
                                         Driver{"ring", MakeRingLink},
                                         Driver{"fake", MakeFakeLink}),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

absl::StatusOr<std::unique_ptr<DpdkPort>> Open(const std::string& devargs) {
  return DpdkPort::Open({.name = "p", .devargs = devargs}, *pool);
}

TEST(NullTest, ReceivesAndSwallowsWithoutEnd) {
  auto port = Open("net_null0,size=100");
  ASSERT_TRUE(port.ok()) << port.status();
  rte_mbuf* packets[32];
  ASSERT_EQ((*port)->RxBurst(0, packets), 32);
  EXPECT_EQ(packets[0]->pkt_len, 100u);
  EXPECT_EQ((*port)->TxBurst(0, packets).sent, 32);
  port->reset();
  EXPECT_EQ(pool->PacketsInUse(), 0u);
}

TEST(PcapTest, ReplaysAndRecords) {
  const std::string out = absl::StrCat("/tmp/vswpcap", getpid(), "a.pcap");
  const std::string back = absl::StrCat("/tmp/vswpcap", getpid(), "b.pcap");
  const Frame frame = MakeFrame("ip4 / udp", 300);
  {
    // Written by one port's transmit side and read by another's receive side.
    auto writer = Open(absl::StrCat("net_pcap0,tx_pcap=", out, ",rx_iface=lo"));
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ(SendFrame(**writer, PacketOf(frame, *pool)), DropReason::kNone);
  }
  {
    auto reader =
        Open(absl::StrCat("net_pcap1,rx_pcap=", out, ",tx_pcap=", back));
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(ReceiveFrom(**reader, *pool), frame);
  }
  unlink(out.c_str());
  unlink(back.c_str());
  EXPECT_EQ(pool->PacketsInUse(), 0u);
}

TEST(DpdkPortTest, PlugsTheSameDeviceAgainAndAgain) {
  for (int i = 0; i < 5; ++i) {
    auto port = Open("net_null7");
    ASSERT_TRUE(port.ok()) << port.status();
  }
}

TEST(DpdkPortTest, RefusesADeviceTwice) {
  auto first = Open("net_null8");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Open("net_null8").status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST(DpdkPortTest, ErrorsNamePortAndDevice) {
  const auto port = Open("net_af_packet3,iface=nosuch0");
  ASSERT_FALSE(port.ok());
  EXPECT_NE(port.status().message().find(
                "port p, device net_af_packet3,iface=nosuch0: cannot"),
            absl::string_view::npos)
      << port.status();
}

TEST(DpdkPortTest, ChecksDevargs) {
  EXPECT_TRUE(ValidateDevargs("net_af_packet0,iface=eth1").ok());
  EXPECT_TRUE(ValidateDevargs("0000:3b:00.0").ok());
  for (const char* wrong :
       {"", "eth0", "net_null", "net_nullx", "net_tap0", "0000:3b:00",
        "net_null0 ,size=3", "net_af_xdp0,iface=eth0,xdp_prog=/tmp/x.o"}) {
    EXPECT_FALSE(ValidateDevargs(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(ValidateDevargs("net_null0," + std::string(200, 'x')).ok());
}

TEST(TapPortTest, ReceivesAWholeLargeSegment) {
  auto made = MakeTapLink(*pool);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(std::system("ip link set tap0 mtu 65521"), 0);
  const Frame frame = MakeFrame("ip4 / udp", 60000);
  (*made)->Send(frame);
  EXPECT_EQ(ReceiveFrom((*made)->port(), *pool), frame);
}

TEST(TapPortTest, CountsWhatItHasNoBufferFor) {
  auto made = MakeTapLink(*pool);
  ASSERT_TRUE(made.ok()) << made.status();
  Port& port = (*made)->port();
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* packet = pool->Allocate()) all.push_back(packet);
  (*made)->Send(MakeFrame("ip4 / udp", 100));
  (*made)->Send(MakeFrame("ip4 / udp", 100));
  rte_mbuf* packet = nullptr;
  EXPECT_EQ(port.RxBurst(0, {&packet, 1}), 0);
  EXPECT_GE(port.TakeDrops(0).rx_no_mbuf, 2u);
  EXPECT_EQ(port.TakeDrops(0).rx_no_mbuf, 0u);
  pool->Free(all);
  const Frame frame = MakeFrame("ip4 / udp", 101);
  (*made)->Send(frame);
  EXPECT_EQ(ReceiveFrom(port, *pool), frame) << "works again";
}

TEST(TapPortTest, SaysWhyItCannotSend) {
  auto made = MakeTapLink(*pool);
  ASSERT_TRUE(made.ok()) << made.status();
  Port& port = (*made)->port();
  const Frame frame = MakeFrame("ip4 / udp", 100);
  ASSERT_EQ(std::system("ip link set tap0 down"), 0);
  EXPECT_EQ(SendFrame(port, PacketOf(frame, *pool)), DropReason::kTxLinkDown);
  ASSERT_EQ(std::system("ip link del tap0"), 0);
  EXPECT_EQ(SendFrame(port, PacketOf(frame, *pool)), DropReason::kTxPortGone);
  EXPECT_FALSE(port.LinkUp());
  rte_mbuf* packet = nullptr;
  EXPECT_EQ(port.RxBurst(0, {&packet, 1}), 0);
}

}  // namespace
}  // namespace vswitch

// net_af_xdp of DPDK 22.11 does not free libxdp's record of its memory.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:xsk_umem__create\n";
}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // All interfaces are made here and go with it.
  if (unshare(CLONE_NEWNET) != 0 || std::system("ip link set lo up") != 0) {
    std::perror("a network namespace");
    return 1;
  }
  vswitch::EalConfig config{.hugepages = vswitch::EalHugepages::kOff,
                            .memory_mb = 128};
  if (absl::Status status = vswitch::StartEal(config); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  auto pool =
      vswitch::MbufPool::Create({.packet_count = 4096, .segment_count = 64});
  if (!pool.ok()) {
    std::fprintf(stderr, "%s\n", pool.status().ToString().c_str());
    return 1;
  }
  vswitch::pool = pool->get();
  const int result = RUN_ALL_TESTS();
  pool->reset();
  vswitch::StopEal();
  return result;
}
