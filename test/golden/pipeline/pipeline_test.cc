// Runs test/golden/pipeline/*.golden through the whole pipeline, in the node
// of dataplane/pipeline/test_world.h.  A case begins with a fresh switch.
//
//   in PORT: PACKET       a packet comes in; the lines up to the next "in" or
//                         "wait" say all that becomes of it:
//   out PORT: PACKET      this packet leaves, every byte as the text says
//   drop: REASON          it is dropped
//   local: yes            the switch takes it for itself
//   shadow: SIDE RULE     a shadow policy would deny it, on egress or ingress
//   wait: SECONDS         the clock moves on
//   change: KEY=VALUE...  the node changes (golden_node.h)
//   count: NAME=NUMBER... counters of the switch as they now stand
//
// "@" stands for the Ethernet header between a port's peer and the gateway, and
// a name for an address of the packet's family: $client, $server, $guarded,
// $jailed, $host, $gateway, $outside, and $web, $shop, $void for the services
// before server, before guarded and without endpoints; $dns for the one before
// guarded on UDP.
//
// The balance equations are checked after every packet.

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/pipeline/test_world.h"
#include "test/golden/golden_file.h"
#include "test/golden/pipeline/golden_node.h"
#include "test/golden/pipeline/golden_text.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

// Returns the text that a packet with the bytes of `text` has.
std::string Canonical(const std::string& text) {
  auto bytes = PacketFromText(text);
  if (!bytes.ok()) return absl::StrCat(bytes.status().ToString());
  return PacketToText(*bytes);
}

// The shadow denials that the switch recorded since the last call.
std::vector<std::string> ShadowDenials(OfflineSwitch& offline) {
  std::vector<std::string> lines;
  Event event;
  while (offline.PopDropRecord(event)) {
    if (event.kind != EventKind::kShadow) continue;
    lines.push_back(absl::StrCat(
        "shadow: ",
        event.direction == PolicyDirection::kEgress ? "egress " : "ingress ",
        event.rule == kNoRule ? "none" : absl::StrCat(ToInt(event.rule))));
  }
  return lines;
}

// The counters that a case may look at.
uint64_t CounterNamed(const WorkerCounters& counters, const std::string& name) {
  const std::map<std::string, const Counter*> by_name = {
      {"icmp_sent", &counters.icmp_sent},
      {"policy_denied", &counters.policy_denied},
      {"policy_kept", &counters.policy_kept},
      {"policy_shadow_denied", &counters.policy_shadow_denied},
      {"resets_sent", &counters.resets_sent},
      {"resets_suppressed", &counters.resets_suppressed},
  };
  const auto found = by_name.find(name);
  EXPECT_NE(found, by_name.end()) << "no counter " << name;
  return found == by_name.end() ? 0 : found->second->value();
}

// What became of a packet, or is to become of it: one line each.
std::vector<std::string> Describe(const Received& received) {
  std::vector<std::string> lines;
  for (const Sent& sent : received.sent) {
    lines.push_back(
        absl::StrCat("out ", TestWorld::NameOf(sent.port), ": ", sent.Text()));
  }
  if (received.drop != DropReason::kNone) {
    lines.push_back(absl::StrCat("drop: ", DropReasonName(received.drop)));
  }
  if (received.consumed) lines.push_back("local: yes");
  return lines;
}

class PipelineCase : public testing::Test {
 public:
  explicit PipelineCase(GoldenCase golden) : golden_(std::move(golden)) {}

  void TestBody() override {
    SCOPED_TRACE(golden_.where);
    TestWorld world;
    for (size_t i = 0; i < golden_.directives.size();) {
      const GoldenDirective& directive = golden_.directives[i++];
      SCOPED_TRACE(absl::StrCat("line ", directive.line));
      if (Act(directive, world)) continue;
      ASSERT_EQ(directive.words[0], "in") << "line " << directive.line;
      ASSERT_EQ(directive.words.size(), 2u) << "line " << directive.line;
      const Received received =
          world.Receive(directive.words[1], WriteOut(directive));
      std::vector<std::string> lines = Describe(received);
      for (std::string& line : ShadowDenials(world.offline())) {
        lines.push_back(std::move(line));
      }
      EXPECT_EQ(lines, TakeExpected(i))
          << "line " << directive.line << ": " << directive.text;
    }
  }

 private:
  // Does what a directive says that is not about a packet; returns false if it
  // is.
  static bool Act(const GoldenDirective& directive, TestWorld& world) {
    const std::string& what = directive.words[0];
    if (what == "wait") {
      uint64_t seconds = 0;
      EXPECT_TRUE(absl::SimpleAtoi(directive.text, &seconds));
      world.AdvanceSeconds(seconds);
    } else if (what == "change") {
      const absl::Status status = ChangeNode(directive, world.node());
      EXPECT_TRUE(status.ok()) << status;
      world.Publish();
    } else if (what == "count") {
      const auto counts = KeyValues(directive);
      EXPECT_TRUE(counts.ok()) << counts.status();
      for (const auto& [name, value] : *counts) {
        EXPECT_EQ(absl::StrCat(CounterNamed(world.worker_counters(), name)),
                  value)
            << name;
      }
    } else {
      return false;
    }
    return true;
  }

  // Returns the lines from directive `i` on that say what becomes of the
  // packet, and moves `i` behind them.
  std::vector<std::string> TakeExpected(size_t& i) const {
    std::vector<std::string> lines;
    for (; i < golden_.directives.size(); ++i) {
      const GoldenDirective& directive = golden_.directives[i];
      const std::string& what = directive.words[0];
      if (what == "out" && directive.words.size() == 2) {
        lines.push_back(absl::StrCat("out ", directive.words[1], ": ",
                                     Canonical(WriteOut(directive))));
      } else if (what == "drop" || what == "local" || what == "shadow") {
        lines.push_back(absl::StrCat(what, ": ", directive.text));
      } else {
        break;
      }
    }
    EXPECT_FALSE(lines.empty()) << "nothing becomes of a packet";
    return lines;
  }

  const GoldenCase golden_;
};

// Registers one test for each case of the file at `path`.
bool RegisterFile(const std::string& path) {
  auto cases = ReadGoldenFile(path);
  if (!cases.ok() || cases->empty()) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(),
                 cases.status().ToString().c_str());
    return false;
  }
  for (const GoldenCase& golden : *cases) {
    testing::RegisterTest(
        "PipelineGolden", GoldenTestName(golden.name).c_str(), nullptr, nullptr,
        __FILE__, __LINE__,
        [golden]() -> testing::Test* { return new PipelineCase(golden); });
  }
  return true;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  bool all_read = argc > 1;
  for (int i = 1; i < argc; ++i) all_read &= vswitch::RegisterFile(argv[i]);
  return all_read ? RUN_ALL_TESTS() : 1;
}
