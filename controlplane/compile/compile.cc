// The order of compilation: pods and their identities, claims of addresses,
// ports, bindings, policies, endpoints, services, routes, settings.  Each stage
// takes what changed over from the previous state, or is kept as it is.

#include "controlplane/compile/compile.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "controlplane/compile/changes.h"
#include "controlplane/compile/compile_cache.h"
#include "controlplane/compile/host_ports.h"
#include "controlplane/compile/object_changes.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/compile/route_compiler.h"
#include "controlplane/compile/settings_compiler.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// What a compilation without a previous one goes on from.
CompileCache NoCache(const std::string& node_name) {
  CompileCache cache;
  cache.node_name = node_name;
  cache.ports = std::make_shared<const PortStage>();
  cache.services = std::make_shared<const ServiceStage>();
  return cache;
}

bool SameGateways(const Gateways& a, const Gateways& b) {
  return a.mac == b.mac && a.ipv4 == b.ipv4 && a.ipv6 == b.ipv6;
}

SharedBytes RecordsOf(const std::vector<CompiledPort>& ports) {
  uint32_t count = 0;
  for (const CompiledPort& port : ports) {
    count = std::max<uint32_t>(count, ToInt(port.id) + 1u);
  }
  std::string bytes(count * sizeof(PortRecord), '\0');
  for (const CompiledPort& port : ports) {
    std::memcpy(bytes.data() + ToInt(port.id) * sizeof(PortRecord),
                &port.record, sizeof(PortRecord));
  }
  return SharedBytes(std::move(bytes));
}

class Compilation {
 public:
  // REQUIRES: `previous` is of the same node and ignores the same labels, or
  // is nullptr.
  Compilation(const DesiredState& desired, const CompileOptions& options,
              const PortNumbering& numbering, const CompiledState* previous)
      : desired_(desired),
        options_(options),
        numbering_(numbering),
        previous_(previous),
        old_(previous == nullptr ? NoCache(options.node_name)
                                 : *previous->cache),
        next_(old_),
        changes_(old_.desired, desired) {
    next_.desired = desired;
    next_.numbering = numbering.ports();
    if (previous != nullptr) state_.bindings = previous->bindings;
    state_.generation = options.generation;
  }

  absl::StatusOr<CompiledState> Run(IdentityAllocator& identities) {
    RETURN_IF_ERROR(UpdatePods(identities));
    ASSIGN_OR_RETURN(next_.gateways,
                     ResolveGateways(desired_, options_.node_name));
    const bool ports_changed = PortsChanged();
    RETURN_IF_ERROR(UpdateClaims(ports_changed));
    RETURN_IF_ERROR(UpdatePorts(ports_changed));
    UpdateBindings();
    RETURN_IF_ERROR(UpdatePolicies(ports_changed));
    RETURN_IF_ERROR(UpdateServices());
    if (ports_changed || !changes_.Of<Node>().empty()) {
      RETURN_IF_ERROR(UpdateRoutes());
    }
    ASSIGN_OR_RETURN(state_.settings,
                     CompileSettings(desired_, options_.node_name,
                                     next_.gateways, next_.ports->host_port));
    NameChanges();
    Finish();
    return std::move(state_);
  }

 private:
  SharedBytes& Blob(BlobKind kind) {
    return state_.blobs[static_cast<size_t>(kind)];
  }

  absl::Status UpdatePods(IdentityAllocator& identities) {
    identities.EndQuarantines(options_.now_s);
    RETURN_IF_ERROR(
        next_.pods.Update(desired_, changes_, options_.now_s, identities));
    if (previous_ == nullptr) {
      identities.ReleaseUnused(
          [this](const std::string& key) { return next_.pods.HasKey(key); },
          options_.now_s);
    }
    return absl::OkStatus();
  }

