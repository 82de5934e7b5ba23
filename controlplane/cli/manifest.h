// controlplane/cli/manifest.h
//
// ReadManifests(): YAML (or JSON) files in the language of Kubernetes become
// resources of the API.
//
// Accepted: Namespace, Pod, Service, Node (v1), EndpointSlice
// (discovery.k8s.io/v1), NetworkPolicy (networking.k8s.io/v1),
// ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), CiliumNetworkPolicy
// and CiliumClusterwideNetworkPolicy (cilium.io/v2), Port and Settings
// (vswitch.dev/v1), one or many documents in a file, and lists of
// them as `kubectl get -o yaml` prints.  What Kubernetes knows and a switch has
// no use for (containers' images, managedFields, status) is accepted; any
// other unknown field or kind is an error with file, line and field.
//
//   ManifestReader reader("default");
//   reader.Read("policy.yaml", text);
//   if (!reader.status().ok()) return reader.status();
//   for (const Manifest& manifest : reader.manifests()) ...
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_MANIFEST_H_
#define VSWITCH_CONTROLPLANE_CLI_MANIFEST_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controlplane/cli/yaml_tree.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// One resource and where it stands.
struct Manifest {
  v1::Resource resource;
  std::string file;
  YamlPosition position;

  // Returns "policy.yaml:12".
  std::string Place() const;
};

class ManifestReader {
 public:
  // Resources that name no namespace get `default_namespace`.
  explicit ManifestReader(absl::string_view default_namespace)
      : default_namespace_(default_namespace) {}

  // Adds the resources of one file.  `file` is for messages; "-": standard
  // input.
  void Read(absl::string_view file, const std::string& text);

  // Returns every fault of every file, a line each, or OK.
  absl::Status status() const;
  // What is accepted and may not be what was meant, a line each, with its
  // place.
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<Manifest>& manifests() const { return manifests_; }
  // Returns the manifest of that resource, or nullptr.
  const Manifest* Find(const v1::ResourceKey& key) const;

 private:
  void ReadObject(absl::string_view file, const YamlNode& node,
                  YamlErrors& errors);
  void ReadList(absl::string_view file, const YamlNode& node,
                YamlErrors& errors);

  const std::string default_namespace_;
  std::vector<Manifest> manifests_;
  std::map<std::string, size_t> by_key_;  // "Pod demo/web" -> manifests_
  std::vector<std::string> messages_;
  std::vector<std::string> warnings_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_MANIFEST_H_
