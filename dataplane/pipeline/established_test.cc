// Stage established has the outcome of the stages that it spares a packet: two
// nodes, one with it and one without, get the same packets.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/pipeline/test_families.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

// Both ends of one conversation, as packet_text.h writes addresses and ports.
struct End {
  std::string port;     // of the switch
  std::string address;  // of the packet's source
  std::string peer;     // of its destination
  std::string ports;    // "sport=1 dport=2"
};
struct Conversation {
  std::string protocol;
  End ends[2];
};

class EstablishedTest : public FamilyTest {
 protected:
  EstablishedTest() {
    UseSourceNat();
    other_.node() = world_.node();
    for (TestWorld* world : {&world_, &other_}) world->Publish();
  }
  ~EstablishedTest() override {
    world_.CheckBalance();
    other_.CheckBalance();
  }

  std::vector<Conversation> Conversations() const {
    const std::string client = AddressOf("client");
    const std::string server = AddressOf("server");
    const std::string node = AddressOf("host");
    std::vector<Conversation> result;
    for (const char* protocol : {"tcp", "udp"}) {
      result.push_back({protocol,
                        {{"client", client, server, "sport=1000 dport=80"},
                         {"server", server, client, "sport=80 dport=1000"}}});
      result.push_back({protocol,
                        {{"uplink", Outside(), server, "sport=9 dport=99"},
                         {"server", server, Outside(), "sport=99 dport=9"}}});
      result.push_back({protocol,
                        {{"host", node, server, "sport=68 dport=67"},
                         {"server", server, node, "sport=67 dport=68"}}});
      // Source NAT: the answer's port is found by trying one.
      result.push_back({protocol,
                        {{"client", client, Outside(), "sport=7 dport=53"},
                         {"uplink", Outside(), node, "sport=53 dport=20000"}}});
    }
    result.push_back({"tcp",
                      {{"client", client, WebService(), "sport=1001 dport=80"},
                       {"server", server, client, "sport=8080 dport=1001"}}});
    return result;
  }

  uint32_t Random(uint32_t limit) {
    return static_cast<uint32_t>(random_() % limit);
  }
  bool OneIn(uint32_t chance) { return Random(chance) == 0; }

  // A packet of the conversation, mostly an ordinary one.
  std::string PacketOf(const Conversation& conversation, const End& end) {
    std::string ip;
    if (OneIn(30)) ip += is_ipv4() ? " ttl=1" : " hop=1";
    if (OneIn(30)) ip += is_ipv4() ? " ttl=2" : " hop=2";
    if (is_ipv4() && OneIn(40)) ip += " df=1";
    if (is_ipv4() && OneIn(40)) ip += " rb=1";
    if (is_ipv4() && OneIn(40)) ip += " csum=bad";
    // Segments with these may be taken into account late.
    const bool is_udp = conversation.protocol == "udp";
    if (is_ipv4() && is_udp && OneIn(40)) ip += " opt=01010101";
    if (is_ipv4() && is_udp && OneIn(40)) ip += " mf=1";
    std::string l4 = conversation.protocol;
    if (conversation.protocol == "tcp") {
      static const char* const kFlags[] = {"S", "SA", "FA", "R", "AU", "RA"};
      l4 += absl::StrCat(" flags=", OneIn(4)   ? kFlags[Random(6)]
                                    : OneIn(2) ? "A"
                                               : "PA");
      l4 += absl::StrCat(
          " seq=", OneIn(20) ? random_() % 0xffffffff : Random(3000),
          " ack=", OneIn(20) ? random_() % 0xffffffff : Random(3000));
      if (OneIn(10)) l4 += " opt=0101080a0000000100000002";
      if (OneIn(30)) l4 += " opt=0303010000000000";
    }
    if (OneIn(40)) l4 += " csum=bad";
    if (OneIn(40)) l4 += " csum=0";
    static const uint32_t kSizes[] = {0, 1, 7, 18, 100, 1400, 1480};
    const std::string mac =
        OneIn(60)
            ? "02:00:00:00:00:99"
            : TestWorld::PeerMac(TestWorld::PortNamed(end.port)).ToString();
    return absl::StrCat("eth src=", mac, is_ipv4() ? " / ip4" : " / ip6",
                        " src=", OneIn(60) ? AddressOf("jailed") : end.address,
                        " dst=", end.peer, ip, " / ", l4, " ", end.ports,
                        " / data ", kSizes[Random(7)],
                        OneIn(10) ? " / pad 5" : "");
  }

  static std::string TextOf(const std::vector<Sent>& sent) {
    return absl::StrJoin(sent, "\n", [](std::string* out, const Sent& packet) {
      absl::StrAppend(out, TestWorld::NameOf(packet.port), " ", packet.ol_flags,
                      " ", packet.tso_segsz, " ", packet.Text());
    });
  }

