// Paths of YAML, walked along the API's descriptors.

#include "controlplane/translate/api_field.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// What has another name in the API, or one level more.
constexpr std::pair<absl::string_view, absl::string_view> kOtherNames[] = {
    {"from", "peers"},
    {"to", "peers"},
    {"fromEndpoints", "endpoints.selectors"},
    {"toEndpoints", "endpoints.selectors"},
    {"fromNodes", "nodes.selectors"},
    {"toNodes", "nodes.selectors"},
    {"fromCIDRSet", "cidrs.blocks"},
    {"toCIDRSet", "cidrs.blocks"},
    {"toServices", "services.services"},
    {"toPorts", "ports"},
    {"pod", "pod_name"},
};

// Returns "NetworkPolicy" as "network_policy".
std::string SnakeCase(absl::string_view name) {
  std::string result;
  for (char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !result.empty()) {
      result.push_back('_');
    }
    result.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// Returns the field of `message` that is called `name` in YAML, where initials
// are written in capitals: clusterIPs.
const FieldDescriptor* FindField(const Descriptor& message,
                                 absl::string_view name) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (field->name() == name ||
        absl::EqualsIgnoreCase(field->json_name(), name)) {
      return field;
    }
  }
  return nullptr;
}

// Appends the API's fields for one part of a path, "ports[1]".  Returns the
// message behind them, nullptr if there is none or the part is not known.
const Descriptor* Follow(const Descriptor& message, absl::string_view part,
                         std::vector<std::string>& path) {
  const size_t bracket = std::min(part.find('['), part.size());
  absl::string_view names = part.substr(0, bracket);
  const absl::string_view index = part.substr(bracket);
  if (FindField(message, names) == nullptr) {
    for (const auto& [yaml, api] : kOtherNames) {
      if (names == yaml) names = api;
    }
  }
  const Descriptor* inside = &message;
  std::vector<std::string> found;
  for (absl::string_view name : absl::StrSplit(names, '.')) {
    const FieldDescriptor* field =
        inside == nullptr ? nullptr : FindField(*inside, name);
    if (field == nullptr) return nullptr;
    found.push_back(field->name());
    inside = field->message_type();
  }
  absl::StrAppend(&found.back(), index);
  path.insert(path.end(), found.begin(), found.end());
  return inside;
}

}  // namespace

std::string ApiField(ObjectKind kind, absl::string_view field) {
  std::vector<absl::string_view> parts = absl::StrSplit(field, '.');
  const bool is_spec = parts[0] == "spec" || parts[0] == "status" ||
                       absl::StartsWith(parts[0], "specs[");
  const FieldDescriptor* resource =
      FindField(*v1::Resource::descriptor(), SnakeCase(ToString(kind)));
  if (!is_spec || resource == nullptr) return std::string(field);
  std::vector<std::string> path = {resource->name()};
  const Descriptor* message = resource->message_type();
  // Cilium's kinds have a list of specs, and `spec` as another word for one.
  if (FindField(*message, "specs") != nullptr) {
    if (parts[0] == "spec") parts[0] = "specs[0]";
  } else {
    parts.erase(parts.begin());
  }
  for (absl::string_view part : parts) {
    if (message == nullptr) break;
    message = Follow(*message, part, path);
  }
  return absl::StrJoin(path, ".");
}

}  // namespace vswitch
