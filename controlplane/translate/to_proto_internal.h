// controlplane/translate/to_proto_internal.h
//
// The parts of ToProto(): one function a policy kind, each writing one model
// into its message.  Private to controlplane/translate.
//
//   Fill(policy, resource.mutable_network_policy());
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_TO_PROTO_INTERNAL_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_TO_PROTO_INTERNAL_H_

#include <string>
#include <vector>

#include "controlplane/model/objects.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

v1::Protocol ToProto(IpProtocol protocol);

template <typename T>
void AddTexts(const std::vector<T>& values,
              google::protobuf::RepeatedPtrField<std::string>* out) {
  for (const T& value : values) *out->Add() = value.ToString();
}

void Fill(const NetworkPolicy& policy, v1::NetworkPolicy* out);
void Fill(const ClusterNetworkPolicy& policy, v1::ClusterNetworkPolicy* out);
void Fill(const CiliumNetworkPolicy& policy, v1::CiliumNetworkPolicy* out);
void Fill(const CiliumClusterwideNetworkPolicy& policy,
          v1::CiliumClusterwideNetworkPolicy* out);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_TO_PROTO_INTERNAL_H_
