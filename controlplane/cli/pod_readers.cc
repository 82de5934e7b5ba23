// Readers of Namespace, Pod and Node.

#include <string>

#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

constexpr uint64_t kMaxPortNumber = 65535;

// What Kubernetes knows of a container and of a pod, and a switch does not
// need.
constexpr absl::string_view kUnusedOfContainers[] = {"args",
                                                     "command",
                                                     "env",
                                                     "envFrom",
                                                     "image",
                                                     "imagePullPolicy",
                                                     "lifecycle",
                                                     "livenessProbe",
                                                     "name",
                                                     "readinessProbe",
                                                     "resizePolicy",
                                                     "resources",
                                                     "restartPolicy",
                                                     "securityContext",
                                                     "startupProbe",
                                                     "stdin",
                                                     "stdinOnce",
                                                     "terminationMessagePath",
                                                     "terminationMessagePolicy",
                                                     "tty",
                                                     "volumeDevices",
                                                     "volumeMounts",
                                                     "workingDir"};
constexpr absl::string_view kUnusedOfPods[] = {"activeDeadlineSeconds",
                                               "affinity",
                                               "automountServiceAccountToken",
                                               "dnsConfig",
                                               "dnsPolicy",
                                               "enableServiceLinks",
                                               "ephemeralContainers",
                                               "hostAliases",
                                               "hostIPC",
                                               "hostPID",
                                               "hostUsers",
                                               "hostname",
                                               "imagePullSecrets",
                                               "initContainers",
                                               "nodeSelector",
                                               "os",
                                               "overhead",
                                               "preemptionPolicy",
                                               "priority",
                                               "priorityClassName",
                                               "readinessGates",
                                               "resourceClaims",
                                               "resources",
                                               "restartPolicy",
                                               "runtimeClassName",
                                               "schedulerName",
                                               "schedulingGates",
                                               "securityContext",
                                               "serviceAccount",
                                               "setHostnameAsFQDN",
                                               "shareProcessNamespace",
                                               "subdomain",
                                               "terminationGracePeriodSeconds",
                                               "tolerations",
                                               "topologySpreadConstraints",
                                               "volumes"};

void ReadContainer(const YamlNode& node, const std::string& path,
                   ReadContext& context, v1::Pod& pod) {
  MappingReader container(node, path, context);
  container.Each("ports", [&](const YamlNode& item, const std::string& p) {
    MappingReader reader(item, p, context);
    v1::ContainerPort& port = *pod.add_container_ports();
    if (auto name = reader.Text("name")) port.set_name(*name);
    if (auto value = reader.Enum("protocol", kProtocolSpellings)) {
      port.set_protocol(static_cast<v1::Protocol>(*value));
    }
    reader.Require("containerPort");
    if (auto number = reader.Number("containerPort", 1, kMaxPortNumber)) {
      port.set_container_port(static_cast<uint32_t>(*number));
    }
    if (auto number = reader.Number("hostPort", 0, kMaxPortNumber)) {
      port.set_host_port(static_cast<uint32_t>(*number));
    }
    if (auto address = reader.Text("hostIP")) port.set_host_ip(*address);
    reader.Finish();
  });
  container.Ignore(kUnusedOfContainers);
  container.Finish();
}

void ReadPodSpec(const YamlNode& node, const std::string& path,
                 ReadContext& context, v1::Pod& pod) {
  MappingReader spec(node, path, context);
  if (auto name = spec.Text("serviceAccountName")) {
    pod.set_service_account_name(*name);
  }
  if (auto name = spec.Text("nodeName")) pod.set_node_name(*name);
  if (auto value = spec.Bool("hostNetwork")) pod.set_host_network(*value);
  spec.Each("containers", [&](const YamlNode& item, const std::string& p) {
    ReadContainer(item, p, context, pod);
  });
  spec.Ignore(kUnusedOfPods);
  spec.Finish();
}

void ReadPodStatus(const YamlNode& node, const std::string& path,
                   ReadContext& context, v1::Pod& pod) {
  MappingReader status(node, path, context);
  if (auto value = status.Enum("phase", kPodPhaseSpellings)) {
    pod.set_phase(static_cast<v1::PodPhase>(*value));
  }
  const auto first = status.Text("podIP");
  status.Each("podIPs", [&](const YamlNode& item, const std::string& p) {
    MappingReader reader(item, p, context);
    reader.Require("ip");
    if (auto ip = reader.Text("ip")) pod.add_pod_ips(*ip);
    reader.Finish();
  });
  if (first && pod.pod_ips().empty()) pod.add_pod_ips(*first);
  // Kubernetes: podIPs[0] must be podIP.
  if (first && *first != pod.pod_ips(0)) {
    status.Fault("podIP", "must be the first of podIPs");
  }
  status.Ignore({"conditions", "containerStatuses",
                 "ephemeralContainerStatuses", "hostIP", "hostIPs",
                 "initContainerStatuses", "message", "nominatedNodeName",
                 "observedGeneration", "qosClass", "reason", "resize",
                 "resourceClaimStatuses", "startTime"});
  status.Finish();
}

}  // namespace

void ReadNamespace(MappingReader& object) {
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    MappingReader spec(node, path, object.context());
    spec.Ignore({"finalizers"});
    spec.Finish();
  });
  object.Ignore({"status"});
}

void ReadPod(MappingReader& object, v1::Pod& pod) {
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    ReadPodSpec(node, path, object.context(), pod);
  });
  object.Mapping("status", [&](const YamlNode& node, const std::string& path) {
    ReadPodStatus(node, path, object.context(), pod);
  });
}

void ReadNode(MappingReader& object, v1::Node& result) {
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    MappingReader spec(node, path, object.context());
    const auto first = spec.Text("podCIDR");
    for (std::string& cidr : spec.TextList("podCIDRs")) {
      result.add_pod_cidrs(std::move(cidr));
    }
    if (first && result.pod_cidrs().empty()) result.add_pod_cidrs(*first);
    spec.Ignore({"configSource", "externalID", "providerID", "taints",
                 "unschedulable"});
    spec.Finish();
  });
  object.Mapping("status", [&](const YamlNode& node, const std::string& path) {
    ReadContext& context = object.context();
    MappingReader status(node, path, context);
    status.Each("addresses", [&](const YamlNode& item, const std::string& p) {
      MappingReader reader(item, p, context);
      const auto type = reader.Text("type");
      const auto address = reader.Text("address");
      const bool is_ip =
          type && (*type == "InternalIP" || *type == "ExternalIP");
      if (is_ip && address) result.add_addresses(*address);
      reader.Finish();
    });
    status.Ignore({"allocatable", "capacity", "conditions", "config",
                   "daemonEndpoints", "features", "images", "nodeInfo", "phase",
                   "runtimeHandlers", "volumesAttached", "volumesInUse"});
    status.Finish();
  });
}

}  // namespace vswitch
