// controlplane/translate/field_reader.h
//
// FieldReader: reads the fields of one resource and collects what is wrong
// with them, each by its path.
//
// A path is a chain of values on the stack: it costs nothing until a fault
// makes a text of it.
//
//   FieldReader reader(key);
//   FieldPath pod(nullptr, "pod");
//   address = reader.ReadAddress({&pod, "pod_ips", 0}, message.pod_ips(0));
//   RETURN_IF_ERROR(reader.status());
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_FIELD_READER_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_FIELD_READER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/translate/errors.h"
#include "google/protobuf/map.h"
#include "google/protobuf/message.h"

namespace vswitch {

class FieldPath {
 public:
  static constexpr int kNoIndex = -1;

  // `parent` is nullptr or outlives the path.
  FieldPath(const FieldPath* parent, absl::string_view name,
            int index = kNoIndex)
      : parent_(parent), name_(name), index_(index) {}

  // Returns "network_policy.ingress[0].ports[1].port".
  std::string ToString() const;

 private:
  const FieldPath* parent_;
  absl::string_view name_;
  int index_;
};

// Returns INVALID_ARGUMENT if `request` has, at any depth, a field or an
// enumerator that this program does not know: what it asks for would be done
// only in part.
absl::Status CheckRequest(const google::protobuf::Message& request);

class FieldReader {
 public:
  using LabelMap = google::protobuf::Map<std::string, std::string>;

  // `object` is nullopt when the fields are of a request.
  explicit FieldReader(std::optional<ObjectKey> object)
      : object_(std::move(object)) {}

  void AddFault(const FieldPath& path, std::string message);
  // INVALID_ARGUMENT with every fault, or OK.
  absl::Status status() const;

  // Each adds a fault and returns a harmless value when the input is wrong.
  IpAddress ReadAddress(const FieldPath& path, const std::string& text);
  IpPrefix ReadPrefix(const FieldPath& path, const std::string& text);
  std::optional<MacAddress> ReadMac(const FieldPath& path,
                                    const std::string& text);  // "" is nullopt
  uint16_t ReadPortNumber(const FieldPath& path, uint32_t value);
  Labels ReadLabels(const FieldPath& path, const LabelMap& map);
  // A label key as Kubernetes defines it: "name" or "prefix/name".
  void CheckLabelKey(const FieldPath& path, const std::string& key);
  void CheckLabelValue(const FieldPath& path, const std::string& value);
  // A name as Kubernetes defines it: a DNS subdomain of at most 253 characters
  // (RFC 1123).  `what` is for the message.
  void CheckDnsName(const FieldPath& path, const std::string& name,
                    size_t max_length);
  // An annotation or text: bounded, valid for display.
  void CheckLength(const FieldPath& path, const std::string& text,
                   size_t max_length);
  // Adds a fault for every field that this program does not know, at any
  // depth, and for every enumerator that it does not know.
  void CheckKnownFields(const google::protobuf::Message& message,
                        const FieldPath* parent);
  // The same for its own fields only, not for those of the messages inside.
  void CheckOwnFields(const google::protobuf::Message& message,
                      const FieldPath* parent);

 private:
  std::optional<ObjectKey> object_;
  std::vector<Fault> faults_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_FIELD_READER_H_
