// The order of compilation: pods and their identities, ports, bindings,
// endpoints with their policies, services, routes, settings, changes.

#include "controlplane/compile/compile.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/address_owners.h"
#include "controlplane/compile/changes.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_compiler.h"
#include "controlplane/compile/policy_set_text.h"
#include "controlplane/compile/port_compiler.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/compile/service_compiler.h"
#include "controlplane/compile/settings_compiler.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/policy/policy_set_builder.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {
namespace {

template <typename Record>
std::string BytesOf(const std::vector<Record>& records) {
  return std::string(reinterpret_cast<const char*>(records.data()),
                     records.size() * sizeof(Record));
}

class Compilation {
 public:
  Compilation(const DesiredState& desired, const CompileOptions& options)
      : desired_(desired), options_(options) {
    state_.generation = options.generation;
    AddReservedIdentities();
  }

  absl::StatusOr<CompiledState> Run(const PortNumbering& numbering,
                                    IdentityAllocator& identities) {
    ASSIGN_OR_RETURN(pods_, PodIndex::Build(desired_, identities));
    ASSIGN_OR_RETURN(gateways_, ResolveGateways(desired_, options_.node_name));
    RETURN_IF_ERROR(BindGatewaysAndNodes());
    RETURN_IF_ERROR(BindPods());
    ASSIGN_OR_RETURN(ports_, CompilePorts(desired_, options_.node_name,
                                          numbering, pods_, owners_));
    BindPorts();
    RETURN_IF_ERROR(CompileEndpoints());
    RETURN_IF_ERROR(CompileServiceTable());
    RETURN_IF_ERROR(CompileRoutes());
    FillPorts();
    ASSIGN_OR_RETURN(
        state_.settings,
        CompileSettings(desired_, options_.node_name, gateways_, host_port_));
    state_.bindings.assign(bindings_.begin(), bindings_.end());
    state_.catalog = std::make_shared<const RuleCatalog>(std::move(catalog_));
    return std::move(state_);
  }

  absl::flat_hash_set<IdentityId> UsedIdentities() const {
    absl::flat_hash_set<IdentityId> used;
    for (const PodIdentity& identity : pods_.identities()) {
      used.insert(identity.id);
    }
    return used;
  }

 private:
  std::string& Blob(BlobKind kind) {
    return state_.blobs[static_cast<size_t>(kind)];
  }

  void AddReservedIdentities() {
    auto& identities = catalog_.mutable_identities();
    identities[kIdentityHost].text = "the local node";
    identities[kIdentityWorld].text = "outside the cluster";
    identities[kIdentityUnmanaged].text = "an unmanaged pod";
    identities[kIdentityHealth].text = "health probes";
    identities[kIdentityInit].text = "a pod whose labels are not known yet";
    identities[kIdentityRemoteNode].text = "another node";
  }

