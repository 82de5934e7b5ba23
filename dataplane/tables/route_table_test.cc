// Longest-prefix match against a linear scan, and damaged blobs.

#include "dataplane/tables/route_table.h"

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

// A blob at an address aligned as in forwarding memory.
class AlignedBlob {
 public:
  explicit AlignedBlob(const std::string& blob)
      : words_(blob.size() / 8 + 1), size_(blob.size()) {
    std::memcpy(words_.data(), blob.data(), blob.size());
  }
  std::span<std::byte> bytes() {
    return {reinterpret_cast<std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_;
};

struct Case {
  const char* zero;     // the family's zero address
  const char* wide;     // a prefix
  const char* narrow;   // one inside of it
  const char* host;     // a host in `narrow`
  const char* in_wide;  // addresses
  const char* in_narrow;
  const char* outside;
};

class RouteTableTest : public testing::TestWithParam<Case> {
 protected:
  void Insert(const char* prefix, uint32_t value) {
    ASSERT_TRUE(builder_.Insert(*IpPrefix::Parse(prefix), value).ok());
  }
  std::optional<uint32_t> Lookup(const char* address) {
    AlignedBlob blob(builder_.Build());
    const absl::StatusOr<RouteTable> table = RouteTable::Open(blob.bytes());
    EXPECT_TRUE(table.ok()) << table.status();
    return table->Lookup(*IpAddress::Parse(address));
  }
  int family_bits() const {
    return IpAddress::Parse(GetParam().zero)->IsIpv4() ? 32 : 128;
  }

  RouteTableBuilder builder_;
};

TEST_P(RouteTableTest, EmptyTableMatchesNothing) {
  EXPECT_EQ(Lookup(GetParam().in_wide), std::nullopt);
  EXPECT_EQ(RouteTable().Lookup(*IpAddress::Parse(GetParam().in_wide)),
            std::nullopt);
  EXPECT_TRUE(RouteTable::Open({}).ok());
}

TEST_P(RouteTableTest, LongestPrefixWins) {
  Insert(GetParam().wide, 1);
  Insert(GetParam().narrow, 2);
  Insert(GetParam().host, 3);
  EXPECT_EQ(Lookup(GetParam().in_wide), 1u);
  EXPECT_EQ(Lookup(GetParam().in_narrow), 2u);
  const IpPrefix host = *IpPrefix::Parse(GetParam().host);
  EXPECT_EQ(Lookup(host.address.ToString().c_str()), 3u);
  EXPECT_EQ(Lookup(GetParam().outside), std::nullopt);
}

TEST_P(RouteTableTest, DefaultRouteMatchesItsOwnFamilyOnly) {
  Insert((std::string(GetParam().zero) + "/0").c_str(), 7);
  EXPECT_EQ(Lookup(GetParam().outside), 7u);
  const bool is_ipv4 = family_bits() == 32;
  EXPECT_EQ(Lookup(is_ipv4 ? "2001:db8::1" : "192.0.2.1"), std::nullopt);
}

TEST_P(RouteTableTest, LaterValueOfAPrefixReplacesTheFirst) {
  Insert(GetParam().wide, 1);
  Insert(GetParam().wide, 2);
  EXPECT_EQ(builder_.prefix_count(), 1u);
  EXPECT_EQ(Lookup(GetParam().in_wide), 2u);
}

TEST_P(RouteTableTest, RefusesBitsBehindThePrefixAndTheReservedValue) {
  const IpPrefix sloppy{*IpAddress::Parse(GetParam().in_narrow), 4};
  EXPECT_EQ(builder_.Insert(sloppy, 1).code(),
            absl::StatusCode::kInvalidArgument);
  const IpPrefix too_long{*IpAddress::Parse(GetParam().zero),
                          static_cast<uint8_t>(family_bits() + 1)};
  EXPECT_EQ(builder_.Insert(too_long, 1).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      builder_.Insert(*IpPrefix::Parse(GetParam().wide), RouteTable::kNoValue)
          .code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(builder_.prefix_count(), 0u);
}

// Random prefixes around few addresses, so that they nest, against a scan.
TEST_P(RouteTableTest, AgreesWithALinearScan) {
  std::mt19937_64 random(42);
  const int first_byte = family_bits() == 32 ? 12 : 0;
  auto random_address = [&] {
    IpAddress address = *IpAddress::Parse(GetParam().zero);
    for (int i = first_byte; i < 16; ++i) {
      address.bytes[i] = random() % 4 == 0 ? random() % 256 : random() % 2;
    }
    return address;
  };
  for (int round = 0; round < 20; ++round) {
    RouteTableBuilder builder;
    std::map<IpPrefix, uint32_t> model;
    for (int i = 0; i < 300; ++i) {
      IpPrefix prefix{random_address(),
                      static_cast<uint8_t>(random() % (family_bits() + 1))};
      if (!prefix.address.IsIpv4() && family_bits() == 32) continue;
      for (int bit = prefix.prefix_bits; bit < family_bits(); ++bit) {
        prefix.address.bytes[first_byte + bit / 8] &=
            static_cast<uint8_t>(~(0x80 >> bit % 8));
      }
      model[prefix] = i;
      ASSERT_TRUE(builder.Insert(prefix, i).ok());
    }
    AlignedBlob blob(builder.Build());
    const absl::StatusOr<RouteTable> table = RouteTable::Open(blob.bytes());
    ASSERT_TRUE(table.ok()) << table.status();
    for (int i = 0; i < 1000; ++i) {
      const IpAddress address = random_address();
      std::optional<uint32_t> expected;
      int expected_bits = -1;
      for (const auto& [prefix, value] : model) {
        if (prefix.prefix_bits > expected_bits && prefix.Contains(address)) {
          expected = value;
          expected_bits = prefix.prefix_bits;
        }
      }
      ASSERT_EQ(table->Lookup(address), expected) << address.ToString();
    }
  }
}

TEST_P(RouteTableTest, EqualContentsGiveEqualBytes) {
  Insert(GetParam().wide, 1);
  Insert(GetParam().narrow, 2);
  RouteTableBuilder other;
  ASSERT_TRUE(other.Insert(*IpPrefix::Parse(GetParam().narrow), 2).ok());
  ASSERT_TRUE(other.Insert(*IpPrefix::Parse(GetParam().wide), 1).ok());
  EXPECT_EQ(builder_.Build(), other.Build());
}

// Every single damaged byte is either refused or leaves every lookup within
// the blob: the sanitizers watch.
TEST_P(RouteTableTest, DamagedBlobIsRefusedOrHarmless) {
  Insert(GetParam().wide, 1);
  Insert(GetParam().narrow, 2);
  Insert(GetParam().host, 3);
  const std::string good = builder_.Build();
  for (size_t position = 0; position < good.size(); ++position) {
    for (int flip : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[position] = static_cast<char>(bad[position] ^ flip);
      AlignedBlob blob(bad);
      const absl::StatusOr<RouteTable> table = RouteTable::Open(blob.bytes());
      if (!table.ok()) continue;
      for (const char* address :
           {GetParam().in_wide, GetParam().in_narrow, GetParam().outside}) {
        table->Lookup(*IpAddress::Parse(address));
      }
    }
  }
  for (size_t size = 1; size < good.size(); ++size) {
    AlignedBlob blob(good.substr(0, size));
    EXPECT_FALSE(RouteTable::Open(blob.bytes()).ok()) << size;
  }
}

// Two nodes that lead to each other must not make a lookup run for ever.
TEST_P(RouteTableTest, RefusesACycle) {
  Insert(GetParam().wide, 1);
  AlignedBlob blob(builder_.Build());
  constexpr size_t kHeaderBytes = 24;
  constexpr size_t kFirstChildOffset = 16;
  const uint32_t self = 0;
  std::memset(blob.bytes().data() + kHeaderBytes, 0xff, 8);
  std::memcpy(blob.bytes().data() + kHeaderBytes + kFirstChildOffset, &self,
              sizeof(self));
  EXPECT_FALSE(RouteTable::Open(blob.bytes()).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Families, RouteTableTest,
    testing::Values(Case{"0.0.0.0", "10.0.0.0/8", "10.1.2.0/23", "10.1.3.7/32",
                         "10.200.0.1", "10.1.3.9", "192.0.2.1"},
                    Case{"::", "fd00::/8", "fd00:1:2::/47", "fd00:1:3::7/128",
                         "fd80::1", "fd00:1:3::9", "2001:db8::1"}));

}  // namespace
}  // namespace vswitch
