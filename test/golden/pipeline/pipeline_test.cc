// Runs test/golden/pipeline/*.golden through the whole pipeline, in the node
// of dataplane/pipeline/test_world.h.  A case begins with a fresh switch.
//
//   in PORT: PACKET       a packet comes in; the lines up to the next "in" or
//                         "wait" say all that becomes of it:
//   out PORT: PACKET      this packet leaves, every byte as the text says
//   drop: REASON          it is dropped
//   local: yes            the switch takes it for itself
//   held: yes             it is kept back for later
//   in PORT X=LIST...: PACKET
//                         the same for each value of the list in place of {X},
//                         and with several lists for each combination
//   check: ...            of values learnt as "<X>" (golden_values.h)
//   state: NAME           of the one connection that the switch knows; "none"
//   shadow: SIDE RULE     a shadow policy would deny it, on egress or ingress
//   wait: SECONDS         the clock moves on; "out" lines behind it say what
//                         leaves meanwhile
//   change: KEY=VALUE...  the node changes (golden_node.h)
//   count: NAME=NUMBER... counters of the switch as they now stand
//
// "@" stands for the Ethernet header between a port's peer and the gateway, and
// a name for an address of the packet's family: $client, $server, $guarded,
// $jailed, $host, $gateway, $outside, $other (outside, too), $nat to $nat4 (of
// source NAT), $strange (in the pods' range, but no pod's), and $web, $shop,
// $void for the services before server, before guarded and without endpoints;
// $dns for the one before guarded on UDP.
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
#include "absl/strings/str_replace.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/pipeline/test_world.h"
#include "test/golden/golden_file.h"
#include "test/golden/pipeline/golden_node.h"
#include "test/golden/pipeline/golden_text.h"
#include "test/golden/pipeline/golden_values.h"
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

