// Session affinity: a client keeps its backend while others come, for as long
// as the service says, and never one that is gone.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

constexpr uint32_t kTimeoutS = 10800;

class AffinityTest : public FamilyTest {
 protected:
  ~AffinityTest() override { world_.CheckBalance(); }

  std::string Vip(int last = 50) const {
    return absl::StrCat(is_ipv4() ? "10.96.0." : "fd02::", last);
  }

  // Services at the addresses that end in `lasts`, before these pods.
  void Serve(const std::vector<std::string>& pods,
             const std::vector<int>& lasts = {50},
             uint32_t timeout_s = kTimeoutS) {
    std::erase_if(world_.node().services,
                  [](const ServiceSpec& spec) { return spec.service >= 50; });
    for (const int last : lasts) {
      for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
        ServiceSpec spec{.address = *IpAddress::Parse(Vip(last)),
                         .protocol = protocol,
                         .port = 80,
                         .service = static_cast<uint32_t>(last),
                         .affinity_s = timeout_s};
        for (const std::string& pod : pods) {
          spec.backends.push_back(
              {.address = *IpAddress::Parse(AddressOf(pod)), .port = 8080});
        }
        world_.node().services.push_back(spec);
      }
    }
    // What the compiler would say has changed.
    std::vector<IpAddress> changed;
    for (const int last : lasts)
      changed.push_back(*IpAddress::Parse(Vip(last)));
    world_.Publish(changed);
  }

  // The pod that gets the first packet of another connection of `client` to
  // the service.
  std::string Begin(const std::string& vip, const std::string& client,
                    const std::string& protocol = "tcp",
                    const std::string& flags = "S") {
    const Received received = world_.Receive(
        client,
        PacketTo(client, vip,
                 absl::StrCat("/ ", protocol, " sport=", ++last_port_,
                              " dport=80", protocol == "tcp" ? " flags=" : "",
                              protocol == "tcp" ? flags : "")));
    if (received.sent.size() != 1) {
      return std::string(DropReasonName(received.drop));
    }
    return std::string(TestWorld::NameOf(received.sent[0].port));
  }
  // Lets `pod` answer the last packet that a client began with.
  void Answer(const std::string& pod, const std::string& client,
              const std::string& protocol, const std::string& tcp = "") {
    const Received received = world_.Receive(
        pod, Packet(pod, client,
                    absl::StrCat("/ ", protocol,
                                 " sport=8080 dport=", last_port_, tcp)));
    EXPECT_EQ(received.drop, DropReason::kNone) << pod;
  }
  // The pod that takes another connection of `client` to the service, and
  // answers.
  std::string Connect(const std::string& vip, const std::string& client,
                      const std::string& protocol = "tcp") {
    const std::string pod = Begin(vip, client, protocol);
    if (TestWorld::PortNamed(pod) == kNoPort) return pod;
    if (protocol != "tcp") {
      Answer(pod, client, protocol);
      return pod;
    }
    Answer(pod, client, protocol, " flags=SA seq=100 ack=2");
    const Received last = world_.Receive(
        client, PacketTo(client, vip,
                         absl::StrCat("/ tcp sport=", last_port_,
                                      " dport=80 flags=A seq=2 ack=101")));
    EXPECT_EQ(last.drop, DropReason::kNone);
    return pod;
  }
  std::string Connect() { return Connect(Vip(), "client"); }

  // How many clients have a backend noted.
  int AffinityCount() {
    int count = 0;
    world_.offline().connections().ForEach([&](const ConnectionInfo& info) {
      count += (info.record.flags & kAffinity) != 0;
    });
    return count;
  }

  uint16_t last_port_ = 10000;
};

TEST_P(AffinityTest, EveryConnectionOfAClientHasOneBackend) {
  Serve({"server", "guarded", "jailed"});
  const std::string first = Connect();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Connect(), first);
}

// Maglev alone moves the clients whose slots a new backend takes.
TEST_P(AffinityTest, ClientsStayWhenBackendsAreAdded) {
  const std::vector<std::string> vips = {Vip(50), Vip(51), Vip(52), Vip(53),
                                         Vip(54), Vip(55), Vip(56)};
  const std::vector<int> lasts = {50, 51, 52, 53, 54, 55, 56};
  Serve({"server"}, lasts);
  for (const std::string& vip : vips) {
    EXPECT_EQ(Connect(vip, "client"), "server");
  }
  Serve({"server", "guarded", "jailed", "host"}, lasts);
  for (const std::string& vip : vips) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(Connect(vip, "client"), "server") << vip;
    }
  }
}

TEST_P(AffinityTest, AClientLeavesABackendThatIsNoneAnyMore) {
  Serve({"server"});
  EXPECT_EQ(Connect(), "server");
  // It terminates: the compiler takes it out while another is ready.
  Serve({"jailed"});
  EXPECT_EQ(Connect(), "jailed");
  // Once left, it is not gone back to.
  Serve({"server", "jailed", "host"});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Connect(), "jailed");
}

