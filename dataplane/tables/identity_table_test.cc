// What each generation sees of the identity table, against a map.

#include "dataplane/tables/identity_table.h"

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/tables/identity_table_writer.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr HashSecret kSecret{{11, 12}};

// The memory of a table, as a segment would hold it: zeroed.
class TableStorage {
 public:
  explicit TableStorage(uint32_t group_count)
      : tags_(std::make_unique<IdentityTags<StdAtomics>[]>(group_count)),
        slots_(std::make_unique<IdentitySlot<StdAtomics>[]>(
            size_t{group_count} * kSlotsPerIdentityGroup)),
        group_count_(group_count) {}
  IdentityTableMemory<StdAtomics> memory() {
    return {tags_.get(), slots_.get(), group_count_};
  }

 private:
  std::unique_ptr<IdentityTags<StdAtomics>[]> tags_;
  std::unique_ptr<IdentitySlot<StdAtomics>[]> slots_;
  uint32_t group_count_;
};

HostBinding Binding(uint32_t identity, uint32_t endpoint = 1) {
  return {IdentityId{identity}, EndpointId{endpoint}};
}

class IdentityTableTest : public testing::TestWithParam<const char*> {
 protected:
  IpAddress Address(uint32_t number) const {
    IpAddress address = *IpAddress::Parse(GetParam());
    address.bytes[13] = static_cast<uint8_t>(number >> 16);
    address.bytes[14] = static_cast<uint8_t>(number >> 8);
    address.bytes[15] = static_cast<uint8_t>(number);
    return address;
  }

  TableStorage storage_{64};
  IdentityTableWriter writer_{storage_.memory(), kSecret, 0};
  IdentityTable table_{storage_.memory(), kSecret};
};

TEST_P(IdentityTableTest, EmptyTableHasNoBinding) {
  EXPECT_EQ(table_.Lookup(Address(1), 9), std::nullopt);
  EXPECT_EQ(IdentityTable().Lookup(Address(1), 9), std::nullopt);
}

TEST_P(IdentityTableTest, BindingIsSeenFromItsGenerationOn) {
  writer_.BeginGeneration(5, 4);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 4), std::nullopt);
  EXPECT_EQ(table_.Lookup(Address(1), 5), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(2), 5), std::nullopt);
  EXPECT_EQ(writer_.bound_count(), 1u);
}

TEST_P(IdentityTableTest, ABindingKeepsEveryNumberThatFits) {
  const HostBinding largest{IdentityId{kMaxIdentity},
                            EndpointId{kMaxBindingEndpoint}, kMaxBindingEpoch};
  const HostBinding remote{IdentityId{256}, kNoEndpoint, 7};
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), largest).ok());
  ASSERT_TRUE(writer_.Bind(Address(2), remote).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 1), largest);
  EXPECT_EQ(table_.Lookup(Address(2), 1), remote);
  for (HostBinding wrong :
       {HostBinding{IdentityId{kMaxIdentity + 1}},
        HostBinding{largest.identity, EndpointId{0xffff}},
        HostBinding{largest.identity, kNoEndpoint, kMaxBindingEpoch + 1}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(writer_.Bind(Address(3), wrong)));
  }
  EXPECT_EQ(writer_.bound_count(), 2u);
}

TEST_P(IdentityTableTest, ChangeKeepsTheOldBindingForOlderGenerations) {
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(400)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 1), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(400));
  writer_.BeginGeneration(3, 2);
  ASSERT_TRUE(writer_.Unbind(Address(1)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(400));
  EXPECT_EQ(table_.Lookup(Address(1), 3), std::nullopt);
  EXPECT_EQ(writer_.bound_count(), 0u);
}

TEST_P(IdentityTableTest, ChangesWithinOneGenerationReplaceEachOther) {
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(400)).ok());
  ASSERT_TRUE(writer_.Unbind(Address(1)).ok());
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(500)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 1), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(500));
}

