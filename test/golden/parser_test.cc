// Runs test/golden/parser/*.golden: each packet through Parse() and
// CheckAddresses(), from a pod's port and from a trusted one, with the pair
// rules of spec/faults.md section 3.6 on every packet.
//
//   in [pod|uplink] [good|partial]: PACKET   no port named: both; good: the
//                                            port verified the checksums;
//                                            partial: not yet computed
//   drop: REASON
//   pass: KEY=VALUE ...                      what the meta must say

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "test/golden/golden_file.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr PortId kPort{3};

struct Input {
  std::vector<uint8_t> bytes;
  bool trusted = false;
  uint64_t receive_flags = 0;
};

struct Outcome {
  DropReason reason = DropReason::kNone;
  std::map<std::string, std::string> meta;
};

std::string KindName(IcmpKind kind) {
  static constexpr const char* kNames[] = {"none", "query", "error",
                                           "nd",   "mld",   "other"};
  return kNames[static_cast<int>(kind)];
}

std::map<std::string, std::string> Describe(const PacketMeta& meta) {
  static constexpr const char* kL3[] = {"none", "arp", "ip4", "ip6"};
  static constexpr const char* kFragment[] = {"whole", "first", "later"};
  static constexpr const char* kChecksum[] = {"complete", "partial", "none"};
  return {
      {"l3", kL3[static_cast<int>(meta.l3)]},
      {"icmp", KindName(meta.icmp)},
      {"fragment", kFragment[static_cast<int>(meta.fragment)]},
      {"checksum", kChecksum[static_cast<int>(meta.l4_checksum)]},
      {"src", meta.key.source.ToString()},
      {"dst", meta.key.destination.ToString()},
      {"protocol", absl::StrCat(ToInt(meta.key.protocol))},
      {"sport", absl::StrCat(meta.key.source_port.ToHost())},
      {"dport", absl::StrCat(meta.key.destination_port.ToHost())},
      {"ttl", absl::StrCat(meta.ttl)},
      {"tos", absl::StrCat(meta.traffic_class)},
      {"df", absl::StrCat(meta.dont_fragment ? 1 : 0)},
      {"flags", absl::StrCat(meta.tcp_flags)},
      {"type", absl::StrCat(meta.icmp_type)},
      {"code", absl::StrCat(meta.icmp_code)},
      {"bytes", absl::StrCat(meta.packet_bytes)},
      {"l4_bytes", absl::StrCat(meta.l4_bytes)},
      {"headers_end", absl::StrCat(meta.headers_end)},
      {"frag_id", absl::StrCat(meta.fragment_id)},
      {"frag_offset", absl::StrCat(meta.fragment_offset)},
      {"more", absl::StrCat(meta.more_fragments ? 1 : 0)},
  };
}

// Parses the packet, cut into segments of the given sizes.
Outcome Run(const Input& input,
            std::initializer_list<size_t> segment_bytes = {}) {
  FakePacketPool pool;
  rte_mbuf* packet = pool.Make(input.bytes, segment_bytes);
  packet->ol_flags = input.receive_flags;
  PacketMeta meta;
  Outcome outcome;
  outcome.reason = Parse(*packet, kPort, input.trusted, meta);
  if (outcome.reason == DropReason::kNone) {
    outcome.reason = CheckAddresses(meta);
    // Later stages rely on it.
    EXPECT_LE(meta.headers_end, FirstSegmentBytes(*packet));
    EXPECT_LE(meta.packet_bytes, PacketBytes(*packet));
    EXPECT_LE(meta.headers_end, meta.packet_bytes);
    EXPECT_EQ(meta.in_port, kPort);
  }
  outcome.meta = Describe(meta);
  pool.Free({&packet, 1});
  return outcome;
}

// Pair rule 4: cutting a packet that is dropped never makes it pass.
void CheckTruncations(const Input& input) {
  Input cut = input;
  while (!cut.bytes.empty()) {
    cut.bytes.pop_back();
    ASSERT_NE(Run(cut).reason, DropReason::kNone)
        << "passes when cut to " << cut.bytes.size() << " bytes";
  }
}

// Pair rule 3: bytes behind the packet change nothing.
void CheckTrailingBytes(const Input& input, const Outcome& outcome) {
  for (size_t count : {1, 7, 46}) {
    Input longer = input;
    longer.bytes.resize(input.bytes.size() + count, 0xff);
    Outcome again = Run(longer);
    EXPECT_EQ(again.reason, DropReason::kNone) << count << " trailing bytes";
    EXPECT_EQ(again.meta, outcome.meta) << count << " trailing bytes";
  }
}

