// Checks of single values, with Kubernetes' rules for names and labels.

#include "controlplane/translate/field_reader.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace vswitch {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

// Faults beyond these are not kept; a client repairs the first ones first.
constexpr size_t kMaxFaults = 64;
constexpr size_t kMaxLabelLength = 63;
constexpr size_t kMaxDnsNameLength = 253;

// Quotes `text` for a message, cut to a readable length.
std::string Quoted(absl::string_view text) {
  constexpr size_t kMaxShown = 64;
  std::string shown;
  for (char c : text.substr(0, kMaxShown)) {
    shown.push_back(absl::ascii_isprint(static_cast<unsigned char>(c)) ? c
                                                                       : '?');
  }
  return absl::StrCat("\"", shown, text.size() > kMaxShown ? "..." : "", "\"");
}

bool IsDnsName(absl::string_view name, size_t max_length) {
  if (name.empty() || name.size() > max_length) return false;
  char before = '.';
  for (char c : name) {
    bool alphanumeric = absl::ascii_islower(static_cast<unsigned char>(c)) ||
                        absl::ascii_isdigit(static_cast<unsigned char>(c));
    if (!alphanumeric && c != '-' && c != '.') return false;
    // A part neither begins nor ends with '-', and none is empty.
    if (before == '.' && !alphanumeric) return false;
    if (c == '.' && before == '-') return false;
    before = c;
  }
  return before != '.' && before != '-';
}

