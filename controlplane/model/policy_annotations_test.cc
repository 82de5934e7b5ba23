// What policies say by annotation, and which annotations are refused.

#include "controlplane/model/policy_annotations.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

TEST(PolicyAnnotationsTest, DefaultsAreThoseOfTheHeader) {
  PolicyAttributes attributes = AttributesOf(Metadata{});
  EXPECT_EQ(attributes.mode, PolicyMode::kEnforce);
  EXPECT_EQ(attributes.established, EstablishedAction::kReEvaluate);
  EXPECT_EQ(attributes.deny_response, DenyResponse::kSilent);
}

TEST(PolicyAnnotationsTest, EveryValueIsReadAndSpeltTheSame) {
  for (PolicyMode mode : {PolicyMode::kEnforce, PolicyMode::kShadow}) {
    Metadata metadata;
    metadata.annotations[kModeAnnotation] = std::string(ToString(mode));
    EXPECT_EQ(AttributesOf(metadata).mode, mode);
    EXPECT_TRUE(FaultsOfPolicyAnnotations(metadata.annotations).empty());
  }
  for (EstablishedAction action :
       {EstablishedAction::kKeep, EstablishedAction::kReEvaluate,
        EstablishedAction::kReset}) {
    Metadata metadata;
    metadata.annotations[kEstablishedAnnotation] =
        std::string(ToString(action));
    EXPECT_EQ(AttributesOf(metadata).established, action);
    EXPECT_TRUE(FaultsOfPolicyAnnotations(metadata.annotations).empty());
  }
  for (DenyResponse response :
       {DenyResponse::kSilent, DenyResponse::kReset, DenyResponse::kIcmp}) {
    Metadata metadata;
    metadata.annotations[kDenyResponseAnnotation] =
        std::string(ToString(response));
    EXPECT_EQ(AttributesOf(metadata).deny_response, response);
    EXPECT_TRUE(FaultsOfPolicyAnnotations(metadata.annotations).empty());
  }
  EXPECT_EQ(ToString(PolicyMode::kShadow), "shadow");
  EXPECT_EQ(ToString(EstablishedAction::kReEvaluate), "re-evaluate");
  EXPECT_EQ(ToString(DenyResponse::kIcmp), "icmp");
}

TEST(PolicyAnnotationsTest, UnknownKeysAndValuesAreFaults) {
  std::vector<AnnotationFault> faults = FaultsOfPolicyAnnotations(
      {{"vswitch.dev/mode", "Shadow"}, {"vswitch.dev/modus", "shadow"}});
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].key, "vswitch.dev/mode");
  EXPECT_EQ(faults[0].message, "\"Shadow\" is unknown; want enforce, shadow");
  EXPECT_EQ(faults[1].key, "vswitch.dev/modus");
  EXPECT_EQ(faults[1].message,
            "no such annotation of a policy; want vswitch.dev/mode, "
            "vswitch.dev/established, vswitch.dev/deny-response");
}

TEST(PolicyAnnotationsTest, WhatOthersAnnotateDoesNotMatter) {
  EXPECT_TRUE(FaultsOfPolicyAnnotations({{"example.com/mode", "x"}}).empty());
}

}  // namespace
}  // namespace vswitch
