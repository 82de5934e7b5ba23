// Endpoints and the numbers of their policy sets.

#include "controlplane/compile/endpoint_compiler.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "controlplane/compile/compile.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_set_builder.h"

namespace vswitch {
namespace {

// A set as a key: its hash was found when it was made, so that a change of one
// set does not read the bytes of all.
struct SetContent {
  const SubjectSet* set;

  friend bool operator==(const SetContent& a, const SetContent& b) {
    return a.set->content_hash == b.set->content_hash && a.set->Equals(*b.set);
  }
};
struct SetContentHash {
  size_t operator()(const SetContent& content) const {
    return content.set->content_hash;
  }
};

class EndpointCompiler {
 public:
  EndpointCompiler(const std::vector<CompiledPort>& ports,
                   const PolicySets::ByIdentity& sets)
      : ports_(ports), sets_(sets) {}

  absl::StatusOr<EndpointStage> Run() {
    uint32_t count = 1;
    for (const CompiledPort& port : ports_) {
      count = std::max(count, ToInt(EndpointOfPort(port.id)) + 1);
    }
    std::string bytes(count * sizeof(EndpointRecord), '\0');
    auto* records = reinterpret_cast<EndpointRecord*>(bytes.data());
    RETURN_IF_ERROR(FillHost(records[ToInt(kHostEndpoint)]));
    for (const CompiledPort& port : ports_) {
      if (port.port->kind != PortResourceKind::kPod) continue;
      EndpointRecord& record = records[ToInt(EndpointOfPort(port.id))];
      record.port = port.id;
      record.mac = port.record.peer_mac;
      RETURN_IF_ERROR(port.pod_identity == kIdentityUnknown
                          ? Close(record)
                          : SetPolicies(port.pod_identity, record));
    }
    EndpointStage stage;
    stage.records = SharedBytes(std::move(bytes));
    stage.policy_sets = std::move(sets_by_number_);
    stage.policies =
        std::make_shared<const absl::flat_hash_map<IdentityId, AllPolicies>>(
            std::move(policies_));
    return stage;
  }

 private:
  absl::Status FillHost(EndpointRecord& record) {
    record.port = kNoPort;
    record.is_host = 1;
    for (const CompiledPort& port : ports_) {
      if (port.port->kind != PortResourceKind::kHost) continue;
      record.port = port.id;
      record.mac = port.record.peer_mac;
    }
    return SetPolicies(kIdentityHost, record);
  }

  // A pod whose labels are not known yet: nothing is allowed, either way.
  absl::Status Close(EndpointRecord& record) {
    record.is_init = 1;
    record.identity = kIdentityInit;
    record.shadow_ingress = record.shadow_egress = kNoPolicySet;
    static const auto& closed = *new absl::StatusOr<SubjectSet>(Closed());
    RETURN_IF_ERROR(closed.status());
    record.ingress = record.egress = NumberOf(*closed);
    return absl::OkStatus();
  }

  absl::Status SetPolicies(IdentityId identity, EndpointRecord& record) {
    record.identity = identity;
    ASSIGN_OR_RETURN(const AllPolicies* policies, PoliciesOf(identity));
    auto set_of = [&](PolicyDirection direction, SetKind kind) {
      return (*policies)[SetIndexOf(direction, kind)].set;
    };
    record.ingress = set_of(PolicyDirection::kIngress, SetKind::kEnforced);
    record.egress = set_of(PolicyDirection::kEgress, SetKind::kEnforced);
    record.shadow_ingress = set_of(PolicyDirection::kIngress, SetKind::kShadow);
    record.shadow_egress = set_of(PolicyDirection::kEgress, SetKind::kShadow);
    return absl::OkStatus();
  }

  absl::StatusOr<const AllPolicies*> PoliciesOf(IdentityId identity) {
    auto [it, inserted] = policies_.try_emplace(identity);
    if (!inserted) return &it->second;
    const SubjectSets& sets = **sets_.Find(identity);
    for (PolicyDirection direction :
         {PolicyDirection::kIngress, PolicyDirection::kEgress}) {
      for (SetKind kind : {SetKind::kEnforced, SetKind::kShadow}) {
        const SubjectSet& set = sets.Of(direction, kind);
        IdentityPolicies& policies = it->second[SetIndexOf(direction, kind)];
        if (!set.exists()) continue;
        policies.sources = set.sources;
        policies.set = NumberOf(set);
      }
    }
    return &it->second;
  }

  static absl::StatusOr<SubjectSet> Closed() {
    ASSIGN_OR_RETURN(std::string bytes, BuildPolicySet({}));
    const size_t hash = absl::HashOf(bytes);
    return SubjectSet{
        .bytes = std::make_shared<const std::string>(std::move(bytes)),
        .content_hash = hash};
  }

  // Equal sets have one number.  `set` outlives the compilation.
  PolicySetId NumberOf(const SubjectSet& set) {
    auto [it, inserted] = by_content_.try_emplace(
        SetContent{&set},
        PolicySetId{static_cast<uint32_t>(sets_by_number_.size())});
    if (inserted) sets_by_number_.push_back(set.bytes);
    return it->second;
  }

  const std::vector<CompiledPort>& ports_;
  const PolicySets::ByIdentity& sets_;
  std::vector<std::shared_ptr<const std::string>> sets_by_number_;
  absl::flat_hash_map<SetContent, PolicySetId, SetContentHash> by_content_;
  absl::flat_hash_map<IdentityId, AllPolicies> policies_;
};

}  // namespace

absl::StatusOr<EndpointStage> CompileEndpoints(
    const std::vector<CompiledPort>& ports,
    const PolicySets::ByIdentity& sets) {
  return EndpointCompiler(ports, sets).Run();
}

}  // namespace vswitch
