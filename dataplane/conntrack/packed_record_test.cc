// A record is the same behind packing and unpacking.

#include "dataplane/conntrack/packed_record.h"

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
    record.created_s = Random();
    Judgement& judgement = record.judgement;
    judgement.generation = Random();
    judgement.source_identity = IdentityId{Random()};
    judgement.destination_identity = IdentityId{Random()};
    judgement.source_endpoint = EndpointId{Random()};
    judgement.destination_endpoint = EndpointId{Random()};
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
    EXPECT_EQ(std::memcmp(&again, &record, sizeof(record)), 0);
  }
}

TEST_P(PackedRecordTest, TheFlagSaysWhichFamilyItIs) {
  const PackedRecord words = PackRecord(RandomRecord());
  EXPECT_EQ((words[kProtocolWord] >> 8 & kStoredIpv4) != 0,
            GetParam() == IpFamily::kIpv4);
}

INSTANTIATE_TEST_SUITE_P(Families, PackedRecordTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6));

}  // namespace
}  // namespace vswitch
