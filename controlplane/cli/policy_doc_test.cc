// docs/policy.md says of each field that is refused what vswitchctl says of it.

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/manifest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

std::string Faults(const std::string& text) {
  ManifestReader reader("default");
  reader.Read("a.yaml", text);
  return std::string(reader.status().message());
}

// A CiliumNetworkPolicy whose spec has `body` beside an endpointSelector.
std::string Cilium(const std::string& body) {
  return absl::StrCat(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
      "metadata: {name: p, namespace: demo}\nspec:\n"
      "  endpointSelector: {}\n",
      body, "\n");
}

// The document's rows are "| `field` | words |", below a heading that ends in
// "are refused".  For each field, a policy that uses it.
const std::pair<const char*, std::string> kDocumented[] = {
    {"domainNames",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec: {tier: Admin, "
     "priority: 0, subject: {namespaces: {}}, egress: [{action: Accept, to: "
     "[{domainNames: [example.com]}]}]}\n"},
    {"rules", Cilium("  ingress: [{toPorts: [{ports: [{port: \"80\"}], rules: "
                     "{http: [{}]}}]}]")},
    {"listener", Cilium("  egress: [{toPorts: [{ports: [{port: \"80\"}], "
                        "listener: {name: a}}]}]")},
    {"terminatingTLS", Cilium("  egress: [{toPorts: [{ports: [{port: \"80\"}], "
                              "terminatingTLS: {}}]}]")},
    {"originatingTLS", Cilium("  egress: [{toPorts: [{ports: [{port: \"80\"}], "
                              "originatingTLS: {}}]}]")},
    {"serverNames", Cilium("  egress: [{toPorts: [{ports: [{port: \"80\"}], "
                           "serverNames: [a]}]}]")},
    {"toFQDNs", Cilium("  egress: [{toFQDNs: []}]")},
    {"fromGroups", Cilium("  ingress: [{fromGroups: [{}]}]")},
    {"toGroups", Cilium("  egressDeny: [{toGroups: [{}]}]")},
    {"fromRequires", Cilium("  ingress: [{fromRequires: [{}]}]")},
    {"toRequires", Cilium("  egress: [{toRequires: []}]")},
    {"authentication",
     Cilium("  ingress: [{authentication: {mode: required}}]")},
    {"cidrGroupRef", Cilium("  ingress: [{fromCIDRSet: [{cidrGroupRef: a}]}]")},
    {"cidrGroupSelector",
     Cilium("  ingressDeny: [{fromCIDRSet: [{cidrGroupSelector: {}}]}]")},
    {"log", Cilium("  log: {value: a}")},
};

TEST(PolicyDocTest, WhatTheDocumentSaysIsRefusedIsRefusedInTheseWords) {
  std::ifstream file("docs/policy.md");
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string text = stream.str();
  for (const auto& [field, manifest] : kDocumented) {
    const std::string row_start = absl::StrCat("| `", field, "` | ");
    const size_t at = text.find(row_start);
    ASSERT_NE(at, std::string::npos) << field << " has no row";
    const size_t begin = at + row_start.size();
    const std::string words =
        text.substr(begin, text.find(" |", begin) - begin);
    EXPECT_THAT(Faults(manifest), HasSubstr(absl::StrCat(field, ": ", words)));
  }
}

TEST(PolicyDocTest, EveryRowOfTheDocumentIsTried) {
  std::ifstream file("docs/policy.md");
  bool in_refused = false;
  size_t rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "#"))
      in_refused = absl::EndsWith(line, "are refused");
    rows += in_refused && absl::StartsWith(line, "| `");
  }
  EXPECT_EQ(rows, std::size(kDocumented));
}

}  // namespace
}  // namespace vswitch
