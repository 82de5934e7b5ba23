// vswitchctl service: Services with their backends, as the running switch has
// them.

#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/spellings.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr char kServiceNameLabel[] = "kubernetes.io/service-name";

// One endpoint on one port of a Service.
struct Backend {
  std::string port_name;  // of the Service's port; may be empty
  std::string protocol;
  std::string address;
  uint32_t port = 0;
  std::string pod;  // "demo/db-0"; may be empty
  std::string node;
  bool ready = true;
  bool terminating = false;
  // Of the connections that it answers.
  uint64_t connections = 0;
  uint64_t bytes = 0;
};

struct ServiceView {
  std::string name;  // "demo/db"
  v1::Service spec;
  std::vector<Backend> backends;
};

std::string ProtocolText(v1::Protocol protocol) {
  const std::string text = Spell(kProtocolSpellings, protocol);
  return text.empty() ? "TCP" : text;
}

std::string NameOf(const v1::Metadata& metadata) {
  return absl::StrCat(metadata.namespace_(), "/", metadata.name());
}

void AddBackends(const v1::Metadata& metadata, const v1::EndpointSlice& slice,
                 ServiceView& view) {
  for (const v1::Endpoint& endpoint : slice.endpoints()) {
    if (endpoint.addresses().empty()) continue;
    for (const v1::EndpointPort& port : slice.ports()) {
      view.backends.push_back(
          {.port_name = port.name(),
           .protocol = ProtocolText(port.protocol()),
           .address = endpoint.addresses(0),
           .port = port.port(),
           .pod = endpoint.target_pod().empty()
                      ? ""
                      : absl::StrCat(metadata.namespace_(), "/",
                                     endpoint.target_pod()),
           .node = endpoint.node_name(),
           .ready = !endpoint.has_ready() || endpoint.ready(),
           .terminating = endpoint.terminating()});
    }
  }
}

absl::StatusOr<v1::ListResponse> ListKind(CommandContext& context,
                                          v1::ResourceKind kind) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ListRequest request;
  request.set_kind(kind);
  v1::ListResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().List(client->NewContext().get(), request, &response)));
  return response;
}

// All Services, by name.
absl::StatusOr<std::map<std::string, ServiceView>> LoadServices(
    CommandContext& context) {
  ASSIGN_OR_RETURN(const v1::ListResponse services,
                   ListKind(context, v1::RESOURCE_KIND_SERVICE));
  ASSIGN_OR_RETURN(const v1::ListResponse slices,
                   ListKind(context, v1::RESOURCE_KIND_ENDPOINT_SLICE));
  std::map<std::string, ServiceView> views;
  for (const v1::Resource& resource : services.resources()) {
    const std::string name = NameOf(resource.metadata());
    views[name] = {.name = name, .spec = resource.service()};
  }
  for (const v1::Resource& resource : slices.resources()) {
    const v1::Metadata& metadata = resource.metadata();
    const auto label = metadata.labels().find(kServiceNameLabel);
    if (label == metadata.labels().end()) continue;
    const auto view =
        views.find(absl::StrCat(metadata.namespace_(), "/", label->second));
    if (view == views.end()) continue;
    AddBackends(metadata, resource.endpoint_slice(), view->second);
  }
  return views;
}

absl::StatusOr<ServiceView> LoadService(CommandContext& context,
                                        const std::string& name) {
  ASSIGN_OR_RETURN(auto views, LoadServices(context));
  const auto found = views.find(name);
  if (found != views.end()) return std::move(found->second);
  return absl::NotFoundError(absl::StrCat(
      "there is no Service ", name,
      name.find('/') == std::string::npos ? "; want NAMESPACE/NAME" : ""));
}