  absl::Status BindGatewaysAndNodes() {
    for (const IpAddress& address : {gateways_.ipv4, gateways_.ipv6}) {
      if (address.IsUnspecified()) continue;
      RETURN_IF_ERROR(owners_.Claim(address, "the switch's gateway",
                                    "the switch's gateway"));
    }
    absl::Status status;
    desired_.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
      std::string object = absl::StrCat("Node ", metadata.name);
      bool local = metadata.name == options_.node_name;
      for (const IpAddress& address : node.addresses) {
        if (!status.ok()) return;
        status = owners_.Claim(address, object,
                               absl::StrCat(object, " status.addresses"));
        bindings_[address] =
            local ? HostBinding{kIdentityHost, kHostEndpoint}
                  : HostBinding{kIdentityRemoteNode, kNoEndpoint};
      }
    });
    return status;
  }

  absl::Status BindPods() {
    for (const IndexedPod& pod : pods_.pods()) {
      std::string object = absl::StrCat("Pod ", QualifiedName(*pod.metadata));
      for (const IpAddress& address : pod.pod->addresses) {
        RETURN_IF_ERROR(owners_.Claim(address, object,
                                      absl::StrCat(object, " status.podIPs")));
        bindings_[address] = {pods_.identities()[pod.identity].id, kNoEndpoint};
      }
    }
    return absl::OkStatus();
  }

  void BindPorts() {
    for (const CompiledPort& port : ports_) {
      HostBinding binding;
      switch (port.port->kind) {
        case PortResourceKind::kUplink:
          continue;
        case PortResourceKind::kHost:
          binding = {kIdentityHost, kHostEndpoint};
          host_port_ = port.id;
          break;
        case PortResourceKind::kPod:
          binding = {IdentityOf(port), EndpointOfPort(port.id)};
          break;
      }
      for (const IpAddress& address : port.resolved.addresses) {
        bindings_[address] = binding;
      }
    }
  }

  IdentityId IdentityOf(const CompiledPort& port) const {
    return port.pod == nullptr ? kIdentityInit
                               : pods_.identities()[port.pod->identity].id;
  }

  // The endpoints of the host and of every pod that has a port, with the
  // policy sets of their identities.
  absl::Status CompileEndpoints() {
    PeerIndex peers(desired_, pods_);
    ASSIGN_OR_RETURN(PolicySources sources, CollectSources(desired_, pool_));
    state_.warnings = EqualPriorityWarnings(sources);
    ASSIGN_OR_RETURN(PolicyCompiler policies,
                     PolicyCompiler::Create(std::move(sources), peers));
    catalog_.set_numbering(policies.numbering());
    for (const PodIdentity& identity : pods_.identities()) {
      IdentityInfo& info = catalog_.mutable_identities()[identity.id];
      info.ns = identity.ns;
      info.namespace_labels = *identity.namespace_labels;
      info.service_account = identity.service_account;
      info.labels = identity.labels;
      info.named_ports = identity.named_ports;
      info.text = IdentityLabelsText(identity.ns, identity.labels);
    }
    uint32_t count = 1;
    for (const CompiledPort& port : ports_) {
      count = std::max(count, ToInt(EndpointOfPort(port.id)) + 1);
    }
    std::vector<EndpointRecord> endpoints(count);
    std::memset(static_cast<void*>(endpoints.data()), 0,
                count * sizeof(EndpointRecord));
    RETURN_IF_ERROR(FillHost(policies, endpoints[0]));
    for (const CompiledPort& port : ports_) {
      if (port.port->kind != PortResourceKind::kPod) continue;
      EndpointRecord& record = endpoints[ToInt(EndpointOfPort(port.id))];
      record.port = port.id;
      record.identity = IdentityOf(port);
      record.mac = port.record.peer_mac;
      RETURN_IF_ERROR(AddPolicies(policies, port, record));
    }
    Blob(BlobKind::kEndpoints) = BytesOf(endpoints);
    state_.policy_sets = std::move(sets_).Build();
    return absl::OkStatus();
  }

  absl::Status FillHost(const PolicyCompiler& policies,
                        EndpointRecord& record) {
    record.port = host_port_;
    record.is_host = 1;
    record.identity = kIdentityHost;
    std::string host_port_name;
    for (const CompiledPort& port : ports_) {
      if (port.id != host_port_) continue;
      record.mac = port.record.peer_mac;
      host_port_name = port.metadata->name;
    }
    const Object* node =
        desired_.FindObject({ObjectKind::kNode, "", options_.node_name});
    const Labels labels = node == nullptr ? Labels{} : node->metadata.labels;
    auto recipe_of = [&](PolicyDirection direction, SetKind kind) {
      return policies.HostRecipe(labels, direction, kind);
    };
    std::string text;
    RETURN_IF_ERROR(AddSets(policies, recipe_of, record, text));
    if (!host_port_name.empty()) {
      state_.endpoint_policies[host_port_name] = std::move(text);
    }
    return absl::OkStatus();
  }

  absl::Status AddPolicies(const PolicyCompiler& policies,
                           const CompiledPort& port, EndpointRecord& record) {
    std::string& text = state_.endpoint_policies[port.metadata->name];
    if (port.pod == nullptr) {
      // Closed both ways, by a set that allows nothing.
      record.shadow_ingress = record.shadow_egress = kNoPolicySet;
      record.is_init = 1;
      ASSIGN_OR_RETURN(record.ingress, sets_.Add({}));
      record.egress = record.ingress;
      text = "init";
      return absl::OkStatus();
    }
    const PodIdentity& identity = pods_.identities()[port.pod->identity];
    auto recipe_of = [&](PolicyDirection direction, SetKind kind) {
      return policies.RecipeOf(identity, direction, kind);
    };
    return AddSets(policies, recipe_of, record, text);
  }

  // Adds the sets of the endpoint's identity, and to `text` what they judge by.
  template <typename RecipeOf>
  absl::Status AddSets(const PolicyCompiler& policies, RecipeOf recipe_of,
                       EndpointRecord& record, std::string& text) {
    IdentityInfo& info = catalog_.mutable_identities()[record.identity];
    for (PolicyDirection direction :
         {PolicyDirection::kIngress, PolicyDirection::kEgress}) {
      bool ingress = direction == PolicyDirection::kIngress;
      for (SetKind kind : {SetKind::kEnforced, SetKind::kShadow}) {
        bool shadow = kind == SetKind::kShadow;
        ASSIGN_OR_RETURN(KnownSet known,
                         SetOf(policies, recipe_of(direction, kind)));
        info.Of(direction, kind) = {.set = known.id, .sources = known.sources};
        if (known.id != kNoPolicySet) {
          absl::StrAppend(&text, shadow ? "shadow " : "",
                          ingress ? "in " : "out ", known.text);
        }
        (shadow    ? ingress ? record.shadow_ingress : record.shadow_egress
         : ingress ? record.ingress
                   : record.egress) = known.id;
      }
    }
    return absl::OkStatus();
  }

  // A set in the table, with what it judges by.
  struct KnownSet {
    PolicySetId id = kNoPolicySet;
    std::shared_ptr<const PolicySources> sources;
    std::string text;
  };
  absl::StatusOr<KnownSet> SetOf(const PolicyCompiler& policies,
                                 SetRecipe recipe) {
    if (recipe.sources.empty()) return KnownSet{};
    auto [it, inserted] = known_sets_.try_emplace(std::move(recipe));
    KnownSet& known = it->second;
    if (inserted) {
      ASSIGN_OR_RETURN(PolicySetSpec spec, policies.Compile(it->first));
      known.text = PolicySetText(spec);
      known.sources = std::make_shared<const PolicySources>(it->first.sources);
      ASSIGN_OR_RETURN(known.id, sets_.Add(std::move(spec)));
    }
    return known;
  }

  absl::Status CompileServiceTable() {
    const auto* settings =
        desired_.Find<SwitchSettings>("", std::string(kSettingsName));
    ASSIGN_OR_RETURN(
        CompiledServices services,
        CompileServices(desired_, options_.node_name,
                        settings == nullptr ? 0 : settings->maglev_seed,
                        owners_, [this](const IpAddress& address) {
                          auto found = bindings_.find(address);
                          return found == bindings_.end()
                                     ? kNoEndpoint
                                     : found->second.endpoint;
                        }));
    Blob(BlobKind::kServices) = std::move(services.blob);
    state_.services = std::move(services.by_address);
    catalog_.mutable_services() = std::move(services.names);
    return absl::OkStatus();
  }

  // Pod ranges of this node lead nowhere: an address without an endpoint in
  // them is nobody's.  Ports' routes; by default everything goes out by the
  // uplink, or to the host when there is none.
  absl::Status CompileRoutes() {
    std::map<IpPrefix, std::string> owners;
    RouteTableBuilder routes;
    auto insert = [&](const IpPrefix& prefix, const RouteTarget& target,
                      const std::string& object) -> absl::Status {
      auto [it, inserted] = owners.try_emplace(prefix, object);
      if (!inserted && it->second != object) {
        return absl::InvalidArgumentError(
            absl::StrCat(object, ": ", prefix.ToString(),
                         " is already the route of ", it->second));
      }
      return routes.Insert(prefix, PackRouteTarget(target));
    };
    if (const Node* node = desired_.Find<Node>("", options_.node_name)) {
      for (const IpPrefix& cidr : node->pod_cidrs) {
        RETURN_IF_ERROR(insert(
            cidr, {.kind = RouteKind::kUnreachable, .port = kNoPort},
            absl::StrCat("Node ", options_.node_name, " spec.podCIDRs")));
      }
    }
    for (const CompiledPort& port : ports_) {
      for (const IpPrefix& prefix : RoutesOf(port)) {
        RETURN_IF_ERROR(
            insert(prefix, {.kind = RouteKind::kPort, .port = port.id},
                   absl::StrCat("Port ", port.metadata->name, " spec.routes")));
      }
    }
    if (routes.prefix_count() != 0) Blob(BlobKind::kRoutes) = routes.Build();
    return absl::OkStatus();
  }

  std::vector<IpPrefix> RoutesOf(const CompiledPort& port) const {
    if (port.port->kind == PortResourceKind::kPod) return {};
    if (!port.port->routes.empty()) return port.port->routes;
    bool has_uplink = std::any_of(
        ports_.begin(), ports_.end(), [](const CompiledPort& other) {
          return other.port->kind == PortResourceKind::kUplink;
        });
    if (port.port->kind == PortResourceKind::kHost && has_uplink) return {};
    constexpr uint8_t kZero[4] = {};
    return {IpPrefix{IpAddress::FromIpv4(kZero), 0}, IpPrefix{IpAddress{}, 0}};
  }

  void FillPorts() {
    uint32_t count = 0;
    for (const CompiledPort& port : ports_) {
      count = std::max<uint32_t>(count, ToInt(port.id) + 1u);
    }
    std::string& blob = Blob(BlobKind::kPorts);
    blob.assign(count * sizeof(PortRecord), '\0');
    for (const CompiledPort& port : ports_) {
      std::memcpy(blob.data() + ToInt(port.id) * sizeof(PortRecord),
                  &port.record, sizeof(PortRecord));
      state_.ports.emplace(port.metadata->name, port.record);
    }
  }

  const DesiredState& desired_;
  const CompileOptions& options_;
  CompiledState state_;
  RuleCatalog catalog_;
  PodIndex pods_;
  Gateways gateways_;
  AddressOwners owners_;
  std::map<IpAddress, HostBinding> bindings_;
  std::vector<CompiledPort> ports_;
  PortId host_port_ = kNoPort;
  SourcePool pool_;
  std::map<SetRecipe, KnownSet> known_sets_;
  PolicyTableBuilder sets_;
};

}  // namespace

absl::StatusOr<CompiledState> Compile(const DesiredState& desired,
                                      const CompileOptions& options,
                                      const PortNumbering& ports,
                                      IdentityAllocator& identities,
                                      const CompiledState* previous) {
  Compilation compilation(desired, options);
  ASSIGN_OR_RETURN(CompiledState state, compilation.Run(ports, identities));
  FindChanges(previous, options.max_changed_addresses, state);
  state.blobs[static_cast<size_t>(BlobKind::kSettings)] = std::string(
      reinterpret_cast<const char*>(&state.settings), sizeof(state.settings));
  identities.ReleaseUnused(compilation.UsedIdentities());
  return state;
}

}  // namespace vswitch
