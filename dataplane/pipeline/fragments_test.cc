// Stage fragments: floods; the rules have golden cases in
// test/golden/pipeline/fragment.golden.

#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class FragmentsTest : public FamilyTest {
 protected:
  static int Offset(int index) { return index == 0 ? 0 : 40 * index - 8; }

  // A fragment of datagram `id` from the client to the server.
  std::string Fragment(int id, int offset, bool more) const {
    const std::string payload =
        offset == 0 ? "/ tcp flags=S / data 12" : "/ data 40";
    const std::string fields =
        absl::StrCat("id=", id, " off=", offset, " mf=", more ? 1 : 0, " ");
    const char* protocol = offset == 0 ? ""
                           : is_ipv4() ? "proto=6 "
                                       : "next=6 ";
    return is_ipv4()
               ? Packet("client", "server",
                        absl::StrCat(fields, protocol, payload))
               : Packet("client", "server",
                        absl::StrCat("/ frag ", fields, protocol, payload));
  }
};

// F-55: first fragments that nothing follows.
TEST_P(FragmentsTest, FloodOfFirstFragmentsCostsNobodyElse) {
  ASSERT_EQ(world_.Receive("client", Fragment(1, 0, true)).drop,
            DropReason::kNone);
  for (int id = 100; id < 400; ++id) {
    world_.Receive("client", Fragment(id, 0, true));
  }
  EXPECT_EQ(world_.Receive("client", Fragment(1, 32, false)).drop,
            DropReason::kNone);
}

TEST_P(FragmentsTest, LaterFragmentAfterTheTimeoutIsLate) {
  world_.Receive("client", Fragment(1, 0, true));
  world_.AdvanceSeconds(31);
  EXPECT_TRUE(world_.Receive("client", Fragment(1, 32, false)).held);
  world_.AdvanceSeconds(2);
  EXPECT_EQ(world_.DropCount(DropReason::kFragTimeout), 1u);
}

// U-14, RFC 4787 REQ-14: every order of four, between those of another
// datagram.
TEST_P(FragmentsTest, EveryOrderArrives) {
  std::vector<int> order = {0, 1, 2, 3};
  int id = 1;
  do {
    int left = 0;
    for (int i : order) {
      for (int datagram : {id, id + 1}) {
        const Received received =
            world_.Receive("client", Fragment(datagram, Offset(i), i < 3));
        EXPECT_EQ(received.drop, DropReason::kNone);
        left += static_cast<int>(received.sent.size());
      }
    }
    EXPECT_EQ(left, 8);
    id += 2;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(FragmentsTest, LargestDatagramArrivesBackwards) {
  for (int count : {2, 3, 20, 45}) {
    int left = 0;
    for (int i = count - 1; i >= 0; --i) {
      const Received received =
          world_.Receive("client", Fragment(count, Offset(i), i < count - 1));
      ASSERT_EQ(received.held, i > 0);
      left += static_cast<int>(received.sent.size());
    }
    EXPECT_EQ(left, count);
  }
}

// F-55: nobody's later fragments take the packets of the switch.
TEST_P(FragmentsTest, FloodOfLaterFragmentsIsBounded) {
  for (int id = 1; id <= 100; ++id) {
    world_.Receive("client", Fragment(id, 32, false));
  }
  EXPECT_EQ(world_.DropCount(DropReason::kFragQuota), 52u);
  EXPECT_EQ(world_.pool().LiveCount(), 48u);
  world_.AdvanceSeconds(2);
  EXPECT_EQ(world_.DropCount(DropReason::kFragTimeout), 48u);
  EXPECT_EQ(world_.pool().LiveCount(), 0u);
}

// In one burst with others, whose order stays.
TEST_P(FragmentsTest, WaitingFragmentsFollowTheBurst) {
  const std::vector<Sent> sent = world_.ReceiveBurst(
      TestWorld::PortNamed("client"),
      std::vector<std::string>{Fragment(1, 32, false), Fragment(1, 0, true),
                               Packet("client", "server", "/ udp")});
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_NE(sent[1].Text().find("udp"), std::string::npos);
}

TEST_P(FragmentsTest, LaterFragmentNeverBeginsAConnection) {
  ASSERT_EQ(world_.Receive("client", Fragment(1, 0, true)).drop,
            DropReason::kNone);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
  world_.Receive("client", Fragment(1, 32, false));
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
}

// Also of those that are looked up together with the first one.
TEST_P(FragmentsTest, LaterFragmentsInTheBurstOfABadFirstOneAreDropped) {
  const auto fragment = [this](int id, int offset, bool more,
                               const std::string& payload) {
    const std::string fields =
        absl::StrCat("id=", id, " off=", offset, " mf=", more ? 1 : 0, " ");
    const char* protocol = offset == 0 ? ""
                           : is_ipv4() ? "proto=6 "
                                       : "next=6 ";
    return Packet("client", "server",
                  absl::StrCat(is_ipv4() ? "" : "/ frag ", fields, protocol,
                               "/ ", payload));
  };
  world_.Receive("client",
                 Packet("client", "server", "/ tcp dport=80 flags=S"));
  world_.Receive("server",
                 Packet("server", "client",
                        "/ tcp sport=80 dport=1000 flags=SA ack=2 win=100"));
  world_.Receive("client", Packet("client", "server",
                                  "/ tcp dport=80 flags=A seq=2 ack=2"));
  const std::string good = "tcp dport=80 flags=A seq=2 ack=2 / data 12";
  const std::string bad = "tcp dport=80 flags=SA seq=2 ack=2 / data 12";
  const std::vector<Sent> sent = world_.ReceiveBurst(
      TestWorld::PortNamed("client"),
      {fragment(1, 0, true, good), fragment(2, 0, true, bad),
       fragment(2, 32, true, "data 40"), fragment(1, 32, false, "data 40"),
       fragment(2, 72, false, "data 8")});
  EXPECT_EQ(sent.size(), 2u);
  EXPECT_EQ(world_.DropCount(DropReason::kConnectionInvalid), 3u);
}

INSTANTIATE_FAMILIES(FragmentsTest);

}  // namespace
}  // namespace vswitch