// The name part of a label key, and a label value that is not empty.
bool IsLabelName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxLabelLength) return false;
  auto alphanumeric = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
  };
  for (char c : name) {
    if (!alphanumeric(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return alphanumeric(name.front()) && alphanumeric(name.back());
}

// How many values a field that is set has.
int CountOf(const Reflection& reflection,
            const google::protobuf::Message& message,
            const FieldDescriptor& field) {
  return field.is_repeated() ? reflection.FieldSize(message, &field) : 1;
}

// The index by which a path names value `i` of a field.
int IndexOf(const FieldDescriptor& field, int i) {
  return field.is_repeated() ? i : FieldPath::kNoIndex;
}

}  // namespace

std::string FieldPath::ToString() const {
  std::string text;
  if (parent_ != nullptr) text = absl::StrCat(parent_->ToString(), ".");
  absl::StrAppend(&text, name_);
  if (index_ != kNoIndex) absl::StrAppend(&text, "[", index_, "]");
  return text;
}

void FieldReader::AddFault(const FieldPath& path, std::string message) {
  if (faults_.size() >= kMaxFaults) return;
  faults_.push_back({object_, path.ToString(), std::move(message)});
}

absl::Status FieldReader::status() const {
  if (faults_.empty()) return absl::OkStatus();
  return FaultStatus(absl::StatusCode::kInvalidArgument, faults_);
}

IpAddress FieldReader::ReadAddress(const FieldPath& path,
                                   const std::string& text) {
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
  if (address.ok()) return *address;
  AddFault(path, absl::StrCat(Quoted(text), " is not an IPv4 or IPv6 address"));
  return IpAddress();
}

IpPrefix FieldReader::ReadPrefix(const FieldPath& path,
                                 const std::string& text) {
  absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(text);
  if (prefix.ok()) return *prefix;
  AddFault(path, absl::StrCat(Quoted(text), " is not a CIDR block such as ",
                              "\"10.0.0.0/8\" or \"fd00::/64\": ",
                              prefix.status().message()));
  return IpPrefix();
}

std::optional<MacAddress> FieldReader::ReadMac(const FieldPath& path,
                                               const std::string& text) {
  if (text.empty()) return std::nullopt;
  absl::StatusOr<MacAddress> mac = MacAddress::Parse(text);
  if (!mac.ok()) {
    AddFault(path, absl::StrCat(Quoted(text), " is not a MAC address such as ",
                                "\"02:00:00:00:00:01\""));
    return std::nullopt;
  }
  if (mac->IsMulticast() || mac->IsZero()) {
    AddFault(path, absl::StrCat(Quoted(text), " cannot be an interface's: it ",
                                "is zero or a group address"));
  }
  return *mac;
}

uint16_t FieldReader::ReadPortNumber(const FieldPath& path, uint32_t value) {
  if (value >= 1 && value <= 65535) return static_cast<uint16_t>(value);
  AddFault(path, absl::StrCat(value, " is not a port number, 1 to 65535"));
  return 1;
}

Labels FieldReader::ReadLabels(const FieldPath& path, const LabelMap& map) {
  Labels labels(map.begin(), map.end());
  for (const auto& [key, value] : labels) {
    CheckLabelKey(path, key);
    CheckLabelValue(path, value);
  }
  return labels;
}

void FieldReader::CheckLabelKey(const FieldPath& path, const std::string& key) {
  absl::string_view name = key;
  bool prefix_ok = true;
  if (size_t slash = name.find('/'); slash != absl::string_view::npos) {
    prefix_ok = IsDnsName(name.substr(0, slash), kMaxDnsNameLength);
    name.remove_prefix(slash + 1);
  }
  if (prefix_ok && IsLabelName(name)) return;
  AddFault(path, absl::StrCat(Quoted(key), " is not a label key: a name of 1 ",
                              "to 63 letters, digits, '-', '_', '.', after a ",
                              "DNS name and '/' if any"));
}

void FieldReader::CheckLabelValue(const FieldPath& path,
                                  const std::string& value) {
  if (value.empty() || IsLabelName(value)) return;
  AddFault(path, absl::StrCat(Quoted(value), " is not a label value: at most ",
                              "63 letters, digits, '-', '_', '.', the first ",
                              "and last a letter or digit"));
}

void FieldReader::CheckDnsName(const FieldPath& path, const std::string& name,
                               size_t max_length) {
  if (IsDnsName(name, max_length)) return;
  AddFault(path, absl::StrCat(Quoted(name), " is not a name: 1 to ", max_length,
                              " lower-case letters, digits, '-' and '.', the ",
                              "first and last a letter or digit"));
}

void FieldReader::CheckLength(const FieldPath& path, const std::string& text,
                              size_t max_length) {
  if (text.size() > max_length) {
    AddFault(path, absl::StrCat("is ", text.size(), " bytes long, at most ",
                                max_length, " fit"));
  } else if (text.find('\0') != std::string::npos) {
    AddFault(path, "holds a zero byte");
  }
}

void FieldReader::CheckOwnFields(const google::protobuf::Message& message,
                                 const FieldPath* parent) {
  const Reflection& reflection = *message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown =
      reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    std::string name = absl::StrCat("field ", unknown.field(i).number(), " of ",
                                    message.GetDescriptor()->name());
    AddFault(FieldPath(parent, name),
             "is not known to this version of the switch");
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM) continue;
    const int count = CountOf(reflection, message, *field);
    for (int i = 0; i < count; ++i) {
      const int value = field->is_repeated()
                            ? reflection.GetRepeatedEnumValue(message, field, i)
                            : reflection.GetEnumValue(message, field);
      if (field->enum_type()->FindValueByNumber(value) != nullptr) continue;
      AddFault(FieldPath(parent, field->name(), IndexOf(*field, i)),
               absl::StrCat(value, " is no ", field->enum_type()->name(),
                            " known to this version of the switch"));
    }
  }
}

void FieldReader::CheckKnownFields(const google::protobuf::Message& message,
                                   const FieldPath* parent) {
  CheckOwnFields(message, parent);
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool is_message =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!is_message || field->is_map()) continue;
    const int count = CountOf(reflection, message, *field);
    for (int i = 0; i < count; ++i) {
      const FieldPath path(parent, field->name(), IndexOf(*field, i));
      CheckKnownFields(field->is_repeated()
                           ? reflection.GetRepeatedMessage(message, field, i)
                           : reflection.GetMessage(message, field),
                       &path);
    }
  }
}

absl::Status CheckRequest(const google::protobuf::Message& request) {
  FieldReader reader(std::nullopt);
  reader.CheckKnownFields(request, nullptr);
  return reader.status();
}

}  // namespace vswitch