  // What the connection table says, times in seconds included.
  static std::string Connections(TestWorld& world) {
    std::vector<std::string> lines;
    world.offline().connections().ForEach([&](const ConnectionInfo& info) {
      const FlowKey key = info.record.Key(FlowDirection::kOriginal);
      std::string line = absl::StrCat(
          key.source.ToString(), " ", key.source_port.ToHost(), " ",
          key.destination.ToString(), " ", key.destination_port.ToHost(), " ",
          ConnectionStateName(info.state));
      for (const DirectionCounts& counts : info.counts) {
        absl::StrAppend(&line, " ", counts.packets, " ", counts.bytes, " ",
                        counts.last_seen_s);
      }
      lines.push_back(std::move(line));
    });
    std::sort(lines.begin(), lines.end());
    return absl::StrJoin(lines, "\n");
  }

  void ExpectTheSame() {
    for (uint32_t reason = 0; reason < kDropReasonCount; ++reason) {
      EXPECT_EQ(world_.DropCount(static_cast<DropReason>(reason)),
                other_.DropCount(static_cast<DropReason>(reason)))
          << DropReasonName(static_cast<DropReason>(reason));
    }
    EXPECT_EQ(Connections(world_), Connections(other_));
    EXPECT_EQ(world_.worker_counters().policy_cached_allow.value(),
              other_.worker_counters().policy_cached_allow.value());
  }

  // Lets random packets of all conversations, and time, do the same to both.
  // With routers, the uplink's answers now and then.
  void Converse(int steps, bool has_routers) {
    const std::vector<Conversation> conversations = Conversations();
    for (int step = 0; step < steps; ++step) {
      const Conversation& conversation =
          conversations[Random(static_cast<uint32_t>(conversations.size()))];
      const End& end = conversation.ends[Random(2)];
      std::vector<std::string> packets;
      for (uint32_t i = 0; i <= Random(5); ++i) {
        packets.push_back(PacketOf(conversation, end));
      }
      const PortId port = TestWorld::PortNamed(end.port);
      ASSERT_EQ(TextOf(world_.ReceiveBurst(port, packets)),
                TextOf(other_.ReceiveBurst(port, packets)))
          << step << ": " << absl::StrJoin(packets, "\n");
      if (OneIn(100)) {
        const std::vector<IpAddress> changed = {
            *IpAddress::Parse(AddressOf("client"))};
        for (TestWorld* world : {&world_, &other_}) world->Publish(changed);
      }
      if (has_routers && OneIn(30)) {
        const std::string answer = RouterAnswer();
        ASSERT_EQ(TextOf(world_.Receive("uplink", answer).sent),
                  TextOf(other_.Receive("uplink", answer).sent));
      }
      if (OneIn(50)) {
        const uint32_t seconds = OneIn(5) ? 301 : 1;
        ASSERT_EQ(TextOf(world_.AdvanceSeconds(seconds)),
                  TextOf(other_.AdvanceSeconds(seconds)));
      }
      if (step % 500 == 0) ExpectTheSame();
    }
    ExpectTheSame();
  }

  TestWorld other_{/*takes_short_way=*/false};
  std::mt19937_64 random_{1};
};

TEST_P(EstablishedTest, RandomConversationsHaveTheSameOutcome) {
  Converse(4000, /*has_routers=*/false);
}

TEST_P(EstablishedTest, RandomConversationsByRoutersHaveTheSameOutcome) {
  for (TestWorld* world : {&world_, &other_}) {
    UseRouters(*world);
    world->Publish();
  }
  Converse(1000, /*has_routers=*/true);
}

// A packet that takes the long way does not let one behind it pass.
TEST_P(EstablishedTest, PacketsKeepTheirOrder) {
  const std::string first = Packet("client", "server", "/ udp sport=5 dport=6");
  const std::string answer =
      Packet("server", "client", "/ udp sport=6 dport=5");
  world_.Receive("client", first);
  world_.Receive("server", answer);
  const std::string unchecked =
      Packet("client", "server", "/ udp sport=5 dport=6 csum=0 / data 1");
  const std::string other = Packet("client", "server", "/ udp sport=5 dport=7");
  const std::vector<Sent> sent = world_.ReceiveBurst(
      TestWorld::PortNamed("client"), {other, first, unchecked, first});
  std::vector<std::string> texts;
  for (const Sent& packet : sent) texts.push_back(packet.Text());
  // IPv6 has no UDP without a checksum.
  ASSERT_EQ(texts.size(), is_ipv4() ? 4u : 3u);
  EXPECT_NE(texts.front().find("dport=7"), std::string::npos) << texts.front();
  EXPECT_EQ(texts[1], texts.back());
}

INSTANTIATE_FAMILIES(EstablishedTest);

}  // namespace
}  // namespace vswitch
