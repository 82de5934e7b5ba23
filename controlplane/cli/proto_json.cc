// Messages to JSON by protobuf's reflection.

#include "controlplane/cli/proto_json.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "controlplane/cli/manifest_writer.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::google::protobuf::Timestamp;

// `index`: of a repeated field, else -1.
template <typename One, typename Many>
auto Value(One one, Many many, const Reflection& reflection,
           const Message& message, const FieldDescriptor* field, int index) {
  return index < 0 ? (reflection.*one)(message, field)
                   : (reflection.*many)(message, field, index);
}

std::string TextOf(const std::string& text, const FieldDescriptor* field) {
  const bool bytes = field->type() == FieldDescriptor::TYPE_BYTES;
  return bytes ? absl::Base64Escape(text) : text;
}

Json FieldToJson(const Message& message, const FieldDescriptor* field,
                 int index) {
  const Reflection& r = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Value(&Reflection::GetInt32, &Reflection::GetRepeatedInt32, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return Value(&Reflection::GetInt64, &Reflection::GetRepeatedInt64, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Value(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Value(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Value(&Reflection::GetDouble, &Reflection::GetRepeatedDouble, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Value(&Reflection::GetFloat, &Reflection::GetRepeatedFloat, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Value(&Reflection::GetBool, &Reflection::GetRepeatedBool, r,
                   message, field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumText(*Value(&Reflection::GetEnum, &Reflection::GetRepeatedEnum,
                             r, message, field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return TextOf(
          Value(&Reflection::GetString, &Reflection::GetRepeatedString, r,
                message, field, index),
          field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(index < 0 ? r.GetMessage(message, field)
                              : r.GetRepeatedMessage(message, field, index));
  }
  return nullptr;
}

// Maps come out in order of their keys.
Json MapToJson(const Message& message, const FieldDescriptor* field) {
  const Reflection& r = *message.GetReflection();
  std::map<std::string, Json> sorted;
  for (int i = 0; i < r.FieldSize(message, field); ++i) {
    const Message& entry = r.GetRepeatedMessage(message, field, i);
    const Json key = FieldToJson(entry, field->message_type()->map_key(), -1);
    sorted[key.is_string() ? key.get<std::string>() : key.dump()] =
        FieldToJson(entry, field->message_type()->map_value(), -1);
  }
  Json json = Json::object();
  for (auto& [key, value] : sorted) json[key] = std::move(value);
  return json;
}

}  // namespace

std::string EnumText(const google::protobuf::EnumValueDescriptor& value) {
  // "PortState" gives "PORT_STATE_".
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(c);
  }
  return std::string(absl::StripPrefix(value.name(), prefix + "_"));
}

Json ToJson(const Message& message) {
  if (message.GetDescriptor() == Timestamp::descriptor()) {
    const auto& time = static_cast<const Timestamp&>(message);
    return absl::FormatTime(
        absl::RFC3339_full,
        absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
        absl::UTCTimeZone());
  }
  if (message.GetDescriptor() == v1::Resource::descriptor()) {
    return ToManifest(static_cast<const v1::Resource&>(message));
  }
  Json json = Json::object();
  const Reflection& r = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->is_map()) {
      json[field->json_name()] = MapToJson(message, field);
    } else if (field->is_repeated()) {
      Json list = Json::array();
      for (int k = 0; k < r.FieldSize(message, field); ++k) {
        list.push_back(FieldToJson(message, field, k));
      }
      json[field->json_name()] = std::move(list);
    } else if (!field->has_presence() || r.HasField(message, field)) {
      json[field->json_name()] = FieldToJson(message, field, -1);
    }
  }
  return json;
}

}  // namespace vswitch
