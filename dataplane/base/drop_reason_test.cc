// The list of drop reasons is closed, named once each, and leaves nothing
// unsaid.

#include "dataplane/base/drop_reason.h"

#include <gtest/gtest.h>

#include <set>

namespace vswitch {
namespace {

TEST(DropReasonTest, EveryNameIsFoundAgainAndUsedOnce) {
  std::set<absl::string_view> names;
  for (const DropReasonInfo& info : DropReasons()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(FindDropReason(info.name), info.reason);
    EXPECT_EQ(DropReasonName(info.reason), info.name);
    EXPECT_FALSE(info.text.empty()) << info.name;
  }
  EXPECT_EQ(FindDropReason("NO_SUCH_REASON"), std::nullopt);
}

TEST(DropReasonTest, NoReasonIsVague) {
  for (const DropReasonInfo& info : DropReasons()) {
    for (absl::string_view vague : {"OTHER", "UNSPECIFIED", "UNKNOWN_ERROR"}) {
      EXPECT_NE(info.name, vague);
    }
  }
}

}  // namespace
}  // namespace vswitch
