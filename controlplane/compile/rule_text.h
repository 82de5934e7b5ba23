// controlplane/compile/rule_text.h
//
// Policy rules in words, as explain and the drop list show them: "from pods
// role=frontend on TCP 80".
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_

#include <string>

#include "controlplane/compile/rule_catalog.h"
#include "controlplane/model/objects.h"

namespace vswitch {

// Returns "role=frontend", "team=a in namespaces env=prod", "10.0.0.0/8".
std::string PeerText(const NetworkPolicyPeer& peer);
// Returns "TCP 80", "TCP 8000-8080", "TCP http", "UDP".
std::string PortText(const NetworkPolicyPort& port);
// Returns "from role=frontend on TCP 80".
std::string RuleText(PolicyDirection direction, const NetworkPolicyRule& rule);
// Returns "demo: role=frontend".
std::string IdentityLabelsText(const std::string& ns, const Labels& labels);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_TEXT_H_
