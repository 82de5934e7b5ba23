// Manifests to desired state.

#include "controlplane/cli/cluster_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/manifest_files.h"
#include "controlplane/translate/resources.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {

absl::StatusOr<DesiredState> LoadCluster(const std::vector<std::string>& paths,
                                         const std::string& skipped,
                                         std::istream& in) {
  ManifestReader reader("default");
  RETURN_IF_ERROR(ReadManifestFiles(paths, skipped, in, reader));
  DesiredState desired;
  RETURN_IF_ERROR(AddManifests(reader, desired));
  return desired;
}

absl::Status AddManifests(const ManifestReader& reader, DesiredState& desired) {
  std::vector<std::string> faults;
  for (const Manifest& manifest : reader.manifests()) {
    absl::StatusOr<Object> object = ToModel(manifest.resource);
    if (object.ok()) {
      desired.Upsert(*std::move(object));
    } else {
      faults.push_back(
          absl::StrCat(manifest.Place(), ": ", object.status().message()));
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
}

absl::StatusOr<DesiredState> ToDesiredState(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources) {
  DesiredState desired;
  for (const v1::Resource& resource : resources) {
    ASSIGN_OR_RETURN(Object object, ToModel(resource));
    desired.Upsert(std::move(object));
  }
  return desired;
}

}  // namespace vswitch