TEST_P(IdentityTableTest, RefusesASecondChangeBeforeTheFirstIsReached) {
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  writer_.BeginGeneration(2, 0);
  const absl::Status status = writer_.Bind(Address(1), Binding(400));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find(Address(1).ToString()),
            absl::string_view::npos);
  EXPECT_TRUE(writer_.Bind(Address(1), Binding(300)).ok()) << "no change";
}

TEST_P(IdentityTableTest, RefusesIdentityZeroAndTheUnspecifiedAddress) {
  writer_.BeginGeneration(1, 0);
  EXPECT_EQ(writer_.Bind(Address(1), Binding(0)).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer_.Bind(IpAddress{}, Binding(300)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(IdentityTableTest, RollbackTakesBackTheGeneration) {
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  ASSERT_TRUE(writer_.Bind(Address(2), Binding(301)).ok());
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(400)).ok());
  ASSERT_TRUE(writer_.Unbind(Address(2)).ok());
  ASSERT_TRUE(writer_.Bind(Address(3), Binding(500)).ok());
  writer_.Rollback();
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(2), 2), Binding(301));
  EXPECT_EQ(table_.Lookup(Address(3), 2), std::nullopt);
  EXPECT_EQ(writer_.bound_count(), 2u);
  // The same number again, with other changes.
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(600)).ok());
  writer_.Rollback();
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(2), Binding(700)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(2), 1), Binding(301));
  EXPECT_EQ(table_.Lookup(Address(2), 2), Binding(700));
}

TEST_P(IdentityTableTest, NewWriterUndoesWhatWasNotPublished) {
  writer_.BeginGeneration(1, 0);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(300)).ok());
  writer_.BeginGeneration(2, 1);
  ASSERT_TRUE(writer_.Bind(Address(1), Binding(400)).ok());
  ASSERT_TRUE(writer_.Bind(Address(2), Binding(500)).ok());
  // Generation 2 was never published: its writer died.
  IdentityTableWriter successor(storage_.memory(), kSecret, 1);
  EXPECT_EQ(successor.bound_count(), 1u);
  successor.BeginGeneration(2, 1);
  ASSERT_TRUE(successor.Bind(Address(3), Binding(600)).ok());
  EXPECT_EQ(table_.Lookup(Address(1), 2), Binding(300));
  EXPECT_EQ(table_.Lookup(Address(2), 2), std::nullopt);
  EXPECT_EQ(table_.Lookup(Address(3), 2), Binding(600));
  std::map<IpAddress, HostBinding> all;
  successor.ForEach([&](const IpAddress& address, const HostBinding& binding) {
    all.emplace(address, binding);
  });
  EXPECT_EQ(all, (std::map<IpAddress, HostBinding>{
                     {Address(1), Binding(300)}, {Address(3), Binding(600)}}));
}

TEST_P(IdentityTableTest, SlotServesANewAddressOnlyAfterTwoGracePeriods) {
  TableStorage storage(1);  // eight slots
  IdentityTableWriter writer(storage.memory(), kSecret, 0);
  writer.BeginGeneration(1, 0);
  for (uint32_t i = 1; i <= 8; ++i) {
    ASSERT_TRUE(writer.Bind(Address(i), Binding(300)).ok());
  }
  EXPECT_EQ(writer.Bind(Address(9), Binding(300)).code(),
            absl::StatusCode::kResourceExhausted);
  writer.BeginGeneration(2, 1);
  ASSERT_TRUE(writer.Unbind(Address(1)).ok());
  const struct {
    Generation next;
    Generation reached;
    bool free;
  } steps[] = {
      {3, 1, false},  // a reader of generation 1 still needs the binding
      {3, 2, false},  // the tag is cleared now; a reader may hold it
      {4, 2, false},
      {4, 3, true},
  };
  for (const auto& step : steps) {
    writer.BeginGeneration(step.next, step.reached);
    EXPECT_EQ(writer.Bind(Address(9), Binding(309)).ok(), step.free)
        << step.next << " " << step.reached;
  }
  const IdentityTable table(storage.memory(), kSecret);
  EXPECT_EQ(table.Lookup(Address(9), 4), Binding(309));
  EXPECT_EQ(table.Lookup(Address(1), 4), std::nullopt);
}