  // Whether anything may have changed that ports are made of.
  bool PortsChanged() const {
    if (previous_ == nullptr || !changes_.Of<Port>().empty() ||
        !changes_.Of<SwitchSettings>().empty() ||
        !SameGateways(old_.gateways, next_.gateways) ||
        old_.numbering != next_.numbering) {
      return true;
    }
    for (const ObjectChange& change : changes_.Of<Node>()) {
      if (change.metadata().name == options_.node_name) return true;
    }
    for (const ObjectChange& change : changes_.Of<Pod>()) {
      const Metadata& metadata = change.metadata();
      if (old_.ports->by_pod.contains({metadata.ns, metadata.name})) {
        return true;
      }
    }
    return false;
  }

  // All but the claims of ports.
  absl::Status UpdateClaims(bool ports_changed) {
    AddressOwners& owners = next_.owners;
    owners.SetNode(options_.node_name);
    const std::vector<ObjectChange>* const lists[] = {
        &changes_.Of<Node>(), &changes_.Of<Pod>(), &changes_.Of<Service>()};
    for (const auto* list : lists) {
      for (const ObjectChange& change : *list) {
        if (change.before != nullptr) owners.Release(*change.before);
      }
    }
    if (ports_changed) {
      for (const CompiledPort& port : old_.ports->ports) {
        owners.ReleasePort(*port.object, port.resolved.addresses);
      }
    }
    if (previous_ == nullptr || !SameGateways(old_.gateways, next_.gateways)) {
      owners.SetGateways(next_.gateways);
    }
    for (const auto* list : lists) {
      for (const ObjectChange& change : *list) {
        if (change.after != nullptr) owners.Claim(*change.after);
      }
    }
    return owners.FirstRefusal(ClaimRank::kPod);
  }

  absl::Status UpdatePorts(bool ports_changed) {
    if (!ports_changed) return next_.owners.FirstRefusal(ClaimRank::kPort);
    auto stage = std::make_shared<PortStage>();
    ASSIGN_OR_RETURN(stage->ports,
                     CompilePorts(desired_, options_.node_name, numbering_,
                                  next_.pods, next_.owners));
    stage->subjects.Insert(kIdentityHost, {});
    for (size_t i = 0; i < stage->ports.size(); ++i) {
      const CompiledPort& port = stage->ports[i];
      stage->by_object[port.object] = i;
      if (port.port->kind == PortResourceKind::kHost) {
        stage->host_port = port.id;
      }
      if (port.port->kind != PortResourceKind::kPod) continue;
      stage->by_pod[{port.port->pod_namespace, port.port->pod_name}] = i;
      if (port.pod_identity == kIdentityUnknown) continue;
      stage->by_identity[port.pod_identity].push_back(i);
      stage->subjects.Insert(port.pod_identity, {});
    }
    stage->records = RecordsOf(stage->ports);
    next_.ports = std::move(stage);
    return absl::OkStatus();
  }

  // Identity kIdentityUnknown: there is none.
  HostBinding BindingOf(const IpAddress& address) const {
    const AddressClaims* claims = next_.owners.Find(address);
    if (claims == nullptr) return {};
    if (claims->port != nullptr) {
      return BindingOfPort(*next_.ports->FindByObject(claims->port));
    }
    const Object& object = *claims->object;
    if (object.kind() == ObjectKind::kNode) {
      return object.metadata.name == options_.node_name
                 ? HostBinding{kIdentityHost, kHostEndpoint}
                 : HostBinding{kIdentityRemoteNode, kNoEndpoint};
    }
    const Pod* pod = std::get_if<Pod>(&object.spec);
    if (pod == nullptr) return {};  // a service
    return HostBinding{next_.pods.IdentityOf(object.metadata, *pod)->id,
                       kNoEndpoint, BindingEpochOf(object.metadata)};
  }

