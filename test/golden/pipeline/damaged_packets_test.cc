// Every packet of the golden files, damaged at random: whatever comes in, the
// switch accounts for it, and nothing comes out that is more than came in
// (spec/faults.md F-65).  The damage comes from a fixed seed.

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/pipeline/test_world.h"
#include "test/golden/golden_file.h"
#include "test/golden/pipeline/golden_text.h"
#include "test/golden/pipeline/golden_values.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr int kVariants = 40;  // of each packet
// The largest answer to a packet: an ICMPv6 error of 1280 bytes and its
// Ethernet header.
constexpr size_t kLargestErrorBytes = 14 + 1280;

// What a fragment carries at least, of a packet that does not fit the world's
// links of 1500 bytes.
constexpr size_t kSmallestCutBytes = 1500 - 60;

struct Input {
  PortId port;
  std::vector<uint8_t> bytes;
};

std::vector<Input>& Inputs() {
  static auto* inputs = new std::vector<Input>();
  return *inputs;
}

// Changes some bytes, or the length, or nothing but the offload metadata.
std::vector<uint8_t> Damage(std::vector<uint8_t> bytes,
                            std::mt19937_64& random) {
  const uint64_t changes = random() % 4;
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    // Behind the MAC addresses, so that most get past the first check.
    const size_t at = random() % 8 == 0 || bytes.size() <= 12
                          ? random() % bytes.size()
                          : 12 + random() % (bytes.size() - 12);
    bytes[at] = static_cast<uint8_t>(random());
  }
  if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 8));
  return bytes;
}

TEST(DamagedPacketsTest, AreAllAccountedFor) {
  ASSERT_GT(Inputs().size(), 100u);
  std::mt19937_64 random(20260701);
  TestWorld world;
  uint64_t forwarded = 0;
  size_t waiting = 0;  // at most so many fragments are kept back
  for (int variant = 0; variant < kVariants; ++variant) {
    for (const Input& input : Inputs()) {
      const std::vector<uint8_t> bytes = Damage(input.bytes, random);
      // Ports put the headers into the first segment, whatever they are.
      rte_mbuf* packet = world.pool().Make(bytes);
      // With checksums taken as good, damage reaches the later stages.
      packet->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
      packet->ol_flags |= random() % 2 == 0 ? RTE_MBUF_F_RX_L4_CKSUM_GOOD
                                            : RTE_MBUF_F_RX_L4_CKSUM_NONE;
      packet->tso_segsz = random() % 4 == 0 ? random() % 1500 : 0;
      const Received received = world.Receive(input.port, packet);
      world.Advance(random() % 100'000'000);
      // A first fragment lets those leave that waited for it.
      ASSERT_LE(received.sent.size(),
                1 + waiting + bytes.size() / kSmallestCutBytes);
      waiting += received.held ? 1 : 0;
      const bool ended = received.drop != DropReason::kNone ||
                         received.consumed || received.held ||
                         !received.sent.empty();
      ASSERT_TRUE(ended) << PacketToText(bytes);
      for (const Sent& sent : received.sent) {
        forwarded += received.drop == DropReason::kNone ? 1 : 0;
        ASSERT_LE(sent.bytes.size(),
                  std::max(bytes.size(), kLargestErrorBytes));
      }
    }
  }
  // Guards the test itself: much of it got through.
  EXPECT_GT(forwarded, Inputs().size());
}

// Adds the packets of the file at `path` to the inputs.
bool ReadInputs(const std::string& path) {
  auto cases = ReadGoldenFile(path);
  if (!cases.ok()) {
    std::fprintf(stderr, "%s\n", cases.status().ToString().c_str());
    return false;
  }
  for (const GoldenCase& one : *cases) {
    for (const GoldenDirective& directive : one.directives) {
      if (directive.words[0] != "in") continue;
      auto bytes = PacketFromText(FillWithExamples(WriteOut(directive)));
      if (!bytes.ok()) return false;
      Inputs().push_back(
          {TestWorld::PortNamed(directive.words[1]), *std::move(bytes)});
    }
  }
  return true;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (!vswitch::ReadInputs(argv[i])) return 1;
  }
  return RUN_ALL_TESTS();
}
