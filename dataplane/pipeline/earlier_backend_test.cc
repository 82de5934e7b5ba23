// Packets from the middle of connections that nothing is known of: they go to
// the backend that the service had for them before it changed.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

constexpr uint32_t kKeptS = 600;

class EarlierBackendTest : public FamilyTest {
 protected:
  EarlierBackendTest() { UseSourceNat(); }
  ~EarlierBackendTest() override { world_.CheckBalance(); }

  std::string Vip() const { return is_ipv4() ? "10.96.0.50" : "fd02::50"; }

  // A service at Vip(), for everybody, before these pods.
  ServiceSpec Spec(const std::vector<std::string>& pods,
                   IpProtocol protocol = IpProtocol::kTcp) const {
    ServiceSpec spec{.address = *IpAddress::Parse(Vip()),
                     .protocol = protocol,
                     .port = 80,
                     .service = 50,
                     .flags = kServiceFromInside | kServiceFromOutside};
    for (const std::string& pod : pods) {
      spec.backends.push_back(
          {.address = *IpAddress::Parse(AddressOf(pod)), .port = 8080});
    }
    spec.outside_backends = spec.backends;
    return spec;
  }
  uint32_t NowS() const {
    return static_cast<uint32_t>(world_.now_ns() / 1'000'000'000);
  }
  // Makes `pods` the backends, where those of `earlier` were before.
  void Change(const std::vector<std::string>& earlier,
              const std::vector<std::string>& pods, bool is_gone = false) {
    world_.node().services.clear();
    world_.node().earlier_services.clear();
    for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
      world_.node().services.push_back(Spec(pods, protocol));
      ServiceSpec before = Spec(earlier, protocol);
      before.until_s = NowS() + kKeptS;
      for (BackendSpec& backend : before.backends) backend.is_gone = is_gone;
      for (BackendSpec& backend : before.outside_backends) {
        backend.is_gone = is_gone;
      }
      world_.node().earlier_services.push_back(before);
    }
    world_.Publish(std::vector<IpAddress>{*IpAddress::Parse(Vip())});
  }

  // The peer that gets a packet to the service, or why none does.
  std::string Send(const std::string& from, uint16_t port,
                   const std::string& rest) {
    const std::string l4 =
        absl::StrCat("/ ", rest, " sport=", port, " dport=80");
    const Received received =
        from == "uplink"
            ? world_.Receive(from, FromOutside(Outside(), Vip(), l4))
            : world_.Receive(from, PacketTo(from, Vip(), l4));
    if (received.drop != DropReason::kNone || received.sent.empty()) {
      return std::string(DropReasonName(received.drop));
    }
    return std::string(TestWorld::NameOf(received.sent[0].port));
  }
};

TEST_P(EarlierBackendTest, TheMiddleOfAConnectionGoesWhereItBegan) {
  Change({"server"}, {"jailed"});
  for (const std::string from : {"client", "uplink"}) {
    EXPECT_EQ(Send(from, 1000, "tcp flags=A"), "server") << from;
    EXPECT_EQ(Send(from, 1001, "tcp flags=PA"), "server") << from;
    EXPECT_EQ(Send(from, 1002, "tcp flags=S"), "jailed") << from;
    // Nobody can tell where these are.
    EXPECT_EQ(Send(from, 1003, "udp"), "jailed") << from;
  }
}

TEST_P(EarlierBackendTest, WhatWasFoundOnceIsNotLookedUpAgain) {
  Change({"server"}, {"jailed"});
  EXPECT_EQ(Send("client", 1000, "tcp flags=A seq=5 ack=9"), "server");
  world_.AdvanceSeconds(100);
  EXPECT_EQ(Send("client", 1001, "tcp flags=S"), "jailed");
  // The service changes again, and then its earlier table is forgotten.
  Change({"jailed"}, {"host"});
  EXPECT_EQ(Send("client", 1000, "tcp flags=A seq=5 ack=9"), "server");
  EXPECT_EQ(Send("client", 1002, "tcp flags=A"), "jailed");
}

TEST_P(EarlierBackendTest, EarlierBackendsCountForATimeOnly) {
  Change({"server"}, {"jailed"});
  world_.AdvanceSeconds(kKeptS - 1);
  EXPECT_EQ(Send("client", 1000, "tcp flags=A"), "server");
  world_.AdvanceSeconds(1);
  EXPECT_EQ(Send("client", 1001, "tcp flags=A"), "jailed");
}

TEST_P(EarlierBackendTest, ABackendThatIsGoneGetsNothing) {
  Change({"server"}, {"jailed"}, /*is_gone=*/true);
  EXPECT_EQ(Send("client", 1000, "tcp flags=A"), "jailed");
}

// All pods terminate, and none takes new connections any more.
TEST_P(EarlierBackendTest, WithoutAnyBackendTheMiddleStillGoesWhereItBegan) {
  Change({"server"}, {});
  EXPECT_EQ(Send("client", 1000, "tcp flags=A"), "server");
  EXPECT_EQ(Send("client", 1001, "tcp flags=S"), "SERVICE_NO_BACKEND");
}

TEST_P(EarlierBackendTest, AServiceThatIsGoneHasNoEarlierBackends) {
  Change({"server"}, {"jailed"});
  world_.node().services.clear();
  world_.Publish(std::vector<IpAddress>{*IpAddress::Parse(Vip())});
  EXPECT_EQ(Send("client", 1000, "tcp flags=A"), "NO_ROUTE");
}

TEST_P(EarlierBackendTest, OnlyTheFlowsWhoseBackendChangedAreElsewhere) {
  Change({"server", "host"}, {"server"});
  int moved = 0;
  for (uint16_t port = 1000; port < 1060; ++port) {
    const std::string middle = Send("client", port, "tcp flags=A");
    moved += middle == "host";
    EXPECT_TRUE(middle == "host" || middle == "server") << middle;
    EXPECT_EQ(Send("client", static_cast<uint16_t>(port + 1000), "tcp flags=S"),
              "server");
  }
  EXPECT_NEAR(moved, 30, 15);
}

// Policy asks about the earlier backend as about any other.
TEST_P(EarlierBackendTest, PolicyOfTheEarlierBackendHolds) {
  Change({"guarded"}, {"jailed"});
  EXPECT_EQ(Send("client", 1000, "tcp flags=A"), "guarded");
  EXPECT_EQ(Send("server", 1000, "tcp flags=A"), "POLICY_DENIED");
}

INSTANTIATE_FAMILIES(EarlierBackendTest);

}  // namespace
}  // namespace vswitch