  static HostBinding BindingOfPort(const CompiledPort& port) {
    switch (port.port->kind) {
      case PortResourceKind::kUplink:
        return {};
      case PortResourceKind::kHost:
        return HostBinding{kIdentityHost, kHostEndpoint};
      case PortResourceKind::kPod:
        break;
    }
    IdentityId identity = port.pod_identity == kIdentityUnknown
                              ? kIdentityInit
                              : port.pod_identity;
    return HostBinding{identity, EndpointOfPort(port.id), port.epoch};
  }

  void UpdateBindings() {
    for (const IpAddress& address : next_.owners.touched()) {
      const HostBinding* found = state_.bindings.Find(address);
      HostBinding old = found == nullptr ? HostBinding{} : *found;
      HostBinding binding = BindingOf(address);
      if (binding == old) continue;
      changed_.Add(address);
      backend_moved_ |= old.endpoint != binding.endpoint &&
                        old_.services->services.backends.contains(address);
      if (binding.identity != kIdentityUnknown) {
        state_.bindings.Insert(address, binding);
      } else {
        state_.bindings.Erase(address);
      }
    }
  }

  absl::Status UpdatePolicies(bool ports_changed) {
    static const auto& no_labels = *new Labels();
    const Object* node =
        desired_.FindObject({ObjectKind::kNode, "", options_.node_name});
    RETURN_IF_ERROR(next_.policies.Update(
        {.desired = desired_,
         .changes = changes_,
         .pods = next_.pods,
         .subjects = next_.ports->subjects,
         .node_labels = node == nullptr ? no_labels : node->metadata.labels}));
    if (!ports_changed && old_.policies.sets() == next_.policies.sets()) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(
        EndpointStage endpoints,
        CompileEndpoints(next_.ports->ports, next_.policies.sets()));
    next_.endpoints =
        std::make_shared<const EndpointStage>(std::move(endpoints));
    return absl::OkStatus();
  }

  bool HostPortsChanged() const {
    const std::vector<ObjectChange>& pods = changes_.Of<Pod>();
    return std::any_of(pods.begin(), pods.end(), [](const ObjectChange& pod) {
      const Pod* before = SpecOf<Pod>(pod.before);
      const Pod* after = SpecOf<Pod>(pod.after);
      return (before != nullptr && HasHostPorts(*before)) ||
             (after != nullptr && HasHostPorts(*after));
    });
  }

  absl::Status UpdateServices() {
    if (previous_ != nullptr && !backend_moved_ &&
        changes_.Of<Service>().empty() &&
        changes_.Of<EndpointSlice>().empty() && changes_.Of<Node>().empty() &&
        changes_.Of<SwitchSettings>().empty() && !HostPortsChanged()) {
      return next_.owners.FirstRefusal(ClaimRank::kService);
    }
    const auto* settings =
        desired_.Find<SwitchSettings>("", std::string(kSettingsName));
    ServiceStage stage;
    stage.maglev_seed = settings == nullptr ? 0 : settings->maglev_seed;
    ASSIGN_OR_RETURN(
        stage.services,
        CompileServices(
            desired_, options_.node_name, stage.maglev_seed, next_.owners,
            [this](const IpAddress& address) {
              const HostBinding* found = state_.bindings.Find(address);
              return found == nullptr ? kNoEndpoint : found->endpoint;
            },
            old_.services->services.tables));
    RETURN_IF_ERROR(UpdateEarlierServices(stage));
    stage.blob = SharedBytes(std::move(stage.services.blob));
    stage.names =
        std::make_shared<const absl::flat_hash_map<uint32_t, std::string>>(
            std::move(stage.services.names));
    stage.health_checks = std::make_shared<const std::vector<HealthCheck>>(
        std::move(stage.services.health_checks));
    next_.services = std::make_shared<const ServiceStage>(std::move(stage));
    return absl::OkStatus();
  }

