// SCTP associations in the connection table: their tags lie with the entry,
// count as half-open until both ends have spoken, and are learned anew after a
// restart.

#include <optional>

#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/sctp_state.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 8;
constexpr WorkerId kWorker{0};
constexpr uint64_t kNow = 1000 * kSecondNs;
constexpr uint32_t kClientTag = 0x1111;
constexpr uint32_t kServerTag = 0x2222;

SctpPacket PacketWith(uint32_t tag, SctpChunk chunk,
                      uint32_t initiate_tag = 0) {
  return {.tag = tag,
          .initiate_tag = initiate_tag,
          .chunks = 1u << static_cast<uint32_t>(chunk),
          .is_whole = true};
}

class ConnectionSctpTest : public testing::TestWithParam<IpFamily> {
 protected:
  ConnectionSctpTest() {
    EXPECT_TRUE(
        ConnectionTable::Format(memory_.bytes(), kCapacity, kTestSecret).ok());
    table_.emplace(*ConnectionTable::Attach(memory_.bytes(), 1));
  }

  void Begin(uint32_t number) {
    const SctpPacket init = PacketWith(0, SctpChunk::kInit, kClientTag);
    NewConnection connection = Connection(number);
    connection.state = *FirstSctpState(init, true);
    connection.windows = FirstSctpTags(init);
    ASSERT_EQ(table_->Insert(kWorker, connection, kNow).status,
              InsertStatus::kInserted);
  }
  void Establish(uint32_t number) {
    Begin(number);
    FromServer(number, PacketWith(kClientTag, SctpChunk::kInitAck, kServerTag));
    FromClient(number, PacketWith(kServerTag, SctpChunk::kCookieEcho));
    FromServer(number, PacketWith(kClientTag, SctpChunk::kCookieAck));
  }
  NewConnection Connection(uint32_t number) const {
    return NumberedConnection(GetParam(), number, IpProtocol::kSctp);
  }
  TrackAction FromClient(uint32_t number, const SctpPacket& packet) {
    ConnectionView view = table_->Lookup(Connection(number).original);
    return table_->Track(view, packet);
  }
  TrackAction FromServer(uint32_t number, const SctpPacket& packet) {
    ConnectionView view = table_->Lookup(Connection(number).reply);
    return table_->Track(view, packet);
  }
  ConnectionState State(uint32_t number) {
    return table_->Lookup(Connection(number).original).state;
  }

  TableMemory memory_{kCapacity};
  std::optional<ConnectionTable> table_;
};

TEST_P(ConnectionSctpTest, TagsAreTheEntrys) {
  Establish(1);
  EXPECT_EQ(State(1), ConnectionState::kEstablished);
  const SctpPacket forged = PacketWith(0x99, SctpChunk::kAbort);
  EXPECT_EQ(FromServer(1, forged), TrackAction::kInvalid);
  EXPECT_EQ(FromServer(1, PacketWith(kClientTag, SctpChunk::kData)),
            TrackAction::kPass);
  EXPECT_EQ(State(1), ConnectionState::kEstablished);
  EXPECT_EQ(FromClient(1, PacketWith(kServerTag, SctpChunk::kAbort)),
            TrackAction::kPass);
  EXPECT_EQ(State(1), ConnectionState::kClosed);
}

TEST_P(ConnectionSctpTest, NextConnectionOfTheEntryKnowsNoTags) {
  for (uint32_t i = 0; i < 3 * kCapacity; ++i) {
    Establish(i);
    ASSERT_EQ(State(i), ConnectionState::kEstablished) << i;
    table_->Erase(table_->Lookup(Connection(i).original));
    table_->FlushIf([](const ConnectionRecord&) { return true; });
    table_->Expire(kWorker, kNow, {}, kCapacity);
    Begin(100 + i);
    // The server's tag is not known again.
    EXPECT_EQ(FromClient(100 + i, PacketWith(0x77, SctpChunk::kCookieEcho)),
              TrackAction::kPass);
    table_->FlushIf([](const ConnectionRecord&) { return true; });
    table_->Expire(kWorker, kNow, {}, kCapacity);
  }
}

TEST_P(ConnectionSctpTest, OpeningAssociationMayBeEvicted) {
  for (uint32_t i = 0; i < kCapacity; ++i) Begin(i);
  EXPECT_EQ(table_->quota().half_open(), kCapacity);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    Establish(100 + i);
    ASSERT_EQ(State(100 + i), ConnectionState::kEstablished) << i;
  }
  EXPECT_EQ(table_->quota().half_open(), 0u);
  EXPECT_EQ(table_->Insert(kWorker, Connection(300), kNow).status,
            InsertStatus::kFull);
}

TEST_P(ConnectionSctpTest, RestartLearnsTheTagsAnew) {
  Establish(1);
  table_.emplace(*ConnectionTable::Attach(memory_.bytes(), 1));
  EXPECT_EQ(State(1), ConnectionState::kEstablished);
  EXPECT_EQ(FromServer(1, PacketWith(0x99, SctpChunk::kAbort)),
            TrackAction::kIgnore);
  EXPECT_EQ(FromServer(1, PacketWith(kClientTag, SctpChunk::kSack)),
            TrackAction::kPass);
  EXPECT_EQ(FromServer(1, PacketWith(0x99, SctpChunk::kSack)),
            TrackAction::kInvalid);
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionSctpTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