// Counts what each backend answers.
absl::Status CountConnections(CommandContext& context, ServiceView& view) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  const auto call = client->NewContext();
  v1::ListConnectionsRequest request;
  request.mutable_filter()->set_service(view.name);
  const auto stream = client->observe().ListConnections(call.get(), request);
  std::map<std::string, std::pair<uint64_t, uint64_t>> counts;
  v1::ListConnectionsResponse response;
  while (stream->Read(&response)) {
    for (const v1::Connection& connection : response.connections()) {
      if (connection.service() != view.name) continue;
      const v1::Flow& reply = connection.reply();
      auto& [connections, bytes] =
          counts[absl::StrCat(reply.protocol_name(), " ",
                              EndText(reply.source(), reply.source_port()))];
      ++connections;
      bytes += connection.original_bytes() + connection.reply_bytes();
    }
  }
  RETURN_IF_ERROR(ToStatus(stream->Finish()));
  for (Backend& backend : view.backends) {
    const auto found = counts.find(absl::StrCat(
        backend.protocol, " ", EndText(backend.address, backend.port)));
    if (found == counts.end()) continue;
    std::tie(backend.connections, backend.bytes) = found->second;
  }
  return absl::OkStatus();
}

size_t ReadyCount(const ServiceView& view) {
  size_t count = 0;
  for (const Backend& backend : view.backends) count += backend.ready;
  return count;
}

std::vector<std::string> PortTexts(const v1::Service& service) {
  std::vector<std::string> texts;
  for (const auto& port : service.ports()) {
    texts.push_back(absl::StrCat(port.port(), "/",
                                 ProtocolText(port.protocol()),
                                 port.name().empty() ? "" : " ", port.name()));
  }
  return texts;
}

std::string TypeText(const v1::Service& service) {
  const std::string text = Spell(kServiceTypeSpellings, service.type());
  return text.empty() ? "ClusterIP" : text;
}

std::string PolicyText(v1::TrafficPolicy policy) {
  const std::string text = Spell(kTrafficPolicySpellings, policy);
  return text.empty() ? "Cluster" : text;
}

bool HasAffinity(const v1::Service& service) {
  return service.session_affinity() == v1::SESSION_AFFINITY_CLIENT_IP;
}

template <typename List>
Json ListJson(const List& list) {
  Json json = Json::array();
  for (const auto& element : list) json.push_back(element);
  return json;
}

Json ServiceJson(const ServiceView& view) {
  const v1::Service& spec = view.spec;
  Json ports = Json::array();
  for (const auto& port : spec.ports()) {
    ports.push_back(Json{{"name", port.name()},
                         {"protocol", ProtocolText(port.protocol())},
                         {"port", port.port()},
                         {"nodePort", port.node_port()}});
  }
  return {{"name", view.name},
          {"type", TypeText(spec)},
          {"addresses", ListJson(spec.cluster_ips())},
          {"externalIPs", ListJson(spec.external_ips())},
          {"loadBalancerIPs", ListJson(spec.load_balancer_ips())},
          {"ports", std::move(ports)},
          {"affinitySeconds",
           HasAffinity(spec) ? spec.session_affinity_timeout_seconds() : 0},
          {"internalTrafficPolicy", PolicyText(spec.internal_traffic_policy())},
          {"externalTrafficPolicy", PolicyText(spec.external_traffic_policy())},
          {"trafficDistribution",
           Spell(kTrafficDistributionSpellings, spec.traffic_distribution())},
          {"healthCheckNodePort", spec.health_check_node_port()},
          {"backends", view.backends.size()},
          {"ready", ReadyCount(view)}};
}

// The lines about what a service has beside addresses, ports and backends.
std::string OptionLines(const v1::Service& spec) {
  std::string text;
  auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&text, name, ": ", value, "\n");
  };
  add("external addresses", absl::StrJoin(spec.external_ips(), ", "));
  add("load balancer addresses", absl::StrJoin(spec.load_balancer_ips(), ", "));
  std::vector<std::string> node_ports;
  for (const auto& port : spec.ports()) {
    if (port.node_port() == 0) continue;
    node_ports.push_back(
        absl::StrCat(port.node_port(), "/", ProtocolText(port.protocol())));
  }
  add("node ports", absl::StrJoin(node_ports, ", "));
  if (HasAffinity(spec)) {
    add("session affinity",
        absl::StrCat("by client address, for ",
                     spec.session_affinity_timeout_seconds(), " s"));
  }
  add("traffic policy",
      absl::StrCat("internal ", PolicyText(spec.internal_traffic_policy()),
                   ", external ", PolicyText(spec.external_traffic_policy())));
  add("traffic distribution",
      Spell(kTrafficDistributionSpellings, spec.traffic_distribution()));
  if (spec.health_check_node_port() != 0) {
    add("health check",
        absl::StrCat("HTTP at port ", spec.health_check_node_port(),
                     " of the node"));
  }
  return text;
}

