// controlplane/cli/cluster_groups.h
//
// A cluster's ends and traffic in classes that its policies cannot tell apart,
// so that "who reaches whom" is a question with finitely many answers: pods of
// equal labels that no address block tells apart, ports between the bounds of
// the policies' ranges.
//
//   PolicyBounds bounds;
//   AddBounds(desired, bounds);
//   for (const EndGroup& from : GroupEnds(desired, bounds)) ...
//   for (const TrafficClass& traffic : ClassesOf(bounds)) ...
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLUSTER_GROUPS_H_
#define VSWITCH_CONTROLPLANE_CLI_CLUSTER_GROUPS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/model/desired_state.h"

namespace vswitch {

// What policies (of one or more states) compare addresses and ports with.
struct PolicyBounds {
  std::set<IpPrefix> blocks;
  // By protocol: the first port of every class.
  std::map<IpProtocol, std::set<uint32_t>> ports;
  std::set<uint8_t> icmp_types;
  std::set<uint8_t> icmpv6_types;
};

// Adds what the policies of `desired` compare with, and the ports of its pods.
void AddBounds(const DesiredState& desired, PolicyBounds& bounds);

// Ends that are the same to every policy.
struct EndGroup {
  std::string name;                  // "demo/web", "demo/web and 2 more"
  std::vector<std::string> names;    // of pods; or a node, or what is outside
  std::vector<IpAddress> addresses;  // of one of them, at most one a family
};

// Returns the groups of pods, in order of their first names, then the nodes,
// then addresses outside, one for each block and one that is in none.
std::vector<EndGroup> GroupEnds(const DesiredState& desired,
                                const PolicyBounds& bounds);

// Ports `first` to `last` of a protocol with ports, types of ICMP, or all of
// any other protocol.
struct TrafficClass {
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t first = 0;
  uint16_t last = 0;
};

// The type of the class of kIcmp that is echo requests of both families.
inline constexpr uint16_t kEchoClass = 8;  // RFC 792

// Returns the classes, by protocol and in order of their ports.  kGre stands
// for every protocol without ports.
std::vector<TrafficClass> ClassesOf(const PolicyBounds& bounds);

// Returns "TCP 80, TCP 8000-8080, ICMP" for classes in the order of
// ClassesOf(); neighbours are one; "everything" if they are all of `all`.
std::string TrafficText(const std::vector<TrafficClass>& classes,
                        const std::vector<TrafficClass>& all);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLUSTER_GROUPS_H_