// How a port cuts a packet into segments behind its headers changes nothing.
void CheckSegments(const Input& input, const Outcome& outcome) {
  const std::string& icmp = outcome.meta.at("icmp");
  if (icmp != "none" && icmp != "query") return;  // read beyond the L4 header
  if (outcome.meta.at("protocol") == "132") return;  // SCTP's chunks
  size_t headers = std::stoul(outcome.meta.at("headers_end"));
  for (size_t behind : {0, 1, 2, 3}) {
    Outcome again = Run(input, {headers + behind, 1, 3});
    EXPECT_EQ(again.reason, DropReason::kNone);
    EXPECT_EQ(again.meta, outcome.meta);
  }
}

void CheckDrop(const Input& input, const std::string& wanted) {
  EXPECT_EQ(DropReasonName(Run(input).reason), wanted);
  CheckTruncations(input);
}

void CheckPass(const Input& input, const GoldenDirective& wanted) {
  Outcome outcome = Run(input);
  ASSERT_EQ(DropReasonName(outcome.reason), "NONE");
  auto pairs = KeyValues(wanted);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  for (const auto& [key, value] : *pairs) {
    auto it = outcome.meta.find(key);
    ASSERT_NE(it, outcome.meta.end()) << "no such key: " << key;
    EXPECT_EQ(it->second, value) << key;
  }
  CheckTrailingBytes(input, outcome);
  CheckSegments(input, outcome);
}

class ParserCase : public testing::Test {
 public:
  explicit ParserCase(GoldenCase golden) : golden_(std::move(golden)) {}

  void TestBody() override {
    SCOPED_TRACE(golden_.where);
    ASSERT_EQ(golden_.directives.size(), 2u) << "wanted in: and drop: or pass:";
    const GoldenDirective& in = golden_.directives[0];
    const GoldenDirective& wanted = golden_.directives[1];
    SCOPED_TRACE(in.text);
    auto has = [&in](const char* word) {
      return std::find(in.words.begin(), in.words.end(), word) !=
             in.words.end();
    };
    ASSERT_TRUE(has("in"));
    auto bytes = PacketFromText(in.text);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    Input input{.bytes = *bytes};
    if (has("good")) {
      input.receive_flags =
          RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    } else if (has("partial")) {
      input.receive_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
    }
    for (bool trusted : {false, true}) {
      if (has(trusted ? "pod" : "uplink")) continue;
      SCOPED_TRACE(trusted ? "from a trusted port" : "from a pod");
      input.trusted = trusted;
      if (wanted.words[0] == "drop") {
        CheckDrop(input, wanted.text);
      } else {
        ASSERT_EQ(wanted.words[0], "pass");
        CheckPass(input, wanted);
      }
    }
  }

 private:
  const GoldenCase golden_;
};

// Every reason of the parse stage has a case: a new one cannot be forgotten.
class EveryReasonHasACase : public testing::Test {
 public:
  explicit EveryReasonHasACase(std::set<std::string> reasons)
      : reasons_(std::move(reasons)) {}

  void TestBody() override {
    for (const DropReasonInfo& info : DropReasons()) {
      if (info.stage != DropStage::kParse) continue;
      EXPECT_EQ(reasons_.count(std::string(info.name)), 1u) << info.name;
    }
  }

 private:
  const std::set<std::string> reasons_;
};

// Registers one test for each case of the file at `path`; adds the reasons that
// they expect to `reasons`.
bool RegisterFile(const std::string& path, std::set<std::string>& reasons) {
  auto cases = ReadGoldenFile(path);
  if (!cases.ok() || cases->empty()) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(),
                 cases.status().ToString().c_str());
    return false;
  }
  for (const GoldenCase& one : *cases) {
    testing::RegisterTest("ParserGolden", GoldenTestName(one.name).c_str(),
                          nullptr, nullptr, __FILE__, __LINE__,
                          [one] { return new ParserCase(one); });
    for (const GoldenDirective& directive : one.directives) {
      if (directive.words[0] == "drop") reasons.insert(directive.text);
    }
  }
  return true;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 1;  // no case would look like success
  std::set<std::string> reasons;
  for (int i = 1; i < argc; ++i) {
    if (!vswitch::RegisterFile(argv[i], reasons)) return 1;
  }
  testing::RegisterTest("ParserGoldenSet", "EveryReasonHasACase", nullptr,
                        nullptr, __FILE__, __LINE__, [reasons] {
                          return new vswitch::EveryReasonHasACase(reasons);
                        });
  return RUN_ALL_TESTS();
}
