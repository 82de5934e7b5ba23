// Rates of ICMP errors, per worker and per port.

#include "dataplane/pipeline/icmp_limiter.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 5 * kSecond;

Settings Rates(uint32_t all, uint32_t port) {
  Settings settings{};
  settings.icmp_errors_per_second = all;
  settings.icmp_errors_per_second_port = port;
  return settings;
}

// Returns how many of a million tries, spread over `seconds`, pass.
uint32_t Flood(IcmpLimiter& limiter, const Settings& settings, PortId port,
               uint64_t begin_ns, uint64_t seconds) {
  constexpr uint64_t kTries = 1'000'000;
  uint32_t passed = 0;
  for (uint64_t i = 0; i < kTries; ++i) {
    const uint64_t now = begin_ns + i * seconds * kSecond / kTries;
    passed += limiter.Take(settings, port, now) ? 1 : 0;
  }
  return passed;
}

TEST(IcmpLimiterTest, HoldsThePortsRate) {
  IcmpLimiter limiter;
  // The rate, and a tenth of it that had been saved up before.
  EXPECT_NEAR(Flood(limiter, Rates(10'000, 100), PortId{1}, kStart, 10), 1010,
              2);
}

TEST(IcmpLimiterTest, HoldsTheWorkersRateOverAllPorts) {
  IcmpLimiter limiter;
  const Settings settings = Rates(100, 1000);
  uint32_t passed = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const PortId port{static_cast<uint16_t>(i % 50)};
    passed += limiter.Take(settings, port, kStart + i * kSecond / 100'000);
  }
  EXPECT_NEAR(passed, 110, 2);
}

TEST(IcmpLimiterTest, OnePortLeavesTheOthersTheirShare) {
  IcmpLimiter limiter;
  const Settings settings = Rates(100, 20);
  Flood(limiter, settings, PortId{1}, kStart, 1);
  EXPECT_TRUE(limiter.Take(settings, PortId{2}, kStart + kSecond));
}

TEST(IcmpLimiterTest, RateZeroSendsNone) {
  IcmpLimiter limiter;
  EXPECT_FALSE(limiter.Take(Rates(0, 10), PortId{1}, kStart));
  EXPECT_FALSE(limiter.Take(Rates(10, 0), PortId{1}, kStart));
}

TEST(IcmpLimiterTest, SmallestRateStillSends) {
  IcmpLimiter limiter;
  const Settings settings = Rates(1, 1);
  EXPECT_TRUE(limiter.Take(settings, PortId{1}, kStart));
  EXPECT_FALSE(limiter.Take(settings, PortId{1}, kStart + kSecond / 2));
  EXPECT_TRUE(limiter.Take(settings, PortId{1}, kStart + kSecond));
}

TEST(IcmpLimiterTest, PortOutsideOfTheTableSendsNone) {
  IcmpLimiter limiter;
  EXPECT_FALSE(limiter.Take(Rates(10, 10), kNoPort, kStart));
}

}  // namespace
}  // namespace vswitch
