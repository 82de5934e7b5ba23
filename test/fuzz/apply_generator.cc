// One byte a decision.

#include "test/fuzz/apply_generator.h"

#include <iterator>
#include <span>
#include <string>

#include "absl/strings/match.h"

namespace vswitch {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// Deeper messages stay empty.
constexpr int kMaxDepth = 8;
// Of 256: how often a field that is not in a oneof is set.
constexpr uint8_t kSetShare = 150;
constexpr size_t kMaxElements = 4;

using Texts = std::span<const char* const>;

constexpr const char* kNames[] = {"a",    "b",   "web",     "db",
                                  "demo", "n1",  "default", "demo/web",
                                  "cli",  "ctl", "Bad_",    ""};
constexpr const char* kAddresses[] = {
    "10.1.0.5",    "10.1.0.6",  "10.1.0.7",  "fd00:1::5",  "fd00:1::6",
    "fd00:1::7",   "10.96.0.1", "10.96.0.2", "fd00:96::1", "192.168.0.1",
    "fd00:ff::1",  "10.1.0.1",  "fd00:1::1", "127.0.0.1",  "ff02::1",
    "169.254.1.1", "fe80::1",   "0.0.0.0",   "::",         "x"};
constexpr const char* kPrefixes[] = {
    "10.1.0.0/24",   "fd00:1::/64", "10.0.0.0/8", "10.1.0.4/30",
    "fd00:1::4/126", "0.0.0.0/0",   "::/0",       "10.1.0.5/32",
    "fd00:1::5/128", "127.0.0.0/8", "10.1.0.5/8", "x"};
constexpr const char* kMacs[] = {"02:00:00:00:00:01", "02:00:00:00:00:02",
                                 "01:00:5e:00:00:01", "00:00:00:00:00:00", ""};
constexpr const char* kPaths[] = {"/run/netns/a", "/run/netns/b", "x", ""};
constexpr const char* kLabels[] = {
    "role", "web", "db", "kubernetes.io/service-name", "app", "-"};
constexpr uint32_t kNumbers[] = {0,    1,    2,     3,     64,        80,
                                 443,  1280, 1500,  8080,  65535,     65536,
                                 9000, 100,  10800, 86401, 0xffffffff};

// The values that a field of this name mostly has.
Texts TextsFor(const FieldDescriptor& field) {
  const std::string& name = field.name();
  auto has = [&name](const char* part) {
    return absl::StrContains(name, part);
  };
  if (has("cidr") || has("except") || has("routes")) return kPrefixes;
  if (has("_ip") || has("addresses") || has("gateways")) return kAddresses;
  if (has("mac")) return kMacs;
  if (has("netns") || has("device")) return kPaths;
  if (has("key") || has("value")) return kLabels;
  return kNames;
}

std::string TextFor(const FieldDescriptor& field, ByteSource& source) {
  Texts texts = TextsFor(field);
  // Rarely the value of another field.
  switch (source.Below(64)) {
    case 1:
      texts = kAddresses;
      break;
    case 2:
      texts = kLabels;
      break;
    case 3:
      return std::string(source.Next() * 3, 'a');
    default:
      break;
  }
  return texts[source.Below(texts.size())];
}

uint32_t NumberFor(ByteSource& source) {
  return kNumbers[source.Below(std::size(kNumbers))];
}

int EnumNumberFor(const EnumDescriptor& type, ByteSource& source) {
  constexpr int kUnknownNumber = 77;
  size_t index = source.Below(static_cast<size_t>(type.value_count()) + 1);
  if (index == static_cast<size_t>(type.value_count())) return kUnknownNumber;
  return type.value(static_cast<int>(index))->number();
}

void Fill(ByteSource& source, Message& message, int depth);

// Sets the field, or adds one element to it.
void SetField(ByteSource& source, Message& message,
              const FieldDescriptor& field, int depth) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      Fill(source,
           repeated ? *reflection.AddMessage(&message, &field)
                    : *reflection.MutableMessage(&message, &field),
           depth + 1);
      break;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = TextFor(field, source);
      if (repeated) {
        reflection.AddString(&message, &field, text);
      } else {
        reflection.SetString(&message, &field, text);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      int number = EnumNumberFor(*field.enum_type(), source);
      if (repeated) {
        reflection.AddEnumValue(&message, &field, number);
      } else {
        reflection.SetEnumValue(&message, &field, number);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!repeated) reflection.SetBool(&message, &field, source.Below(2) == 1);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      if (repeated) {
        reflection.AddUInt32(&message, &field, NumberFor(source));
      } else {
        reflection.SetUInt32(&message, &field, NumberFor(source));
      }
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      // Small: versions and epochs are, and must meet.
      if (!repeated) reflection.SetUInt64(&message, &field, source.Below(8));
      break;
    default:
      break;  // the API has no other types in what it is sent
  }
}

// Sets one of the fields that exclude each other, or none.
void FillOneof(ByteSource& source, Message& message,
               const OneofDescriptor& oneof, int depth) {
  size_t count = static_cast<size_t>(oneof.field_count());
  // Once in sixteen none.
  size_t choice = source.Next();
  if (choice % 16 == 0) return;
  SetField(source, message, *oneof.field(static_cast<int>(choice % count)),
           depth);
}

void Fill(ByteSource& source, Message& message, int depth) {
  if (depth > kMaxDepth) return;
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
    FillOneof(source, message, *type.oneof_decl(i), depth);
  }
  for (int i = 0; i < type.field_count() && !source.empty(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.real_containing_oneof() != nullptr) continue;
    if (field.is_repeated()) {
      for (size_t count = source.Below(kMaxElements + 1); count > 0; --count) {
        SetField(source, message, field, depth);
      }
    } else if (source.Next() % 256 < kSetShare) {
      SetField(source, message, field, depth);
    }
  }
}

}  // namespace

void FillFromBytes(ByteSource& source, Message& message) {
  Fill(source, message, 0);
}

}  // namespace vswitch
