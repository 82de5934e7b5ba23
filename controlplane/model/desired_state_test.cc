// The store keeps objects apart by kind, namespace and name.

#include "controlplane/model/desired_state.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

Object MakePod(const char* ns, const char* name) {
  return {.metadata = {.name = name, .ns = ns}, .spec = Pod{}};
}

TEST(DesiredStateTest, FindsByTypeNamespaceAndName) {
  DesiredState state;
  state.Upsert(MakePod("a", "web"));
  EXPECT_NE(state.Find<Pod>("a", "web"), nullptr);
  EXPECT_EQ(state.Find<Pod>("b", "web"), nullptr);
  EXPECT_EQ(state.Find<Service>("a", "web"), nullptr);
}

TEST(DesiredStateTest, VisitsOnlyTheTypeInOrder) {
  DesiredState state;
  state.Upsert(MakePod("b", "x"));
  state.Upsert(MakePod("a", "z"));
  state.Upsert({.metadata = {.name = "a"}, .spec = Namespace{}});
  state.Upsert({.metadata = {.name = "s", .ns = "a"}, .spec = Service{}});
  std::vector<std::string> names;
  state.ForEach<Pod>([&](const Metadata& metadata, const Pod&) {
    names.push_back(QualifiedName(metadata));
  });
  EXPECT_EQ(names, (std::vector<std::string>{"a/z", "b/x"}));
}

TEST(DesiredStateTest, ACopyIsIndependent) {
  DesiredState state;
  state.Upsert(MakePod("a", "web"));
  DesiredState next = state;
  EXPECT_TRUE(next.Erase({ObjectKind::kPod, "a", "web"}));
  EXPECT_FALSE(next.Erase({ObjectKind::kPod, "a", "web"}));
  EXPECT_NE(state.Find<Pod>("a", "web"), nullptr);
}

TEST(DesiredStateTest, ADifferenceIsWhatWasWritten) {
  DesiredState state;
  for (const char* name : {"gone", "kept", "written"}) {
    state.Upsert(MakePod("a", name));
  }
  DesiredState next = state;
  next.Erase({ObjectKind::kPod, "a", "gone"});
  next.Upsert(MakePod("a", "written"));
  next.Upsert(MakePod("a", "added"));
  std::vector<std::string> found;
  DesiredState::ForEachDifference(
      state, next,
      [&](const ObjectKey& key, const Object* before, const Object* after) {
        EXPECT_EQ(before, state.FindObject(key));
        EXPECT_EQ(after, next.FindObject(key));
        found.push_back(key.name);
      });
  EXPECT_EQ(found, (std::vector<std::string>{"added", "gone", "written"}));
}

TEST(ObjectTest, KindsHaveNamesBothWays) {
  for (uint32_t i = 0; i < kObjectKindCount; ++i) {
    ObjectKind kind = static_cast<ObjectKind>(i);
    EXPECT_EQ(ObjectKindByName(ToString(kind)), kind);
  }
  EXPECT_EQ(ObjectKindByName("Ingress"), std::nullopt);
  EXPECT_EQ(DesiredState::KindOf<NetworkPolicy>(), ObjectKind::kNetworkPolicy);
  EXPECT_EQ(DesiredState::KindOf<SwitchSettings>(), ObjectKind::kSettings);
}

}  // namespace
}  // namespace vswitch
