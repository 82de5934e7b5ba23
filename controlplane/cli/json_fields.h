// controlplane/cli/json_fields.h
//
// Sets fields of a JSON object and leaves out those that hold nothing.
//
//   Set(spec, "nodeName", pod.node_name());
//
// Any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_JSON_FIELDS_H_
#define VSWITCH_CONTROLPLANE_CLI_JSON_FIELDS_H_

#include <cstdint>
#include <map>
#include <string>

#include "controlplane/cli/output.h"
#include "controlplane/cli/spellings.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

inline void Set(Json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

inline void Set(Json& object, const char* name, uint64_t number) {
  if (number != 0) object[name] = number;
}

template <typename List>
void SetList(Json& object, const char* name, const List& list) {
  for (const auto& element : list) object[name].push_back(element);
}

// Protobuf's maps have no order; ours is that of the keys.
template <typename Map>
void SetMap(Json& object, const char* name, const Map& map) {
  for (const auto& [key, value] :
       std::map<std::string, std::string>(map.begin(), map.end())) {
    object[name][key] = value;
  }
}

inline std::string ProtocolText(v1::Protocol protocol) {
  const std::string text = Spell(kProtocolSpellings, protocol);
  return text.empty() ? "TCP" : text;
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_JSON_FIELDS_H_
