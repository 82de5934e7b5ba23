// controlplane/cli/cluster_files.h
//
// A cluster from manifests, or from resources of the API, as the desired state
// that the control plane would make of them.
//
//   ASSIGN_OR_RETURN(DesiredState desired,
//                    LoadCluster({"deploy"}, "", std::cin));
//
// Pure but for the files read: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLUSTER_FILES_H_
#define VSWITCH_CONTROLPLANE_CLI_CLUSTER_FILES_H_

#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/cli/manifest.h"
#include "controlplane/model/desired_state.h"
#include "google/protobuf/repeated_field.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// Reads manifests as ReadManifestFiles() does.  Resources that name no
// namespace are in "default".
absl::StatusOr<DesiredState> LoadCluster(const std::vector<std::string>& paths,
                                         const std::string& skipped,
                                         std::istream& in);

// Adds the resources of `reader`, or replaces those of their names.  All faults
// together, with their places, as INVALID_ARGUMENT.
absl::Status AddManifests(const ManifestReader& reader, DesiredState& desired);

// Returns the state that has exactly these resources.
absl::StatusOr<DesiredState> ToDesiredState(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLUSTER_FILES_H_
