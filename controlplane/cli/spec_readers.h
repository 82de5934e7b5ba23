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

#include "controlplane/cli/field_reader.h"
#include "controlplane/cli/spellings.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// `object` is the whole object's reader; the caller calls its Finish().
void ReadNamespace(FieldReader& object);
void ReadPod(FieldReader& object, v1::Pod& pod);
void ReadService(FieldReader& object, v1::Service& service);
void ReadEndpointSlice(FieldReader& object, v1::EndpointSlice& slice);
void ReadNetworkPolicy(FieldReader& object, v1::NetworkPolicy& policy);
void ReadNode(FieldReader& object, v1::Node& node);
void ReadPort(FieldReader& object, v1::Port& port);
void ReadSettings(FieldReader& object, v1::Settings& settings);

// A Kubernetes LabelSelector.
void ReadLabelSelector(const YamlNode& node, const std::string& path,
                       ReadContext& context, v1::LabelSelector& selector);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_SPEC_READERS_H_
