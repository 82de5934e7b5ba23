// The shorthand of the pipeline's golden files.

#include "test/golden/pipeline/golden_text.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

// The names of addresses: in each family.
constexpr std::array<std::array<absl::string_view, 3>, 17> kNames = {{
    {"$client", "10.0.0.2", "fd00::2"},
    {"$server", "10.0.0.3", "fd00::3"},
    {"$guarded", "10.0.0.4", "fd00::4"},
    {"$jailed", "10.0.0.5", "fd00::5"},
    {"$host", "192.168.0.1", "fd01::1"},
    {"$gateway", "10.0.0.1", "fd00::1"},
    {"$outside", "203.0.113.9", "2001:db8::9"},
    {"$other", "203.0.113.77", "2001:db8::77"},
    {"$strange", "10.0.0.99", "fd00::99"},
    {"$nat", "203.0.113.200", "2001:db8::200"},
    {"$nat2", "203.0.113.203", "2001:db8::203"},
    {"$nat3", "203.0.113.220", "2001:db8::220"},
    {"$nat4", "198.51.100.7", "2001:db8:7::7"},
    {"$web", "10.96.0.10", "fd02::10"},
    {"$shop", "10.96.0.11", "fd02::11"},
    {"$void", "10.96.0.12", "fd02::12"},
    {"$dns", "10.96.0.13", "fd02::13"},
}};

}  // namespace

std::string WriteOut(const GoldenDirective& directive) {
  const bool is_ipv6 = absl::StrContains(directive.text, "/ ip6");
  const bool comes_in = directive.words[0] == "in";
  const PortId port = TestWorld::PortNamed(directive.words[1]);
  const std::string peer = TestWorld::PeerMac(port).ToString();
  const std::string gateway = "02:00:00:00:00:01";
  std::vector<std::pair<absl::string_view, std::string>> replacements = {
      {"@", absl::StrCat("eth src=", comes_in ? peer : gateway,
                         " dst=", comes_in ? gateway : peer)}};
  for (const auto& [name, ipv4, ipv6] : kNames) {
    replacements.emplace_back(name, is_ipv6 ? ipv6 : ipv4);
  }
  return absl::StrReplaceAll(directive.text, replacements);
}

}  // namespace vswitch
