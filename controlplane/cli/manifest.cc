// ManifestReader: documents, lists, apiVersion, kind and metadata.

#include "controlplane/cli/manifest.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/mapping_reader.h"
#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

std::string KnownKinds() {
  return absl::StrJoin(
      AllKinds(), ", ", [](std::string* out, const KindInfo& info) {
        absl::StrAppend(out, info.name, " (", info.api_version, ")");
      });
}

void ReadMetadata(MappingReader& object, const KindInfo& info,
                  const std::string& default_namespace,
                  v1::Metadata& metadata) {
  object.Require("metadata");
  object.Mapping("metadata", [&](const YamlNode& node, const std::string& p) {
    MappingReader reader(node, p, object.context());
    if (auto name = reader.Text("name")) metadata.set_name(*name);
    if (metadata.name().empty()) reader.Fault("name", "is missing");
    if (auto ns = reader.Text("namespace")) metadata.set_namespace_(*ns);
    if (auto uid = reader.Text("uid")) metadata.set_uid(*uid);
    if (!info.namespaced && !metadata.namespace_().empty()) {
      reader.Fault("namespace",
                   absl::StrCat("a ", info.name, " is not in a namespace"));
    }
    for (auto& [key, value] : reader.TextMap("labels")) {
      (*metadata.mutable_labels())[key] = value;
    }
    for (auto& [key, value] : reader.TextMap("annotations")) {
      (*metadata.mutable_annotations())[key] = value;
    }
    reader.Ignore({"creationTimestamp", "deletionGracePeriodSeconds",
                   "deletionTimestamp", "finalizers", "generateName",
                   "generation", "managedFields", "ownerReferences",
                   "resourceVersion", "selfLink"});
    reader.Finish();
  });
  if (info.namespaced && metadata.namespace_().empty()) {
    metadata.set_namespace_(default_namespace);
  }
}

void ReadSpec(MappingReader& object, v1::ResourceKind kind,
              v1::Resource& resource) {
  switch (kind) {
    case v1::RESOURCE_KIND_NAMESPACE:
      resource.mutable_namespace_();
      ReadNamespace(object);
      break;
    case v1::RESOURCE_KIND_POD:
      ReadPod(object, *resource.mutable_pod());
      break;
    case v1::RESOURCE_KIND_SERVICE:
      ReadService(object, *resource.mutable_service());
      break;
    case v1::RESOURCE_KIND_ENDPOINT_SLICE:
      ReadEndpointSlice(object, *resource.mutable_endpoint_slice());
      break;
    case v1::RESOURCE_KIND_NETWORK_POLICY:
      ReadNetworkPolicy(object, *resource.mutable_network_policy());
      break;
    case v1::RESOURCE_KIND_CLUSTER_NETWORK_POLICY:
      ReadClusterNetworkPolicy(object,
                               *resource.mutable_cluster_network_policy());
      break;
    case v1::RESOURCE_KIND_CILIUM_NETWORK_POLICY:
      ReadCiliumSpecs(
          object, /*clusterwide=*/false,
          *resource.mutable_cilium_network_policy()->mutable_specs());
      break;
    case v1::RESOURCE_KIND_CILIUM_CLUSTERWIDE_NETWORK_POLICY:
      ReadCiliumSpecs(object, /*clusterwide=*/true,
                      *resource.mutable_cilium_clusterwide_network_policy()
                           ->mutable_specs());
      break;
    case v1::RESOURCE_KIND_NODE:
      ReadNode(object, *resource.mutable_node());
      break;
    case v1::RESOURCE_KIND_PORT:
      ReadPort(object, *resource.mutable_port());
      break;
    case v1::RESOURCE_KIND_SETTINGS:
      ReadSettings(object, *resource.mutable_settings());
      break;
    default:
      break;
  }
}

// "List", and "PodList" and the like.
bool IsList(const YamlNode& node) {
  const YamlNode* kind = node.Find("kind");
  return kind != nullptr && absl::EndsWith(kind->text, "List") &&
         node.Find("items") != nullptr;
}

// Returns the kind of the object, or nullptr after reporting why not.
const KindInfo* ReadKind(MappingReader& object) {
  object.Require("apiVersion");
  object.Require("kind");
  const auto api_version = object.Text("apiVersion");
  const auto kind = object.Text("kind");
  if (!api_version || !kind) return nullptr;
  const KindInfo* info = KindByName(*kind);
  if (info == nullptr) {
    object.Fault("kind", absl::StrCat("unknown kind ", *kind,
                                      "; vswitch takes ", KnownKinds()));
    return nullptr;
  }
  if (*api_version != info->api_version) {
    object.Fault("apiVersion",
                 absl::StrCat("\"", *api_version, "\" has no ", *kind,
                              " that vswitch takes; want ", info->api_version));
    return nullptr;
  }
  return info;
}

}  // namespace

std::string Manifest::Place() const {
  return absl::StrCat(file, ":", position.line);
}

void ManifestReader::Read(absl::string_view file, const std::string& text) {
  YamlErrors errors(file);
  const std::vector<YamlNode> documents = ParseYaml(text, errors);
  for (const YamlNode& document : documents) {
    ReadObject(file, document, errors);
  }
  messages_.insert(messages_.end(), errors.messages().begin(),
                   errors.messages().end());
  warnings_.insert(warnings_.end(), errors.warnings().begin(),
                   errors.warnings().end());
}

void ManifestReader::ReadObject(absl::string_view file, const YamlNode& node,
                                YamlErrors& errors) {
  if (IsList(node)) {
    ReadList(file, node, errors);
    return;
  }
  ReadContext context{.errors = errors};
  MappingReader object(node, "", context);
  if (node.kind != YamlNode::Kind::kMapping) return;
  const size_t faults_before = errors.messages().size();
  const KindInfo* info = ReadKind(object);
  if (info == nullptr) return;
  context.object = std::string(info->name);

  Manifest manifest{.file = std::string(file), .position = node.position};
  v1::Metadata& metadata = *manifest.resource.mutable_metadata();
  ReadMetadata(object, *info, default_namespace_, metadata);
  v1::ResourceKey key;
  key.set_kind(info->kind);
  key.set_namespace_(metadata.namespace_());
  key.set_name(metadata.name());
  const std::string key_text = KeyText(key);
  context.object = key_text;
  ReadSpec(object, info->kind, manifest.resource);
  object.Finish();
  if (errors.messages().size() != faults_before) return;

  const auto [existing, inserted] =
      by_key_.emplace(key_text, manifests_.size());
  if (!inserted) {
    context.Add(node.position, "",
                absl::StrCat("was already given at ",
                             manifests_[existing->second].Place()));
    return;
  }
  manifests_.push_back(std::move(manifest));
}

void ManifestReader::ReadList(absl::string_view file, const YamlNode& node,
                              YamlErrors& errors) {
  ReadContext context{.errors = errors, .object = "List"};
  MappingReader list(node, "", context);
  list.Ignore({"apiVersion", "kind", "metadata"});
  list.Each("items", [&](const YamlNode& item, const std::string&) {
    ReadObject(file, item, errors);
  });
  list.Finish();
}

absl::Status ManifestReader::status() const {
  if (messages_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(messages_, "\n"));
}

const Manifest* ManifestReader::Find(const v1::ResourceKey& key) const {
  const auto found = by_key_.find(KeyText(key));
  return found == by_key_.end() ? nullptr : &manifests_[found->second];
}

}  // namespace vswitch