  absl::Status UpdateEarlierServices(ServiceStage& stage) {
    const ServiceStage& old = *old_.services;
    // By another seed the flows had other backends.
    if (previous_ == nullptr || old.maglev_seed != stage.maglev_seed) {
      return absl::OkStatus();
    }
    stage.earlier = old.earlier.After(
        old.services.offers, stage.services.offers, options_.monotonic_s);
    ASSIGN_OR_RETURN(std::string blob,
                     stage.earlier.Build(stage.maglev_seed, old.services.tables,
                                         stage.services.tables));
    stage.earlier_blob = SharedBytes(std::move(blob));
    return absl::OkStatus();
  }

  absl::Status UpdateRoutes() {
    auto stage = std::make_shared<PortStage>(*next_.ports);
    ASSIGN_OR_RETURN(std::string routes,
                     CompileRoutes(desired_, options_.node_name, stage->ports));
    stage->routes = SharedBytes(std::move(routes));
    next_.ports = std::move(stage);
    return absl::OkStatus();
  }

  void NameChanges() {
    if (previous_ == nullptr) {
      changed_.AddAll();
    } else {
      if (old_.ports != next_.ports) {
        changed_.AddPorts(*old_.ports, *next_.ports);
        if (old_.ports->routes != next_.ports->routes) changed_.AddAll();
      }
      changed_.AddPolicies(old_, next_);
      if (old_.services != next_.services) {
        changed_.AddServices(old_.services->services, next_.services->services);
      }
      if (!SameSettings(previous_->settings, state_.settings)) {
        changed_.AddAll();
      }
    }
    state_.all_changed = changed_.all() || changed_.addresses().size() >
                                               options_.max_changed_addresses;
    if (!state_.all_changed) {
      state_.changed_addresses.assign(changed_.addresses().begin(),
                                      changed_.addresses().end());
    }
    state_.settings.judge_again_before =
        state_.all_changed ? state_.generation
                           : previous_->settings.judge_again_before;
  }

  void Finish() {
    Blob(BlobKind::kSettings) = SharedBytes(std::string(
        reinterpret_cast<const char*>(&state_.settings), sizeof(Settings)));
    Blob(BlobKind::kPorts) = next_.ports->records;
    Blob(BlobKind::kEndpoints) = next_.endpoints->records;
    Blob(BlobKind::kRoutes) = next_.ports->routes;
    state_.policy_sets = next_.endpoints->policy_sets;
    Blob(BlobKind::kServices) = next_.services->blob;
    Blob(BlobKind::kEarlierServices) = next_.services->earlier_blob;
    state_.health_checks = next_.services->health_checks;
    state_.warnings = next_.policies.warnings();
    state_.catalog = std::make_shared<const RuleCatalog>(
        CatalogParts{.numbering = next_.policies.numbering(),
                     .identities = next_.pods.identities(),
                     .policies = next_.endpoints->policies,
                     .services = next_.services->names});
    next_.owners.End();
    state_.cache = std::make_shared<const CompileCache>(std::move(next_));
  }

  const DesiredState& desired_;
  const CompileOptions& options_;
  const PortNumbering& numbering_;
  const CompiledState* previous_;
  const CompileCache old_;
  CompileCache next_;
  const ObjectChanges changes_;
  ChangeSet changed_;
  bool backend_moved_ = false;  // a service's backend has another endpoint
  CompiledState state_;
};

}  // namespace

absl::StatusOr<CompiledState> Compile(const DesiredState& desired,
                                      const CompileOptions& options,
                                      const PortNumbering& ports,
                                      IdentityAllocator& identities,
                                      const CompiledState* previous) {
  if (previous != nullptr &&
      (previous->cache == nullptr ||
       previous->cache->node_name != options.node_name ||
       previous->cache->pods.filter() != LabelFilter::Of(desired))) {
    previous = nullptr;
  }
  IdentityAllocator next_identities = identities;
  Compilation compilation(desired, options, ports, previous);
  ASSIGN_OR_RETURN(CompiledState state, compilation.Run(next_identities));
  identities = std::move(next_identities);
  return state;
}

}  // namespace vswitch
