// controlplane/compile/rule_text.h
//
// Policy rules in words, as explain and the drop list show them: "from
// role=frontend on TCP 80".
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_

#include <string>

#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_catalog.h"

namespace vswitch {

// Returns "role=frontend", "!role", "serviceaccount=web", "reserved:host"; for
// one namespace by its name, that.
std::string TermText(const LabelTerm& term);
// Returns "role=frontend" for pods of `policy_ns`, "team=a in namespaces
// env=prod", "every pod in any namespace".
std::string PredicateText(const IdentityPredicate& predicate,
                          const std::string& policy_ns);
// Returns "10.0.0.0/8 except 10.1.0.0/16".
std::string CidrText(const CidrMatch& match);
// Returns "anywhere", "role=frontend or host", "nobody".
std::string PeersText(const SourcePeers& peers, const std::string& policy_ns);
// Returns "TCP 80 or TCP 8000-8080 or TCP http or UDP", "every port" for
// nullptr.
std::string TrafficText(const SourceTraffic* traffic);
// Returns "from role=frontend on TCP 80".
std::string RuleText(const PolicySource& source, const SourceRule& rule);

// Returns "Admin", "NetworkPolicy", "Baseline"...
const char* ToString(PolicyTier tier);
// Returns the action in the words of its kind: "Accept", "Allow", "Deny",
// "Pass".
const char* ActionText(PolicyKind kind, RuleAction action);
// Returns "ClusterNetworkPolicy/x rule 2 (Deny) in tier Admin",
// "CiliumNetworkPolicy/demo/x ingressDeny rule 1 (Deny) in tier NetworkPolicy".
std::string RuleReference(const RuleInfo& rule);

// Returns "demo: role=frontend".
std::string IdentityLabelsText(const std::string& ns, const Labels& labels);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_
