// Descriptors to lines, and lines against lines.

#include "proto/vswitch/v1/api_listing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace vswitch {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// Of a range such as "100 to max" only so many numbers are listed.
constexpr int kMaxReservedNumbers = 1000;

std::string TypeOf(const FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

std::string LabelOf(const FieldDescriptor& field) {
  if (field.is_repeated()) return "repeated";
  if (const auto* oneof = field.real_containing_oneof()) {
    return absl::StrCat("oneof:", oneof->name());
  }
  return field.has_optional_keyword() ? "optional" : "singular";
}

// `first` to `last`, both included.
void ListReserved(const std::string& parent, int first, int last,
                  ApiListing& listing) {
  int64_t end = std::min<int64_t>(last, int64_t{first} + kMaxReservedNumbers);
  for (int64_t number = first; number <= end; ++number) {
    listing[absl::StrCat("reserved ", parent, ".#", number)] = "";
  }
}

template <typename WithReservedNames>
void ListReservedNames(const WithReservedNames& parent, ApiListing& listing) {
  for (int i = 0; i < parent.reserved_name_count(); ++i) {
    listing[absl::StrCat("reserved ", parent.full_name(), ".",
                         parent.reserved_name(i))] = "";
  }
}

void ListEnum(const EnumDescriptor& type, ApiListing& listing) {
  for (int i = 0; i < type.value_count(); ++i) {
    listing[absl::StrCat("value ", type.full_name(), ".",
                         type.value(i)->name())] =
        absl::StrCat(type.value(i)->number());
  }
  for (int i = 0; i < type.reserved_range_count(); ++i) {
    // An enum's ranges include their end, a message's do not.
    ListReserved(type.full_name(), type.reserved_range(i)->start,
                 type.reserved_range(i)->end, listing);
  }
  ListReservedNames(type, listing);
}

void ListMessage(const Descriptor& type, ApiListing& listing) {
  listing[absl::StrCat("message ", type.full_name())] = "";
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    listing[absl::StrCat("field ", field.full_name())] =
        absl::StrCat(field.number(), " ", TypeOf(field), " ", LabelOf(field));
  }
  for (int i = 0; i < type.reserved_range_count(); ++i) {
    ListReserved(type.full_name(), type.reserved_range(i)->start,
                 type.reserved_range(i)->end - 1, listing);
  }
  ListReservedNames(type, listing);
  for (int i = 0; i < type.nested_type_count(); ++i) {
    ListMessage(*type.nested_type(i), listing);
  }
  for (int i = 0; i < type.enum_type_count(); ++i) {
    ListEnum(*type.enum_type(i), listing);
  }
}

void ListService(const ServiceDescriptor& service, ApiListing& listing) {
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    listing[absl::StrCat("method ", method.full_name())] =
        absl::StrCat(method.client_streaming() ? "stream " : "",
                     method.input_type()->full_name(), " -> ",
                     method.server_streaming() ? "stream " : "",
                     method.output_type()->full_name());
  }
}

std::string Line(const std::string& key, const std::string& value) {
  return value.empty() ? key : absl::StrCat(key, " ", value);
}

// What BrokenPromises() says about a line that is not there any more; empty if
// it went in the right way.
std::string Missing(const std::string& key, const std::string& value,
                    const ApiListing& present) {
  std::pair<std::string, std::string> words =
      absl::StrSplit(key, absl::MaxSplits(' ', 1));
  const auto& [kind, full_name] = words;
  if (kind != "field" && kind != "value") {
    return absl::StrCat("\"", Line(key, value), "\" is gone");
  }
  size_t dot = full_name.rfind('.');
  std::string parent = full_name.substr(0, dot);
  std::string name = full_name.substr(dot + 1);
  std::string number = value.substr(0, value.find(' '));
  if (present.contains(absl::StrCat("reserved ", parent, ".#", number)) &&
      present.contains(absl::StrCat("reserved ", parent, ".", name))) {
    return "";
  }
  return absl::StrCat("\"", Line(key, value), "\" is gone: give it back, or ",
                      "write in ", parent, ": reserved ", number,
                      "; reserved \"", name, "\";");
}

}  // namespace

ApiListing ListApi(const std::vector<const FileDescriptor*>& files) {
  ApiListing listing;
  for (const FileDescriptor* file : files) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      ListMessage(*file->message_type(i), listing);
    }
    for (int i = 0; i < file->enum_type_count(); ++i) {
      ListEnum(*file->enum_type(i), listing);
    }
    for (int i = 0; i < file->service_count(); ++i) {
      ListService(*file->service(i), listing);
    }
  }
  return listing;
}

absl::StatusOr<ApiListing> ListApi(
    const google::protobuf::FileDescriptorSet& set, absl::string_view package) {
  google::protobuf::DescriptorPool pool;
  std::vector<const FileDescriptor*> files;
  for (const google::protobuf::FileDescriptorProto& file : set.file()) {
    const FileDescriptor* built = pool.BuildFile(file);
    if (built == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.name(), " is not valid, or its imports are not ",
                       "before it in the descriptor set"));
    }
    if (built->package() == package) files.push_back(built);
  }
  return ListApi(files);
}

absl::StatusOr<ApiListing> ParseApiListing(absl::string_view text) {
  ApiListing listing;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 2));
    if (words.size() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", line, "\" is not of the form KIND NAME VALUE"));
    }
    listing[absl::StrCat(words[0], " ", words[1])] =
        words.size() == 3 ? words[2] : "";
  }
  return listing;
}

std::string ToText(const ApiListing& listing) {
  std::string text;
  for (const auto& [key, value] : listing) {
    absl::StrAppend(&text, Line(key, value), "\n");
  }
  return text;
}

std::vector<std::string> BrokenPromises(const ApiListing& golden,
                                        const ApiListing& present) {
  std::vector<std::string> faults;
  for (const auto& [key, value] : golden) {
    auto found = present.find(key);
    if (found == present.end()) {
      std::string fault = Missing(key, value, present);
      if (!fault.empty()) faults.push_back(std::move(fault));
    } else if (found->second != value) {
      faults.push_back(absl::StrCat("\"", Line(key, value), "\" has become \"",
                                    found->second, "\""));
    }
  }
  return faults;
}

std::vector<std::string> Additions(const ApiListing& golden,
                                   const ApiListing& present) {
  std::vector<std::string> added;
  for (const auto& [key, value] : present) {
    if (!golden.contains(key)) added.push_back(key);
  }
  return added;
}

}  // namespace vswitch
