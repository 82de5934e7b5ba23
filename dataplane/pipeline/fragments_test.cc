// Stage fragments: floods; the rules have golden cases in
// test/golden/pipeline/fragment.golden.

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class FragmentsTest : public FamilyTest {
 protected:
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
  EXPECT_EQ(world_.Receive("client", Fragment(1, 32, false)).drop,
            DropReason::kFragNoFirst);
}

TEST_P(FragmentsTest, LaterFragmentNeverBeginsAConnection) {
  ASSERT_EQ(world_.Receive("client", Fragment(1, 0, true)).drop,
            DropReason::kNone);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
  world_.Receive("client", Fragment(1, 32, false));
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
}

INSTANTIATE_FAMILIES(FragmentsTest);

}  // namespace
}  // namespace vswitch