TEST_P(IdentityTableTest, NewWriterWaitsForReadersOfARetiredSlot) {
  TableStorage storage(1);
  {
    IdentityTableWriter writer(storage.memory(), kSecret, 0);
    writer.BeginGeneration(1, 0);
    for (uint32_t i = 1; i <= 8; ++i) {
      ASSERT_TRUE(writer.Bind(Address(i), Binding(300)).ok());
    }
    writer.BeginGeneration(2, 1);
    ASSERT_TRUE(writer.Unbind(Address(1)).ok());
    writer.BeginGeneration(3, 2);  // the slot is retired
  }
  IdentityTableWriter successor(storage.memory(), kSecret, 3);
  successor.BeginGeneration(4, 3);
  EXPECT_FALSE(successor.Bind(Address(9), Binding(300)).ok());
  successor.BeginGeneration(5, 4);
  EXPECT_TRUE(successor.Bind(Address(9), Binding(300)).ok());
}

TEST_P(IdentityTableTest, FillsToCapacity) {
  // Table memory makes twice as many slots as addresses.
  constexpr uint32_t kAddresses = 32768;
  TableStorage storage(kAddresses * 2 / kSlotsPerIdentityGroup);
  IdentityTableWriter writer(storage.memory(), kSecret, 0);
  writer.BeginGeneration(1, 0);
  for (uint32_t i = 1; i <= kAddresses; ++i) {
    ASSERT_TRUE(writer.Bind(Address(i), Binding(256 + i)).ok()) << i;
  }
  const IdentityTable table(storage.memory(), kSecret);
  for (uint32_t i = 1; i <= kAddresses; ++i) {
    ASSERT_EQ(table.Lookup(Address(i), 1), Binding(256 + i)) << i;
  }
}

// Random changes, each generation kept as a map, against the table as each
// generation that a reader may still use sees it.
TEST_P(IdentityTableTest, AgreesWithAMapPerGeneration) {
  using Model = std::map<uint32_t, uint32_t>;
  std::mt19937 random(7);
  TableStorage storage(8);
  IdentityTableWriter writer(storage.memory(), kSecret, 0);
  const IdentityTable table(storage.memory(), kSecret);
  std::vector<Model> history = {{}};
  for (Generation next = 1; next < 3000; ++next) {
    if (random() % 50 == 0) {
      writer = IdentityTableWriter(storage.memory(), kSecret, next - 1);
    }
    Model model = history.back();
    writer.BeginGeneration(next, next - 1);
    const bool rolled_back = random() % 10 == 0;
    for (uint32_t change = 0; change < random() % 8; ++change) {
      const uint32_t number = 1 + random() % 60;
      if (random() % 2 == 0) {
        ASSERT_TRUE(writer.Unbind(Address(number)).ok());
        model.erase(number);
      } else {
        const uint32_t identity = 256 + random() % 1000;
        const absl::Status status =
            writer.Bind(Address(number), Binding(identity));
        if (absl::IsResourceExhausted(status)) continue;
        ASSERT_TRUE(status.ok()) << status;
        model[number] = identity;
      }
    }
    if (rolled_back) {
      writer.Rollback();
      model = history.back();
    }
    history.push_back(model);
    for (Generation g : {next - 1, next}) {
      for (uint32_t number = 1; number <= 60; ++number) {
        const auto expected = history[g].find(number);
        const std::optional<HostBinding> actual =
            table.Lookup(Address(number), g);
        ASSERT_EQ(actual.has_value(), expected != history[g].end())
            << "address " << number << " generation " << g;
        if (actual.has_value()) {
          ASSERT_EQ(*actual, Binding(expected->second));
        }
      }
    }
    ASSERT_EQ(writer.bound_count(), model.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Families, IdentityTableTest,
                         testing::Values("10.0.0.0", "fd00::"));

}  // namespace
}  // namespace vswitch
