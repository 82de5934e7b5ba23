// vswitchctl replay: what becomes of packets, in both families alike.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/replay_test_case.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Json Places(std::initializer_list<std::pair<const char*, int>> places) {
  Json list = Json::array();
  for (const auto& [port, index] : places) {
    list.push_back({{"port", port}, {"index", index}});
  }
  return list;
}

Json Packet(const std::string& port, int index, const Json& out,
            const Json& drop = nullptr, const Json& policy = nullptr) {
  return {{"in", port},
          {"index", index},
          {"out", out},
          {"drop", drop},
          {"policy", policy}};
}

// One packet that the switch made.
Json Generated(const std::string& port, int index, int cause) {
  return Json::array(
      {Json{{"port", port}, {"index", index}, {"cause", cause}}});
}

INSTANTIATE_TEST_SUITE_P(Families, ReplayFamilyTest,
                         testing::ValuesIn(kReplayFamilies),
                         [](const auto& info) { return info.param.name; });

TEST_P(ReplayFamilyTest, ForwardsBetweenPods) {
  Receive("demo/web", {{7 * kSecond, From(2, Pod(3), "tcp dport=5432")}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  const Json packets =
      Json::array({Packet("demo/web", 0, Places({{"demo/db", 0}}))});
  EXPECT_EQ(run.json, (Json{{"packets", packets},
                            {"generated", Json::array()},
                            {"drops", Json::object()},
                            {"connections", 1}}));
  EXPECT_THAT(SentBy("demo/db"),
              ElementsAre(AllOf(
                  HasSubstr("eth src=02:76:73:77:00:01 dst=02:00:00:00:00:03"),
                  HasSubstr(GetParam().limit + "=63"), HasSubstr("dport=5432"),
                  Not(HasSubstr("csum")))));
  for (const char* port : {"demo/web", "demo/free", "host", "uplink"}) {
    EXPECT_THAT(SentBy(port), IsEmpty());
  }
}

TEST_P(ReplayFamilyTest, NamesThePolicyThatDenies) {
  Receive("demo/web", {{0, From(2, Pod(3), "tcp dport=80")},
                       {1, From(2, Pod(3), "tcp dport=80")}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  for (int i : {0, 1}) {
    EXPECT_EQ(run.json["packets"][i],
              Packet("demo/web", i, Places({}), "POLICY_DENIED", "demo/db"));
  }
  EXPECT_EQ(run.json["drops"], (Json{{"POLICY_DENIED", 2}}));
  EXPECT_EQ(run.json["connections"], 0);
}

TEST_P(ReplayFamilyTest, TranslatesAServiceAndItsReply) {
  const std::string& service = GetParam().service;
  Receive("demo/web", {{0, From(2, service, "udp sport=9 dport=53 / data 4")}});
  Receive("demo/db", {{1, From(3, Pod(2), "udp sport=5353 dport=9 / data 4")}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"],
            (Json::array({Packet("demo/web", 0, Places({{"demo/db", 0}})),
                          Packet("demo/db", 0, Places({{"demo/web", 0}}))})));
  EXPECT_THAT(SentBy("demo/db"), ElementsAre(AllOf(HasSubstr("dst=" + Pod(3)),
                                                   HasSubstr("dport=5353"))));
  EXPECT_THAT(SentBy("demo/web"),
              ElementsAre(AllOf(HasSubstr("src=" + service),
                                HasSubstr("sport=53 dport=9"),
                                Not(HasSubstr("csum")))));
  EXPECT_EQ(run.json["connections"], 1);
}

TEST_P(ReplayFamilyTest, AnswersWhoAskForTheGateway) {
  const std::string request =
      GetParam().name == "ip4"
          ? "eth src=02:00:00:00:00:02 dst=ff:ff:ff:ff:ff:ff / arp "
            "sha=02:00:00:00:00:02 spa=10.1.0.2 tpa=10.1.0.1"
          : "eth src=02:00:00:00:00:02 dst=33:33:ff:00:00:01 / ip6 "
            "src=fd00:1::2 dst=ff02::1:ff00:1 hop=255 / ns target=fd00:1::1 / "
            "hex 0101020000000002";
  Receive("demo/web", {{0, From(2, Pod(3), "tcp dport=80")}, {1, request}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"][1], Packet("demo/web", 1, Places({})));
  EXPECT_EQ(run.json["generated"], Generated("demo/web", 0, 1));
  const std::string answer = GetParam().name == "ip4"
                                 ? "arp op=2 sha=02:76:73:77:00:01 spa=10.1.0.1"
                                 : "target=fd00:1::1 / hex 0201027673770001";
  EXPECT_THAT(SentBy("demo/web"), ElementsAre(HasSubstr(answer)));
}

TEST_P(ReplayFamilyTest, AnswersAPacketWhoseTimeIsOver) {
  Receive(
      "demo/web",
      {{0, From(2, Pod(3), "udp dport=53 / data 4", GetParam().limit + "=1")}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"][0], Packet("demo/web", 0, Places({}), "TTL"));
  EXPECT_EQ(run.json["generated"], Generated("demo/web", 0, 0));
  EXPECT_THAT(SentBy("demo/web"),
              ElementsAre(HasSubstr(
                  GetParam().name == "ip4" ? "icmp type=11" : "icmp6 type=3")));
}

TEST_P(ReplayFamilyTest, CaptureTimesEndConnections) {
  const std::string reply = From(3, Pod(2), "udp sport=53 dport=9 / data 4");
  Receive("demo/web", {{0, From(2, Pod(3), "udp sport=9 dport=53 / data 4")}});
  Receive("demo/db", {{200 * kSecond, reply}, {700 * kSecond, reply}});
  // web lets in replies alone.  RFC 4787 asks for 300 s, Linux waits 120 s.
  const Json passed = Packet("demo/db", 0, Places({{"demo/web", 0}}));
  auto denied = [](int index) {
    return Packet("demo/db", index, Places({}), "POLICY_DENIED", "demo/web");
  };
  ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"][1], passed);
  EXPECT_EQ(run.json["packets"][2], denied(1));
  EXPECT_EQ(run.json["connections"], 0);
  run = Run({"--profile", "linux"});
  EXPECT_EQ(run.json["packets"][1], denied(0));
  EXPECT_EQ(Run({"--profile", "rfc"}).json["packets"][1], passed);
}

TEST_P(ReplayFamilyTest, TheUplinkHasItsNextHopAndMtu) {
  const std::string mac = "02:00:00:00:00:99";
  Receive(
      "demo/web",
      {{0, From(2, GetParam().outside, "udp / data 1300")},
       {1, From(2, GetParam().outside, "udp / data 1400", DontFragment())}});
  const ReplayOutcome run =
      Run({"--neighbor", "192.0.2.1=" + mac, "--uplink-mtu", "1400"});
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_THAT(SentBy("uplink"), ElementsAre(HasSubstr("dst=" + mac)));
  // What source NAT notes about the port outside is none.
  EXPECT_EQ(run.json["connections"], 1);
  EXPECT_EQ(run.json["packets"][1],
            Packet("demo/web", 1, Places({}), "MTU_EXCEEDED"));
  EXPECT_EQ(run.json["generated"], Generated("demo/web", 0, 1));
}

TEST_P(ReplayFamilyTest, APodHasTheMtuOfItsAnnotation) {
  Receive("demo/web",
          {{0, From(2, Pod(3), "udp dport=53 / data 1300")},
           {1, From(2, Pod(3), "udp dport=53 / data 1380", DontFragment())}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"][0]["drop"], nullptr);
  EXPECT_EQ(run.json["packets"][1]["drop"], "MTU_EXCEEDED");
}

// The pieces of a packet that may be cut are the switch's own.
TEST_P(ReplayFamilyTest, APacketIsCutForItsLink) {
  if (std::string(GetParam().name) != "ip4") return;  // IPv6 is never cut
  Receive("demo/web", {{0, From(2, Pod(3), "udp dport=53 / data 1380")}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"][0]["drop"], nullptr);
  EXPECT_EQ(run.json["generated"].size(), 2u);
  EXPECT_EQ(SentBy("demo/db").size(), 2u);
}

TEST_P(ReplayFamilyTest, TheUplinkReceives) {
  const std::string from_outside =
      absl::StrCat("eth src=02:00:00:00:00:99 dst=02:76:73:77:00:01 / ",
                   GetParam().name, " src=", GetParam().outside, " dst=");
  Receive("uplink", {{0, from_outside + Pod(4) + " / tcp dport=80"},
                     {1, from_outside + Pod(3) + " / tcp dport=5432"}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.json["packets"],
            (Json::array({Packet("uplink", 0, Places({{"demo/free", 0}})),
                          Packet("uplink", 1, Places({}), "POLICY_DENIED",
                                 "demo/db")})));
  // Of its address, as the daemon would derive it.
  EXPECT_THAT(SentBy("demo/free"),
              ElementsAre(HasSubstr("dst=0a:58:0a:01:00:04")));
}

// Packets of all kinds, `count` of them, two a second.
std::vector<TimedText> Mixture(const std::vector<std::string>& packets,
                               int count) {
  std::vector<TimedText> result;
  for (int i = 0; i < count; ++i) {
    result.emplace_back(i * kSecond / 2,
                        packets[(i * i + i / 7) % packets.size()]);
  }
  return result;
}

TEST_P(ReplayFamilyTest, SameInputGivesSameBytesAndPrefixesTheirPart) {
  const std::vector<std::string> packets = {
      From(2, Pod(3), "tcp dport=5432"),
      From(2, Pod(3), "tcp dport=5432 flags=FA"),
      From(2, GetParam().service, "udp sport=9 dport=53 / data 4"),
      From(2, Pod(3), "tcp dport=80"),
      From(2, Pod(4), "udp / data 8", GetParam().limit + "=1"),
      From(2, GetParam().outside, "udp / data 8")};
  constexpr int kCount = 60;
  Receive("demo/web", Mixture(packets, kCount));
  const ReplayOutcome whole = Run();
  ASSERT_EQ(whole.exit_status, 0) << whole.errors;
  const std::string files = AllFiles();
  EXPECT_EQ(Run().out, whole.out);
  EXPECT_EQ(AllFiles(), files);
  const std::vector<std::string> sent = SentBy("demo/db");
  for (const int count : {1, 20, 41}) {
    inputs_.clear();
    Receive("demo/web", Mixture(packets, count));
    const ReplayOutcome part = Run();
    ASSERT_EQ(part.json["packets"].size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(part.json["packets"][i], whole.json["packets"][i]);
    }
    const std::vector<std::string> part_sent = SentBy("demo/db");
    ASSERT_LE(part_sent.size(), sent.size());
    EXPECT_TRUE(std::equal(part_sent.begin(), part_sent.end(), sent.begin()));
  }
}

// A protocol and a port, as packets and as probes have it.
struct Question {
  const char* protocol;
  int port;
};

TEST_P(ReplayFamilyTest, VerdictsAreThoseOfPolicyProbe) {
  constexpr Question kQuestions[] = {
      {"TCP", 5432}, {"TCP", 80}, {"UDP", 53}, {"UDP", 5353}};
  const char* const names[] = {"demo/web", "demo/db", "demo/free"};
  const char* const macs[] = {"02:00:00:00:00:02", "02:00:00:00:00:03",
                              "0a:58:0a:01:00:04"};
  Json probes = Json::array();
  uint64_t time_ns = 0;
  for (int from = 0; from < 3; ++from) {
    std::vector<TimedText> packets;
    for (int to = 0; to < 3; ++to) {
      if (to == from) continue;
      for (const Question& question : kQuestions) {
        probes.push_back({{"from", names[from]},
                          {"to", Pod(to + 2)},
                          {"protocol", question.protocol},
                          {"port", question.port}});
        const bool is_tcp = std::string(question.protocol) == "TCP";
        time_ns += 1000;
        packets.emplace_back(
            time_ns,
            absl::StrCat("eth src=", macs[from], " dst=02:76:73:77:00:01 / ",
                         GetParam().name, " src=", Pod(from + 2),
                         " dst=", Pod(to + 2), is_tcp ? " / tcp" : " / udp",
                         " sport=", 40000 + time_ns / 1000,
                         " dport=", question.port));
      }
    }
    Receive(names[from], packets);
  }
  const ReplayOutcome probed = RunLine(
      {"policy", "probe", "--manifests", cluster_, "--node", "n1", "--probes",
       WriteText("probes.json", probes.dump()), "-o", "json"});
  const ReplayOutcome replayed = Run();
  ASSERT_EQ(replayed.exit_status, 0) << replayed.errors;
  const Json& packets = replayed.json["packets"];
  ASSERT_EQ(packets.size(), probes.size());
  ASSERT_EQ(probed.json.size(), probes.size()) << probed.errors;
  size_t denied = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    const Json& probe = probed.json[i];
    EXPECT_EQ(packets[i]["drop"], probe["reason"]) << probe.dump();
    if (probe["verdict"] == "allow") continue;
    EXPECT_EQ(packets[i]["policy"], probe["policy"]) << probe.dump();
    ++denied;
  }
  EXPECT_GT(denied, 0u);
  EXPECT_LT(denied, packets.size());
}

}  // namespace
}  // namespace vswitch
