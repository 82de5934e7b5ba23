// controlplane/compile/semantics_test.h
//
// SemanticsTest: what the tests of the policy kinds share: a small cluster in
// either family, and who may reach whom in it.
//
//   demo/a  role=a  http=8080      demo is of team=red, other of team=blue
//   demo/b  role=b  http=9090
//   other/a role=a  http=7070
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SEMANTICS_TEST_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SEMANTICS_TEST_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/spec_judge.h"
#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"

namespace vswitch {

class SemanticsTest : public testing::TestWithParam<IpFamily> {
 protected:
  SemanticsTest() {
    cluster_.AddNamespace("demo", {{"team", "red"}});
    cluster_.AddNamespace("other", {{"team", "blue"}});
    cluster_.AddPod("demo", "a", {{"role", "a"}}, {"10.0.0.10", "fd00::10"},
                    {{"http", IpProtocol::kTcp, 8080}});
    cluster_.AddPod("demo", "b", {{"role", "b"}}, {"10.0.0.11", "fd00::11"},
                    {{"http", IpProtocol::kTcp, 9090}});
    cluster_.AddPod("other", "a", {{"role", "a"}}, {"10.0.0.12", "fd00::12"},
                    {{"http", IpProtocol::kTcp, 7070}});
    cluster_.Add("", "n2",
                 vswitch::Node{.addresses = {TestAddress("192.168.0.2"),
                                             TestAddress("fd01::2")}},
                 {{"zone", "east"}});
  }

  bool IsIpv4() const { return GetParam() == IpFamily::kIpv4; }
  std::string Of(const char* ipv4, const char* ipv6) const {
    return IsIpv4() ? ipv4 : ipv6;
  }
  std::string A() const { return Of("10.0.0.10", "fd00::10"); }
  std::string B() const { return Of("10.0.0.11", "fd00::11"); }
  std::string OtherA() const { return Of("10.0.0.12", "fd00::12"); }
  std::string World() const { return Of("8.8.8.8", "2001:db8::8"); }
  std::string Node() const { return Of("192.168.0.1", "fd01::1"); }
  std::string Node2() const { return Of("192.168.0.2", "fd01::2"); }
  std::string HostPrefix(const std::string& address) const {
    return address + (IsIpv4() ? "/32" : "/128");
  }
  // Has every pod in it.
  std::string Around() const { return Of("10.0.0.0/8", "fd00::/16"); }
  IpProtocol Ping() const {
    return IsIpv4() ? IpProtocol::kIcmp : IpProtocol::kIcmpv6;
  }

  // What the sets say as they are defined; the tables must say the same.
  SpecVerdicts Judge(const TestFlow& flow, SetKind kind = SetKind::kEnforced) {
    SpecJudge judge(cluster_.state(), "n1");
    absl::StatusOr<CompiledTables> tables = cluster_.Compile();
    EXPECT_TRUE(judge.status().ok()) << judge.status();
    EXPECT_TRUE(tables.ok()) << tables.status();
    if (!judge.status().ok() || !tables.ok()) return {};
    SpecVerdicts verdicts = judge.Judge(flow, kind);
    if (kind == SetKind::kShadow) return verdicts;
    TestVerdict found = tables->Judge(flow);
    EXPECT_EQ(found.egress.allowed, verdicts.egress.allowed);
    EXPECT_EQ(found.ingress.allowed, verdicts.ingress.allowed);
    EXPECT_EQ(tables->PolicyOf(found.egress.rule), verdicts.egress.policy);
    EXPECT_EQ(tables->PolicyOf(found.ingress.rule), verdicts.ingress.policy);
    return verdicts;
  }
  bool Allowed(const TestFlow& flow) { return Judge(flow).allowed(); }
  bool Allowed(const std::string& from, const std::string& to,
               uint16_t port = 80) {
    return Allowed({.source = from, .destination = to, .port = port});
  }
  bool Allowed(const std::string& from, const std::string& to,
               IpProtocol protocol, uint16_t port = 80) {
    return Allowed({.source = from,
                    .destination = to,
                    .protocol = protocol,
                    .port = port});
  }

  TestCluster cluster_;
};

inline std::string FamilyName(const testing::TestParamInfo<IpFamily>& info) {
  return info.param == IpFamily::kIpv4 ? "Ipv4" : "Ipv6";
}

// The same as `selector`, with one requirement more.
inline LabelSelector With(LabelSelector selector, const std::string& key,
                          SelectorOperator op,
                          std::vector<std::string> values = {}) {
  selector.requirements.push_back(
      {.key = key, .op = op, .values = std::move(values)});
  return selector;
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SEMANTICS_TEST_H_
