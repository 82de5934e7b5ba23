// controlplane/compile/test_cluster.h
//
// TestCluster: a small cluster to compile in tests, and Judge(), which asks the
// compiled tables about a flow in the way the pipeline does: bindings, then
// egress of the source, then ingress of the destination.
//
//   TestCluster cluster;
//   cluster.AddPod("demo", "web", {{"role", "web"}}, {"10.0.0.5", "fd00::5"});
//   CompiledTables tables = *cluster.Compile();
//   EXPECT_TRUE(tables.Judge({...}).allowed);
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_TEST_CLUSTER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_TEST_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/compile.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/port_numbering.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/forwarding/forwarding_state.h"

namespace vswitch {

// One question to the tables.
struct TestFlow {
  std::string source;
  std::string destination;
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t port = 80;
};

struct TestVerdict {
  bool allowed = true;
  PolicyVerdict egress{.allowed = true};
  PolicyVerdict ingress{.allowed = true};
};

// A compiled state, opened as a worker would.
class CompiledTables {
 public:
  explicit CompiledTables(CompiledState state);

  const CompiledState& state() const { return state_; }
  const ForwardingState& forwarding() const { return forwarding_; }
  HostBinding BindingOf(const IpAddress& address) const;
  TestVerdict Judge(const TestFlow& flow) const;
  // Returns the name of the policy behind a rule, "" for none.
  std::string PolicyOf(RuleId rule) const;

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  CompiledState state_;
  // Aligned copies of the blobs; the lines stay where they are when moved.
  std::array<std::vector<Line>, kBlobKindCount> memory_;
  PieceCopies policy_sets_;
  ForwardingState forwarding_;
};

class TestCluster {
 public:
  // A node "n1" with the pod CIDRs 10.0.0.0/16 and fd00::/64 and the addresses
  // 192.168.0.1 and fd01::1.
  TestCluster();

  void AddNamespace(const std::string& name, const Labels& labels = {});
  // A running pod; with a port on this node unless `remote`.
  enum class Where { kHere, kRemote };
  void AddPod(const std::string& ns, const std::string& name,
              const Labels& labels, const std::vector<std::string>& addresses,
              const std::vector<ContainerPort>& ports = {},
              Where where = Where::kHere);
  void AddPort(const std::string& name, Port port);
  void AddPolicy(const std::string& ns, const std::string& name,
                 NetworkPolicy policy);
  template <typename Spec>
  void Add(const std::string& ns, const std::string& name, Spec spec,
           const Labels& labels = {}) {
    state_.Upsert({.metadata = {.name = name, .ns = ns, .labels = labels},
                   .spec = std::move(spec)});
  }

  DesiredState& state() { return state_; }
  const PortNumbering& numbering() const { return numbering_; }
  PortNumbering& numbering() { return numbering_; }

  // The machine's monotonic clock from now on, in seconds.
  void set_monotonic_s(uint32_t now_s) { monotonic_s_ = now_s; }

  // Compiles as the next generation, compared with the last good one.
  absl::StatusOr<CompiledTables> Compile();

 private:
  DesiredState state_;
  PortNumbering numbering_;
  IdentityAllocator identities_;
  Generation generation_ = 0;
  uint32_t monotonic_s_ = 0;
  std::optional<CompiledState> last_;
};

IpAddress TestAddress(const std::string& text);
IpPrefix TestPrefix(const std::string& text);
// A selector of matchLabels.
LabelSelector Select(const Labels& labels);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_TEST_CLUSTER_H_
