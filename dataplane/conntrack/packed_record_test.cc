// A record is the same behind packing and unpacking.

#include "dataplane/conntrack/packed_record.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

class PackedRecordTest : public testing::TestWithParam<IpFamily> {
 protected:
  uint32_t Random() { return static_cast<uint32_t>(random_()); }

  IpAddress RandomAddress() {
    IpAddress address;
    for (uint8_t& byte : address.bytes) byte = static_cast<uint8_t>(Random());
    if (GetParam() == IpFamily::kIpv6) return address;
    return IpAddress::FromIpv4(address.bytes.data());
  }

  EndpointId RandomEndpoint() {
    return Random() % 8 == 0 ? kNoEndpoint : EndpointId{Random() % 0xffff};
  }

  ConnectionRecord RandomRecord() {
    ConnectionRecord record;
    for (IpAddress* address :
         {&record.original_source, &record.original_destination,
          &record.reply_source, &record.reply_destination}) {
      *address = RandomAddress();
    }
    for (Be16* port :
         {&record.original_source_port, &record.original_destination_port,
          &record.reply_source_port, &record.reply_destination_port}) {
      port->raw = static_cast<uint16_t>(Random());
    }
    record.protocol = static_cast<IpProtocol>(Random() & 0xff);
    record.flags = static_cast<uint8_t>(Random() & 0x1f);
    record.zone = static_cast<uint16_t>(Random());
    record.service = Random();
    Judgement& judgement = record.judgement;
    judgement.generation = Random();
    judgement.source_endpoint = RandomEndpoint();
    judgement.destination_endpoint = RandomEndpoint();
    judgement.rule = RuleId{Random()};
    judgement.out_port = {PortId{static_cast<uint16_t>(Random())},
                          PortId{static_cast<uint16_t>(Random())}};
    judgement.source_epoch = Random() & 0xffffff;
    judgement.destination_epoch = Random() & 0xffffff;
    judgement.notes = Random() & 7;
    judgement.deny_response = static_cast<DenyResponse>(Random() % 3);
    return record;
  }

  std::mt19937_64 random_{7};
};

TEST_P(PackedRecordTest, NothingIsLost) {
  for (int i = 0; i < 1000; ++i) {
    const ConnectionRecord record = RandomRecord();
    const ConnectionRecord again = UnpackRecord(PackRecord(record));
    // All of it but the padding behind.
    constexpr size_t kBytes =
        offsetof(ConnectionRecord, judgement) + sizeof(Judgement);
    EXPECT_EQ(std::memcmp(&again, &record, kBytes), 0);
  }
}

TEST_P(PackedRecordTest, TheFlagSaysWhichFamilyItIs) {
  const PackedRecord words = PackRecord(RandomRecord());
  EXPECT_EQ(IsStoredIpv4(words), GetParam() == IpFamily::kIpv4);
}

// An entry of which one address is of the other family is kept as IPv6.
TEST_P(PackedRecordTest, MixedFamiliesAreKept) {
  for (int i = 0; i < 4; ++i) {
    ConnectionRecord record = RandomRecord();
    IpAddress* addresses[] = {&record.original_source,
                              &record.original_destination,
                              &record.reply_source, &record.reply_destination};
    *addresses[i] = IpAddress{};
    const PackedRecord words = PackRecord(record);
    EXPECT_FALSE(IsStoredIpv4(words));
    const ConnectionRecord again = UnpackRecord(words);
    for (FlowDirection direction :
         {FlowDirection::kOriginal, FlowDirection::kReply}) {
      EXPECT_EQ(again.Key(direction), record.Key(direction));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PackedRecordTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6));

}  // namespace
}  // namespace vswitch
