// controlplane/translate/to_model_internal.h
//
// The parts of ToModel(): one function a kind, each reading one message into
// its model and leaving what is wrong with the reader.  Private to
// controlplane/translate.
//
//   FieldPath path(nullptr, "pod");
//   object.spec = ReadPod(reader, path, resource.pod());
//
// Pure functions but for the reader.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_TO_MODEL_INTERNAL_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_TO_MODEL_INTERNAL_H_

#include <string>
#include <vector>

#include "controlplane/model/objects.h"
#include "controlplane/translate/field_reader.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

IpProtocol ReadProtocol(v1::Protocol protocol);
// Adds a fault if `key` is no key of a label.
using LabelKeyCheck = void (*)(FieldReader& reader, const FieldPath& path,
                               const std::string& key);
void CheckKubernetesKey(FieldReader& reader, const FieldPath& path,
                        const std::string& key);
LabelSelector ReadSelector(FieldReader& reader, const FieldPath& path,
                           const v1::LabelSelector& message,
                           LabelKeyCheck check_key = CheckKubernetesKey);
// Exceptions must lie strictly inside.
IpBlock ReadIpBlock(FieldReader& reader, const FieldPath& path,
                    const v1::IpBlock& message);

// Of containers, services and the policies that name them.
inline constexpr size_t kMaxPortNameLength = 63;

// Each is a list of the field `name` behind `parent`; addresses must not stand
// there twice.
std::vector<IpAddress> ReadAddresses(
    FieldReader& reader, const FieldPath& parent, absl::string_view name,
    const google::protobuf::RepeatedPtrField<std::string>& in);
std::vector<IpPrefix> ReadPrefixes(
    FieldReader& reader, const FieldPath& parent, absl::string_view name,
    const google::protobuf::RepeatedPtrField<std::string>& in);
// Adds a fault for each address that no service and no backend can have.
void CheckReachable(FieldReader& reader, const FieldPath& parent,
                    absl::string_view name,
                    const std::vector<IpAddress>& addresses);
// Adds a fault when there are two of one family.
void CheckOnePerFamily(FieldReader& reader, const FieldPath& parent,
                       absl::string_view name,
                       const std::vector<IpAddress>& addresses);

Pod ReadPod(FieldReader& reader, const FieldPath& path, const v1::Pod& message);
Service ReadService(FieldReader& reader, const FieldPath& path,
                    const v1::Service& message);
EndpointSlice ReadEndpointSlice(FieldReader& reader, const FieldPath& path,
                                const v1::EndpointSlice& message);
NetworkPolicy ReadNetworkPolicy(FieldReader& reader, const FieldPath& path,
                                const v1::NetworkPolicy& message);
ClusterNetworkPolicy ReadClusterNetworkPolicy(
    FieldReader& reader, const FieldPath& path,
    const v1::ClusterNetworkPolicy& message);
// `path` is that of the policy; `clusterwide` says which of the two kinds.
std::vector<CiliumPolicySpec> ReadCiliumSpecs(
    FieldReader& reader, const FieldPath& path, bool clusterwide,
    const google::protobuf::RepeatedPtrField<v1::CiliumPolicySpec>& specs);
Node ReadNode(FieldReader& reader, const FieldPath& path,
              const v1::Node& message);
Port ReadPort(FieldReader& reader, const FieldPath& path,
              const v1::Port& message);
SwitchSettings ReadSettings(FieldReader& reader, const FieldPath& path,
                            const v1::Settings& message);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_TO_MODEL_INTERNAL_H_
