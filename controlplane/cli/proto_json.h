// controlplane/cli/proto_json.h
//
// ToJson(): any message of the API for `-o json` and `-o yaml`.
//
// Like protobuf's JSON mapping (camel case, RFC 3339 times, base64 bytes) but
// for two things that programs trip over: 64-bit numbers are numbers, and
// enum values are without the prefix ("UP", not "PORT_STATE_UP").  Every plain
// field is there, also when it is 0 or empty.
//
// Any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_PROTO_JSON_H_
#define VSWITCH_CONTROLPLANE_CLI_PROTO_JSON_H_

#include <string>

#include "controlplane/cli/output.h"
#include "google/protobuf/message.h"

namespace vswitch {

Json ToJson(const google::protobuf::Message& message);

// Returns the enum's value without the prefix that repeats the enum's name.
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_PROTO_JSON_H_
