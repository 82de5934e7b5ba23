// What a connection costs in memory.

#include <sys/mman.h>

#include <vector>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

class ConnectionMemoryTest : public testing::TestWithParam<IpFamily> {};

// Of a table that is full of one family's connections, what is in memory.
TEST_P(ConnectionMemoryTest, ConnectionTakesSoMuchMemory) {
  constexpr uint32_t kMany = 100000;
  TableMemory memory(kMany);
  ASSERT_TRUE(ConnectionTable::Format(memory.bytes(), kMany, kTestSecret).ok());
  auto table = ConnectionTable::Attach(memory.bytes(), 1);
  ASSERT_TRUE(table.ok()) << table.status();
  uint32_t made = 0;
  for (uint32_t i = 0; i < kMany; ++i) {
    const auto status =
        table->Insert(WorkerId{0}, NumberedConnection(GetParam(), i), kSecondNs)
            .status;
    made += status == InsertStatus::kInserted ? 1 : 0;
  }
  // A full pair of buckets is rare.
  EXPECT_GT(made, kMany - 10);
  constexpr size_t kPage = 4096;
  std::vector<uint8_t> pages((memory.bytes().size() + kPage - 1) / kPage);
  ASSERT_EQ(mincore(memory.bytes().data(), memory.bytes().size(), pages.data()),
            0);
  size_t resident = 0;
  for (uint8_t page : pages) resident += (page & 1) != 0 ? kPage : 0;
  // Beside the table each has a link in the worker's lists and a word that
  // counts it for its pod.
  const double bytes = static_cast<double>(resident) / kMany + 4 + 4;
  EXPECT_LT(bytes, GetParam() == IpFamily::kIpv4 ? 164 : 224);
  EXPECT_GT(bytes, 150);
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionMemoryTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6));

}  // namespace
}  // namespace vswitch
