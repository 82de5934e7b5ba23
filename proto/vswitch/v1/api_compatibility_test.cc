// The API keeps what api.golden says that clients rely on.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "proto/vswitch/v1/api_listing.h"

namespace vswitch {
namespace {

constexpr char kHowToExtend[] =
    "\nA change of what clients rely on is a new field, value or method beside "
    "the old one.\nAfter an addition or a removal with `reserved`, extend the "
    "listing and commit it:\n"
    "  bazel build //proto/vswitch/v1:list_api "
    "//proto/vswitch/v1:vswitch_descriptor\n"
    "  V=bazel-bin/proto/vswitch/v1\n"
    "  $V/list_api $V/vswitch.descriptor > proto/vswitch/v1/api.golden\n";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path << " cannot be read";
  return std::string(std::istreambuf_iterator<char>(file),
                     std::istreambuf_iterator<char>());
}

class ApiCompatibilityTest : public testing::Test {
 protected:
  void SetUp() override {
    google::protobuf::FileDescriptorSet set;
    ASSERT_TRUE(
        set.ParseFromString(ReadFile("proto/vswitch/v1/vswitch.descriptor")));
    absl::StatusOr<ApiListing> present = ListApi(set, "vswitch.v1");
    ASSERT_TRUE(present.ok()) << present.status();
    present_ = *std::move(present);
    absl::StatusOr<ApiListing> golden =
        ParseApiListing(ReadFile("proto/vswitch/v1/api.golden"));
    ASSERT_TRUE(golden.ok()) << golden.status();
    golden_ = *std::move(golden);
  }

  ApiListing golden_;
  ApiListing present_;
};

TEST_F(ApiCompatibilityTest, KeepsWhatClientsRelyOn) {
  std::vector<std::string> faults = BrokenPromises(golden_, present_);
  EXPECT_TRUE(faults.empty()) << absl::StrJoin(faults, "\n") << kHowToExtend;
  std::vector<std::string> added = Additions(golden_, present_);
  if (!added.empty()) {
    std::printf("Not yet kept, as api.golden lacks it:\n%s\n%s",
                absl::StrJoin(added, "\n").c_str(), kHowToExtend);
  }
}

TEST_F(ApiCompatibilityTest, TheListingHasAllFourServices) {
  // Guards the test itself: an empty listing would promise nothing.
  for (const char* key : {"method vswitch.v1.ConfigService.Apply",
                          "method vswitch.v1.PortService.AddPort",
                          "method vswitch.v1.ObserveService.Explain",
                          "method vswitch.v1.AdminService.GetStatus",
                          "field vswitch.v1.ApplyRequest.manager",
                          "value vswitch.v1.ResourceKind.RESOURCE_KIND_POD"}) {
    EXPECT_TRUE(golden_.contains(key)) << key;
  }
}

}  // namespace
}  // namespace vswitch
