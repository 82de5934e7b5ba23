// Policy sets as text.

#include "controlplane/compile/policy_set_text.h"

#include "absl/strings/str_cat.h"

namespace vswitch {

std::string PolicySetText(const PolicySetSpec& spec) {
  std::string text = absl::StrCat(spec.default_precedence, "\n");
  for (const PolicyEntry& entry : spec.entries) {
    absl::StrAppend(&text, ToInt(entry.rule), " ", entry.precedence, " ",
                    entry.any_peer ? "any" : "");
    for (IdentityId id : entry.excluded) {
      absl::StrAppend(&text, " !", ToInt(id));
    }
    for (IdentityId id : entry.identities) {
      absl::StrAppend(&text, " ", ToInt(id));
    }
    for (const CidrMatch& match : entry.cidrs) {
      absl::StrAppend(&text, match.outside_only ? " outside " : " ",
                      match.cidr.ToString());
      for (const IpPrefix& except : match.except) {
        absl::StrAppend(&text, "-", except.ToString());
      }
    }
    for (const TrafficMatch& match : entry.traffic) {
      absl::StrAppend(&text, " ", static_cast<int>(match.protocol), "/",
                      match.first, "-", match.last);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace vswitch