TEST_P(AffinityTest, EndsWhenTheClientWasSilentForTheTimeout) {
  for (const uint32_t timeout_s : {uint32_t{10}, kTimeoutS, uint32_t{86400}}) {
    Serve({"server"}, {50}, timeout_s);
    EXPECT_EQ(Connect(), "server");
    Serve({"server", "jailed", "host"}, {50}, timeout_s);
    // A new connection begins the time anew.
    world_.AdvanceSeconds(timeout_s * 9 / 10);
    EXPECT_EQ(Connect(), "server");
    world_.AdvanceSeconds(timeout_s * 9 / 10);
    EXPECT_EQ(Connect(), "server");
    EXPECT_EQ(AffinityCount(), 1) << timeout_s;
    world_.AdvanceSeconds(timeout_s + ConnectionTable::kRecheckSeconds);
    EXPECT_EQ(AffinityCount(), 0) << timeout_s;
  }
}

// Anybody can send the first packet in the client's name, and an ACK too.
TEST_P(AffinityTest, ConnectionsThatNobodyAnswersLeaveNothingForLong) {
  Serve({"server"});
  const ConnectionTimeouts& timeouts = world_.node().settings.timeouts;
  EXPECT_EQ(Begin(Vip(), "client", "tcp"), "server");
  EXPECT_EQ(Begin(Vip(), "client", "udp"), "server");
  EXPECT_EQ(Begin(Vip(), "host", "tcp", "A"), "server");
  EXPECT_EQ(AffinityCount(), 3);
  const uint32_t longest_s =
      std::max({timeouts.tcp_syn_sent_s, timeouts.udp_unreplied_s,
                timeouts.tcp_retransmitted_s});
  world_.AdvanceSeconds(longest_s + ConnectionTable::kRecheckSeconds);
  EXPECT_EQ(AffinityCount(), 0);
}

TEST_P(AffinityTest, AConnectionOnItsWayHasItsClientsBackendAlready) {
  Serve({"server"});
  EXPECT_EQ(Begin(Vip(), "client"), "server");
  Serve({"server", "guarded", "jailed", "host"});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Begin(Vip(), "client"), "server");
}

// The SYN is answered, which ends nothing yet: its sender may be another.
TEST_P(AffinityTest, TheBackendsAnswerAloneKeepsNoTcpClient) {
  Serve({"server"});
  EXPECT_EQ(Begin(Vip(), "client"), "server");
  Answer("server", "client", "tcp", " flags=SA seq=100 ack=2");
  Answer("server", "client", "tcp", " flags=R seq=101");
  world_.AdvanceSeconds(world_.node().settings.timeouts.tcp_syn_sent_s +
                        ConnectionTable::kRecheckSeconds);
  EXPECT_EQ(AffinityCount(), 0);
}

TEST_P(AffinityTest, PacketsInItsNameDoNotShortenWhatAClientHas) {
  Serve({"server"});
  EXPECT_EQ(Connect(), "server");
  EXPECT_EQ(Begin(Vip(), "client"), "server");
  world_.AdvanceSeconds(kTimeoutS - 1);
  EXPECT_EQ(AffinityCount(), 1);
  // Nor do they make it longer.
  EXPECT_EQ(Begin(Vip(), "client"), "server");
  world_.AdvanceSeconds(1 + ConnectionTable::kRecheckSeconds);
  EXPECT_EQ(AffinityCount(), 0);
}

TEST_P(AffinityTest, ALateAnswerDoesNotBringALeftBackendBack) {
  Serve({"server"});
  EXPECT_EQ(Begin(Vip(), "client"), "server");
  const uint16_t early = last_port_;
  Serve({"jailed"});
  EXPECT_EQ(Connect(), "jailed");
  last_port_ = early;
  Answer("server", "client", "tcp", " flags=SA seq=100 ack=2");
  world_.Receive("client",
                 PacketTo("client", Vip(),
                          absl::StrCat("/ tcp sport=", early,
                                       " dport=80 flags=A seq=2 ack=101")));
  last_port_ = static_cast<uint16_t>(early + 1000);
  Serve({"server", "jailed"});
  EXPECT_EQ(Connect(), "jailed");
}

TEST_P(AffinityTest, ServicesAndProtocolsAreApart) {
  Serve({"server"}, {50, 51});
  EXPECT_EQ(Connect(Vip(50), "client", "tcp"), "server");
  EXPECT_EQ(Connect(Vip(51), "client", "tcp"), "server");
  EXPECT_EQ(Connect(Vip(50), "client", "udp"), "server");
  EXPECT_EQ(Connect(Vip(50), "jailed", "udp"), "POLICY_DENIED");
  EXPECT_EQ(AffinityCount(), 3);
}

TEST_P(AffinityTest, ServicesWithoutItNoteNothing) {
  world_.Publish();
  EXPECT_EQ(Connect(WebService(), "client"), "server");
  EXPECT_EQ(AffinityCount(), 0);
}

INSTANTIATE_FAMILIES(AffinityTest);

}  // namespace
}  // namespace vswitch
