// ToModel() of resources and keys: metadata and the choice of the kind.

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/model/policy_annotations.h"
#include "controlplane/translate/field_reader.h"
#include "controlplane/translate/resources.h"
#include "controlplane/translate/to_model_internal.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr size_t kMaxNameLength = 253;           // RFC 1123, Kubernetes' limit
constexpr size_t kMaxNamespaceLength = 63;       // a DNS label
constexpr size_t kMaxSwitchPortNameLength = 63;  // fits a PortRecord
constexpr size_t kMaxAnnotationBytes = 256 * 1024;  // Kubernetes' limit
constexpr size_t kMaxUidLength = 128;  // 36 in Kubernetes, whose form is open

std::optional<ObjectKind> KindOfSpec(v1::Resource::SpecCase spec) {
  switch (spec) {
    case v1::Resource::kNamespace:
      return ObjectKind::kNamespace;
    case v1::Resource::kPod:
      return ObjectKind::kPod;
    case v1::Resource::kService:
      return ObjectKind::kService;
    case v1::Resource::kEndpointSlice:
      return ObjectKind::kEndpointSlice;
    case v1::Resource::kNetworkPolicy:
      return ObjectKind::kNetworkPolicy;
    case v1::Resource::kNode:
      return ObjectKind::kNode;
    case v1::Resource::kPort:
      return ObjectKind::kPort;
    case v1::Resource::kSettings:
      return ObjectKind::kSettings;
    case v1::Resource::kClusterNetworkPolicy:
      return ObjectKind::kClusterNetworkPolicy;
    case v1::Resource::kCiliumNetworkPolicy:
      return ObjectKind::kCiliumNetworkPolicy;
    case v1::Resource::kCiliumClusterwideNetworkPolicy:
      return ObjectKind::kCiliumClusterwideNetworkPolicy;
    case v1::Resource::SPEC_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

// A port is usually named "namespace/pod": DNS names joined by '/'.
void CheckPortName(FieldReader& reader, const FieldPath& path,
                   const std::string& name) {
  if (name.size() > kMaxSwitchPortNameLength) {
    reader.AddFault(
        path, absl::StrCat("is ", name.size(), " characters long, ", "at most ",
                           kMaxSwitchPortNameLength, " fit a port's name"));
    return;
  }
  size_t slash = name.find('/');
  reader.CheckDnsName(path, name.substr(0, slash), kMaxSwitchPortNameLength);
  if (slash != std::string::npos) {
    reader.CheckDnsName(path, name.substr(slash + 1), kMaxSwitchPortNameLength);
  }
}

void CheckName(FieldReader& reader, const FieldPath& parent,
               const ObjectKey& key) {
  FieldPath name(&parent, "name");
  if (key.kind == ObjectKind::kPort) {
    CheckPortName(reader, name, key.name);
  } else if (key.kind == ObjectKind::kSettings) {
    if (key.name != kSettingsName) {
      reader.AddFault(name, absl::StrCat("the settings are one resource, ",
                                         "named \"", kSettingsName, "\""));
    }
  } else {
    reader.CheckDnsName(name, key.name, kMaxNameLength);
  }
  FieldPath ns(&parent, "namespace");
  if (IsNamespaced(key.kind)) {
    reader.CheckDnsName(ns, key.ns, kMaxNamespaceLength);
  } else if (!key.ns.empty()) {
    reader.AddFault(ns, absl::StrCat("must be empty: a ", ToString(key.kind),
                                     " is in no namespace"));
  }
}

ObjectKey MakeKey(ObjectKind kind, const std::string& ns,
                  const std::string& name) {
  ObjectKey key{kind, ns, name};
  if (IsNamespaced(kind) && ns.empty()) key.ns = "default";
  return key;
}

// Names the annotation in brackets, as its key holds dots.
void CheckPolicyAnnotations(FieldReader& reader, const FieldPath& path,
                            const Metadata& metadata) {
  for (AnnotationFault& fault :
       FaultsOfPolicyAnnotations(metadata.annotations)) {
    std::string name = absl::StrCat("annotations[", fault.key, "]");
    reader.AddFault({&path, name}, std::move(fault.message));
  }
}

Metadata ReadMetadata(FieldReader& reader, const ObjectKey& key,
                      const v1::Metadata& message) {
  FieldPath path(nullptr, "metadata");
  CheckName(reader, path, key);
  FieldPath annotations(&path, "annotations");
  for (const auto& [name, value] : message.annotations()) {
    reader.CheckLabelKey(annotations, name);
    reader.CheckLength(annotations, value, kMaxAnnotationBytes);
  }
  reader.CheckLength({&path, "uid"}, message.uid(), kMaxUidLength);
  Metadata metadata;
  metadata.name = key.name;
  metadata.ns = key.ns;
  metadata.labels = reader.ReadLabels({&path, "labels"}, message.labels());
  metadata.annotations =
      Labels(message.annotations().begin(), message.annotations().end());
  metadata.version = message.version();
  metadata.uid = message.uid();
  metadata.created_version = message.created_version();
  if (IsPolicy(key.kind)) CheckPolicyAnnotations(reader, path, metadata);
  return metadata;
}

void ReadSpec(FieldReader& reader, const v1::Resource& resource,
              Object& object) {
  switch (resource.spec_case()) {
    case v1::Resource::kPod:
      object.spec = ReadPod(reader, {nullptr, "pod"}, resource.pod());
      break;
    case v1::Resource::kService:
      object.spec =
          ReadService(reader, {nullptr, "service"}, resource.service());
      break;
    case v1::Resource::kEndpointSlice:
      object.spec = ReadEndpointSlice(reader, {nullptr, "endpoint_slice"},
                                      resource.endpoint_slice());
      break;
    case v1::Resource::kNetworkPolicy:
      object.spec = ReadNetworkPolicy(reader, {nullptr, "network_policy"},
                                      resource.network_policy());
      break;
    case v1::Resource::kNode:
      object.spec = ReadNode(reader, {nullptr, "node"}, resource.node());
      break;
    case v1::Resource::kPort:
      object.spec = ReadPort(reader, {nullptr, "port"}, resource.port());
      break;
    case v1::Resource::kSettings:
      object.spec =
          ReadSettings(reader, {nullptr, "settings"}, resource.settings());
      break;
    case v1::Resource::kClusterNetworkPolicy:
      object.spec =
          ReadClusterNetworkPolicy(reader, {nullptr, "cluster_network_policy"},
                                   resource.cluster_network_policy());
      break;
    case v1::Resource::kCiliumNetworkPolicy:
      object.spec = CiliumNetworkPolicy{
          ReadCiliumSpecs(reader, {nullptr, "cilium_network_policy"}, false,
                          resource.cilium_network_policy().specs())};
      break;
    case v1::Resource::kCiliumClusterwideNetworkPolicy:
      object.spec = CiliumClusterwideNetworkPolicy{ReadCiliumSpecs(
          reader, {nullptr, "cilium_clusterwide_network_policy"}, true,
          resource.cilium_clusterwide_network_policy().specs())};
      break;
    case v1::Resource::kNamespace:
    case v1::Resource::SPEC_NOT_SET:
      object.spec = Namespace{};
      break;
  }
}

}  // namespace

absl::StatusOr<Object> ToModel(const v1::Resource& resource) {
  std::optional<ObjectKind> kind = KindOfSpec(resource.spec_case());
  if (!kind) {
    return FaultStatus(
        absl::StatusCode::kInvalidArgument,
        Fault{std::nullopt, "spec",
              absl::StrCat("resource \"", resource.metadata().name(),
                           "\" has no specification of a known kind")});
  }
  ObjectKey key = MakeKey(*kind, resource.metadata().namespace_(),
                          resource.metadata().name());
  FieldReader reader(key);
  reader.CheckKnownFields(resource, nullptr);
  Object object;
  object.metadata = ReadMetadata(reader, key, resource.metadata());
  ReadSpec(reader, resource, object);
  RETURN_IF_ERROR(reader.status());
  return object;
}

absl::StatusOr<ObjectKey> ToModel(const v1::ResourceKey& key) {
  std::optional<ObjectKind> kind = ToModel(key.kind());
  if (!kind) {
    return FaultStatus(absl::StatusCode::kInvalidArgument,
                       Fault{std::nullopt, "key.kind",
                             absl::StrCat("of \"", key.name(),
                                          "\" must be set to a known kind")});
  }
  ObjectKey result = MakeKey(*kind, key.namespace_(), key.name());
  FieldReader reader(result);
  CheckName(reader, FieldPath(nullptr, "key"), result);
  RETURN_IF_ERROR(reader.status());
  return result;
}

absl::StatusOr<LabelSelector> ToModel(const v1::LabelSelector& selector) {
  FieldReader reader(std::nullopt);
  FieldPath path(nullptr, "label_selector");
  reader.CheckKnownFields(selector, &path);
  LabelSelector result = ReadSelector(reader, path, selector);
  RETURN_IF_ERROR(reader.status());
  return result;
}

std::optional<ObjectKind> ToModel(v1::ResourceKind kind) {
  // The API's numbers begin with UNSPECIFIED, the model's with the first kind.
  if (kind < v1::RESOURCE_KIND_NAMESPACE ||
      kind > v1::RESOURCE_KIND_CILIUM_CLUSTERWIDE_NETWORK_POLICY) {
    return std::nullopt;
  }
  return static_cast<ObjectKind>(kind - v1::RESOURCE_KIND_NAMESPACE);
}

v1::ResourceKind ToProto(ObjectKind kind) {
  return static_cast<v1::ResourceKind>(static_cast<int>(kind) +
                                       v1::RESOURCE_KIND_NAMESPACE);
}

}  // namespace vswitch
