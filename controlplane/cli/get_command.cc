// vswitchctl get: resources as tables, YAML or JSON.

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/manifest_writer.h"
#include "controlplane/cli/spellings.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct GetOptions {
  std::string kind;
  std::string name;
  std::string ns;
  std::string selector;
};

std::string LabelsText(
    const google::protobuf::Map<std::string, std::string>& labels) {
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

std::string CiliumSummary(
    const google::protobuf::RepeatedPtrField<v1::CiliumPolicySpec>& specs) {
  int ingress = 0;
  int egress = 0;
  for (const auto& spec : specs) {
    ingress += spec.ingress_size() + spec.ingress_deny_size();
    egress += spec.egress_size() + spec.egress_deny_size();
  }
  return absl::StrCat(ingress, " ingress, ", egress, " egress rules");
}

std::string PolicySummary(const v1::Resource& resource) {
  switch (resource.spec_case()) {
    case v1::Resource::kNetworkPolicy:
      return absl::StrCat(resource.network_policy().ingress_size(),
                          " ingress, ", resource.network_policy().egress_size(),
                          " egress rules");
    case v1::Resource::kClusterNetworkPolicy: {
      const v1::ClusterNetworkPolicy& policy =
          resource.cluster_network_policy();
      return absl::StrCat(Spell(kClusterPolicyTierSpellings, policy.tier()),
                          ", priority ", policy.priority(), ", ",
                          policy.ingress_size(), " ingress, ",
                          policy.egress_size(), " egress rules");
    }
    case v1::Resource::kCiliumNetworkPolicy:
      return CiliumSummary(resource.cilium_network_policy().specs());
    case v1::Resource::kCiliumClusterwideNetworkPolicy:
      return CiliumSummary(
          resource.cilium_clusterwide_network_policy().specs());
    default:
      return "";
  }
}

// Returns what a person wants to know of the resource, in one line.
std::string Summary(const v1::Resource& resource) {
  switch (resource.spec_case()) {
    case v1::Resource::kPod:
      return absl::StrJoin(resource.pod().pod_ips(), ",");
    case v1::Resource::kService: {
      std::vector<std::string> ports;
      for (const auto& port : resource.service().ports()) {
        const std::string protocol = Spell(kProtocolSpellings, port.protocol());
        ports.push_back(absl::StrCat(port.port(), "/",
                                     protocol.empty() ? "TCP" : protocol));
      }
      return absl::StrCat(absl::StrJoin(resource.service().cluster_ips(), ","),
                          " ", absl::StrJoin(ports, ","));
    }
    case v1::Resource::kEndpointSlice: {
      std::vector<std::string> addresses;
      for (const auto& endpoint : resource.endpoint_slice().endpoints()) {
        if (!endpoint.addresses().empty()) {
          addresses.push_back(endpoint.addresses(0));
        }
      }
      return absl::StrJoin(addresses, ",");
    }
    case v1::Resource::kNode:
      return absl::StrJoin(resource.node().pod_cidrs(), ",");
    case v1::Resource::kPort:
      return resource.port().driver() == v1::PORT_DRIVER_DPDK
                 ? resource.port().device()
                 : resource.port().netns();
    default:
      return PolicySummary(resource);
  }
}

void PrintTable(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources,
    CommandContext& context) {
  if (resources.empty()) {
    context.out << "nothing found\n";
    return;
  }
  Table table({"KIND", "NAME", "VERSION", "OWNER", "LABELS", "WHAT"});
  for (const auto& resource : resources) {
    const KindInfo* info = KindOf(resource);
    const v1::Metadata& metadata = resource.metadata();
    table.AddRow({info == nullptr ? "?" : std::string(info->name),
                  absl::StrCat(metadata.namespace_(),
                               metadata.namespace_().empty() ? "" : "/",
                               metadata.name()),
                  absl::StrCat(metadata.version()), metadata.owner(),
                  LabelsText(metadata.labels()), Summary(resource)});
  }
  context.out << table.ToText();
}

// "role=web,tier!=old,key,!other" becomes a label selector.
absl::Status ParseSelector(const std::string& text,
                           v1::LabelSelector& selector) {
  const std::vector<std::string> parts =
      absl::StrSplit(text, ',', absl::SkipWhitespace());
  for (const std::string& part : parts) {
    auto& requirement = *selector.add_match_expressions();
    const size_t unequal = part.find("!=");
    const size_t equal = part.find('=');
    if (unequal != std::string::npos && unequal > 0) {
      requirement.set_key(part.substr(0, unequal));
      requirement.set_operator_(v1::SELECTOR_OPERATOR_NOT_IN);
      requirement.add_values(part.substr(unequal + 2));
    } else if (equal != std::string::npos && equal > 0) {
      requirement.set_key(part.substr(0, equal));
      requirement.set_operator_(v1::SELECTOR_OPERATOR_IN);
      const size_t value = part[equal + 1] == '=' ? equal + 2 : equal + 1;
      requirement.add_values(part.substr(value));
    } else if (equal == std::string::npos && part[0] != '!') {
      requirement.set_key(part);
      requirement.set_operator_(v1::SELECTOR_OPERATOR_EXISTS);
    } else if (equal == std::string::npos && part.size() > 1) {
      requirement.set_key(part.substr(1));
      requirement.set_operator_(v1::SELECTOR_OPERATOR_DOES_NOT_EXIST);
    } else {
      return UsageError(absl::InvalidArgumentError(absl::StrCat(
          "-l ", text, ": want KEY=VALUE, KEY!=VALUE, KEY or !KEY")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunGetOne(CommandContext& context, const KindInfo& info,
                              const GetOptions& options) {
  v1::GetRequest request;
  v1::ResourceKey& key = *request.mutable_key();
  key.set_kind(info.kind);
  key.set_name(options.name);
  if (info.namespaced) {
    const size_t slash = options.name.find('/');
    key.set_namespace_(options.ns.empty() ? "default" : options.ns);
    if (slash != std::string::npos) {
      key.set_namespace_(options.name.substr(0, slash));
      key.set_name(options.name.substr(slash + 1));
    }
  }
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().Get(client->NewContext().get(), request, &response)));
  if (context.PrintJson(ToManifest(response.resource()))) return kExitOk;
  google::protobuf::RepeatedPtrField<v1::Resource> one;
  *one.Add() = response.resource();
  PrintTable(one, context);
  return kExitOk;
}

absl::StatusOr<int> RunGet(CommandContext& context, const GetOptions& options) {
  const KindInfo* info = KindByCommandName(options.kind);
  if (info == nullptr && options.kind != "all") {
    const std::string known =
        absl::StrJoin(AllKinds(), ", ", [](std::string* out, const auto& kind) {
          absl::StrAppend(out, kind.command_names[1]);
        });
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "unknown kind ", options.kind, "; want ", known, " or all")));
  }
  if (!options.name.empty()) {
    if (info == nullptr) {
      return UsageError(
          absl::InvalidArgumentError("get all takes no name; say the kind"));
    }
    return RunGetOne(context, *info, options);
  }
  v1::ListRequest request;
  if (info != nullptr) request.set_kind(info->kind);
  request.set_namespace_(options.ns);
  if (!options.selector.empty()) {
    RETURN_IF_ERROR(
        ParseSelector(options.selector, *request.mutable_label_selector()));
  }
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ListResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().List(client->NewContext().get(), request, &response)));
  if (context.PrintJson(ToManifestList(response.resources()))) return kExitOk;
  PrintTable(response.resources(), context);
  return kExitOk;
}

}  // namespace

void AddGetCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* command =
      app.add_subcommand("get", "Show resources as they were asked for");
  command
      ->add_option("kind", options->kind,
                   "pods, services, networkpolicies, ports... or all")
      ->required();
  command->add_option("name", options->name, "Name, or namespace/name");
  command->add_option("-n,--namespace", options->ns, "Only this namespace");
  command->add_option("-l,--selector", options->selector,
                      "Only these labels: role=web,tier!=old");
  command->footer(R"(
Examples:
  vswitchctl get pods
  vswitchctl get networkpolicy demo/backend-from-frontend -o yaml
  vswitchctl get all -o yaml > backup.yaml)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunGet(context, *options); };
  });
}

}  // namespace vswitch