// The counters that a case may look at, drop reasons among them.
uint64_t CounterNamed(const TestWorld& world, const std::string& name) {
  if (const auto reason = FindDropReason(name); reason.has_value()) {
    return world.DropCount(*reason);
  }
  const WorkerCounters& counters = world.worker_counters();
  const std::map<std::string, const Counter*> by_name = {
      {"connections_inserted", &counters.connections_inserted},
      {"icmp_sent", &counters.icmp_sent},
      {"icmp_suppressed_rate", &counters.icmp_suppressed_rate},
      {"icmp_wanted", &counters.icmp_wanted},
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
  if (received.held) lines.push_back("held: yes");
  return lines;
}

// The state of the one connection that the switch knows.
std::string StateOf(const OfflineSwitch& offline) {
  std::string state = "none";
  offline.connections().ForEach([&](const ConnectionInfo& info) {
    state = state == "none" ? std::string(ConnectionStateName(info.state))
                            : "more than one connection";
  });
  return state;
}

// What stands for "{X}", and for each of several such names.
using Replacements = std::vector<std::pair<std::string, std::string>>;

// Returns the combinations of values that the words behind "in PORT" ask for.
std::vector<Replacements> StepsOf(const std::vector<std::string>& words) {
  std::vector<Replacements> steps = {{}};
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    EXPECT_NE(equals, std::string::npos) << words[i];
    if (equals == std::string::npos) continue;
    const std::string name = absl::StrCat("{", words[i].substr(0, equals), "}");
    std::vector<Replacements> longer;
    for (const Replacements& step : steps) {
      for (const std::string& value :
           ExpandGoldenList(words[i].substr(equals + 1))) {
        longer.push_back(step);
        longer.back().emplace_back(name, value);
      }
    }
    steps = std::move(longer);
  }
  return steps;
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
      const size_t first = i;
      while (i < golden_.directives.size() && IsExpected(i)) ++i;
      if (directive.words[0] == "wait") {
        Wait(directive, {first, i}, world);
        continue;
      }
      ASSERT_EQ(directive.words[0], "in") << "line " << directive.line;
      ASSERT_GE(directive.words.size(), 2u) << "line " << directive.line;
      ASSERT_GT(i, first) << "nothing becomes of a packet";
      values_.BeginSteps();
      for (const Replacements& step : StepsOf(directive.words)) {
        values_.BeginStep();
        TakeIn(directive, {first, i}, step, world);
        if (HasFailure()) return;
      }
      if (directive.words.size() > 2) values_.EndSteps();
    }
  }

 private:
  struct Range {
    size_t begin;
    size_t end;
  };

  // Whether directive `i` says what becomes of a packet.
  bool IsExpected(size_t i) const {
    const std::vector<std::string>& words = golden_.directives[i].words;
    return (words[0] == "out" && words.size() == 2) || words[0] == "drop" ||
           words[0] == "local" || words[0] == "shadow" || words[0] == "held";
  }

  // Lets time pass; the directives of `expected` say what leaves meanwhile.
  void Wait(const GoldenDirective& directive, Range expected,
            TestWorld& world) const {
    uint64_t seconds = 0;
    EXPECT_TRUE(absl::SimpleAtoi(directive.text, &seconds));
    std::vector<std::string> wanted;
    for (size_t i = expected.begin; i < expected.end; ++i) {
      const GoldenDirective& line = golden_.directives[i];
      ASSERT_EQ(line.words[0], "out") << "line " << line.line;
      wanted.push_back(absl::StrCat("out ", line.words[1], ": ",
                                    Canonical(Written(line, {}))));
    }
    EXPECT_EQ(Describe({.sent = world.AdvanceSeconds(seconds)}), wanted);
  }

  // Takes in a packet, with the replacements of a step; the directives of
  // `expected` say what becomes of it.
  void TakeIn(const GoldenDirective& directive, Range expected,
              const Replacements& step, TestWorld& world) {
    const std::string text = Written(directive, step);
    const Received received = world.Receive(directive.words[1], text);
    std::vector<std::string> lines = Describe(received);
    for (std::string& line : ShadowDenials(world.offline())) {
      lines.push_back(std::move(line));
    }
    std::vector<std::string> wanted;
    size_t sent = 0;
    for (size_t i = expected.begin; i < expected.end; ++i) {
      const GoldenDirective& line = golden_.directives[i];
      const std::string& what = line.words[0];
      if (what == "out") {
        if (sent < received.sent.size()) {
          values_.Learn(Written(line, step), received.sent[sent++].Text());
        }
        wanted.push_back(absl::StrCat("out ", line.words[1], ": ",
                                      Canonical(Written(line, step))));
      } else {
        wanted.push_back(absl::StrCat(what, ": ", line.text));
      }
    }
    EXPECT_EQ(lines, wanted) << "line " << directive.line << ": " << text;
  }

  // Returns the packet of an "in" or "out", written out as far as it is known.
  std::string Written(GoldenDirective directive,
                      const Replacements& step) const {
    directive.text = absl::StrReplaceAll(directive.text, step);
    return values_.Fill(WriteOut(directive));
  }

  // Does what a directive says that is not about a packet; returns false if it
  // is.
  bool Act(const GoldenDirective& directive, TestWorld& world) {
    const std::string& what = directive.words[0];
    if (what == "change") {
      const absl::Status status = ChangeNode(directive, world.node());
      EXPECT_TRUE(status.ok()) << status;
      world.Publish();
    } else if (what == "check") {
      const absl::Status status = values_.Check(directive.text);
      EXPECT_TRUE(status.ok()) << status;
    } else if (what == "state") {
      EXPECT_EQ(StateOf(world.offline()), directive.text);
    } else if (what == "count") {
      CheckCounts(directive, world);
    } else {
      return false;
    }
    return true;
  }

  static void CheckCounts(const GoldenDirective& directive,
                          const TestWorld& world) {
    const auto counts = KeyValues(directive);
    ASSERT_TRUE(counts.ok()) << counts.status();
    for (const auto& [name, value] : *counts) {
      EXPECT_EQ(absl::StrCat(CounterNamed(world, name)), value) << name;
    }
  }

  const GoldenCase golden_;
  GoldenValues values_;
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
