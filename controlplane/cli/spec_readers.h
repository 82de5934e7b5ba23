// controlplane/cli/spec_readers.h
//
// One function for each kind: reads what stands beside apiVersion, kind and
// metadata into the API's message.  Faults go to the reader's context.
//
//   ReadPod(object, *resource.mutable_pod());
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_SPEC_READERS_H_
#define VSWITCH_CONTROLPLANE_CLI_SPEC_READERS_H_

#include "controlplane/cli/mapping_reader.h"
#include "controlplane/cli/spellings.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// `object` is the whole object's reader; the caller calls its Finish().
void ReadNamespace(MappingReader& object);
void ReadPod(MappingReader& object, v1::Pod& pod);
void ReadService(MappingReader& object, v1::Service& service);
void ReadEndpointSlice(MappingReader& object, v1::EndpointSlice& slice);
void ReadNetworkPolicy(MappingReader& object, v1::NetworkPolicy& policy);
void ReadClusterNetworkPolicy(MappingReader& object,
                              v1::ClusterNetworkPolicy& policy);
// `spec` and `specs` of either Cilium kind.
void ReadCiliumSpecs(
    MappingReader& object, bool clusterwide,
    google::protobuf::RepeatedPtrField<v1::CiliumPolicySpec>& specs);
void ReadNode(MappingReader& object, v1::Node& node);
void ReadPort(MappingReader& object, v1::Port& port);
void ReadSettings(MappingReader& object, v1::Settings& settings);

// A Kubernetes LabelSelector.  `role=backend` in the place of `role: backend`
// is refused with what is to be written.
void ReadLabelSelector(const YamlNode& node, const std::string& path,
                       ReadContext& context, v1::LabelSelector& selector);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_SPEC_READERS_H_
