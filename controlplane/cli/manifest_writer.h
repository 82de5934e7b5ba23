// controlplane/cli/manifest_writer.h
//
// ToManifest(): a resource of the API as the object that a user would write,
// in Kubernetes' form: what `vswitchctl get -o yaml` prints can be applied
// again.
//
//   std::cout << ToYamlText(ToManifest(resource));
//
// Any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_MANIFEST_WRITER_H_
#define VSWITCH_CONTROLPLANE_CLI_MANIFEST_WRITER_H_

#include "controlplane/cli/output.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// Fields that are not set are left out.  The version stands where Kubernetes
// has it, in metadata.resourceVersion; the owner in managedFields.
Json ToManifest(const v1::Resource& resource);

// Returns a List of them.
Json ToManifestList(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_MANIFEST_WRITER_H_