Json BackendJson(const Backend& backend) {
  return {{"address", backend.address},
          {"port", backend.port},
          {"protocol", backend.protocol},
          {"portName", backend.port_name},
          {"pod", backend.pod},
          {"node", backend.node},
          {"ready", backend.ready},
          {"terminating", backend.terminating},
          {"connections", backend.connections},
          {"bytes", backend.bytes}};
}

absl::StatusOr<int> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(const auto views, LoadServices(context));
  Table table({"NAME", "TYPE", "ADDRESSES", "PORTS", "BACKENDS", "READY"});
  Json list = Json::array();
  for (const auto& [name, view] : views) {
    list.push_back(ServiceJson(view));
    table.AddRow(
        {name, TypeText(view.spec), absl::StrJoin(view.spec.cluster_ips(), ","),
         absl::StrJoin(PortTexts(view.spec), ","),
         absl::StrCat(view.backends.size()), absl::StrCat(ReadyCount(view))});
  }
  if (context.PrintJson({{"services", list}})) return kExitOk;
  context.out << (table.empty() ? "no services\n" : table.ToText());
  return kExitOk;
}

absl::StatusOr<int> RunGet(CommandContext& context, const std::string& name) {
  ASSIGN_OR_RETURN(const ServiceView view, LoadService(context, name));
  if (context.PrintJson(ServiceJson(view))) return kExitOk;
  context.out << Printable(absl::StrCat("Service ", view.name)) << "\n"
              << "type: " << TypeText(view.spec) << "\n"
              << "addresses: "
              << (view.spec.cluster_ips().empty()
                      ? "none, it is headless"
                      : absl::StrJoin(view.spec.cluster_ips(), ", "))
              << "\n"
              << "ports: " << absl::StrJoin(PortTexts(view.spec), ", ") << "\n"
              << OptionLines(view.spec) << "backends: " << view.backends.size()
              << ", " << ReadyCount(view) << " of them ready\n";
  return kExitOk;
}

absl::StatusOr<int> RunBackends(CommandContext& context,
                                const std::string& name) {
  ASSIGN_OR_RETURN(ServiceView view, LoadService(context, name));
  RETURN_IF_ERROR(CountConnections(context, view));
  Table table({"BACKEND", "PROTOCOL", "PORT NAME", "POD", "NODE", "READY",
               "CONNECTIONS", "BYTES"});
  Json list = Json::array();
  for (const Backend& backend : view.backends) {
    list.push_back(BackendJson(backend));
    table.AddRow({EndText(backend.address, backend.port), backend.protocol,
                  backend.port_name, backend.pod, backend.node,
                  absl::StrCat(backend.ready ? "yes" : "no",
                               backend.terminating ? ", terminating" : ""),
                  absl::StrCat(backend.connections),
                  absl::StrCat(backend.bytes)});
  }
  if (context.PrintJson({{"backends", list}})) return kExitOk;
  context.out << (table.empty() ? "no backends\n" : table.ToText());
  return kExitOk;
}

}  // namespace

void AddServiceCommand(CLI::App& app, CommandContext& context) {
  CLI::App* group = app.add_subcommand("service", "Show Services and backends");
  group->require_subcommand(1);
  group->footer(R"(
BACKENDS and READY count endpoints, once for each port.

Examples:
  vswitchctl service list
  vswitchctl service backends demo/db     who answers, and how much each)");
  CLI::App* list = group->add_subcommand("list", "Show all Services");
  list->callback(
      [&context] { context.run = [&context] { return RunList(context); }; });
  auto name = std::make_shared<std::string>();
  CLI::App* get = group->add_subcommand("get", "Show one Service");
  get->add_option("name", *name, "NAMESPACE/NAME")->required();
  get->callback([&context, name] {
    context.run = [&context, name] { return RunGet(context, *name); };
  });
  CLI::App* backends = group->add_subcommand(
      "backends", "Show who answers, with connections and bytes of each");
  backends->add_option("name", *name, "NAMESPACE/NAME")->required();
  backends->callback([&context, name] {
    context.run = [&context, name] { return RunBackends(context, *name); };
  });
}

}  // namespace vswitch
