// controlplane/cli/mapping_reader.h
//
// MappingReader: reads one YAML mapping field by field and knows at the end
// which fields nobody asked for.
//
// A reader takes each field that it understands, names those that it knows and
// has no use for (Ignore), and Finish() reports the rest.
// Every fault goes to the YamlErrors with its place and its path; reading goes
// on, so that a user sees all faults of a file at once.
//
//   MappingReader spec(node, "spec", context);
//   if (auto name = spec.Text("nodeName")) pod.set_node_name(*name);
//   spec.Ignore({"volumes"});
//   spec.Finish();
//
// A field without a value (null) counts as not given, as in Kubernetes.
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_MAPPING_READER_H_
#define VSWITCH_CONTROLPLANE_CLI_MAPPING_READER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "controlplane/cli/yaml_tree.h"

namespace vswitch {

// What the readers of one object share.
struct ReadContext {
  YamlErrors& errors;
  std::string object;  // "NetworkPolicy demo/web", for messages

  // Adds "FILE:LINE:COLUMN: OBJECT: PATH: MESSAGE".
  void Add(YamlPosition position, absl::string_view path,
           absl::string_view message);
  // Likewise, as a warning.
  void Warn(YamlPosition position, absl::string_view path,
            absl::string_view message);
};

// A spelling and the number that it stands for.
struct Spelling {
  absl::string_view text;
  int value;
};

class MappingReader {
 public:
  using Visitor = std::function<void(const YamlNode&, const std::string& path)>;

  // `node` and `context` must outlive the reader.
  MappingReader(const YamlNode& node, std::string path, ReadContext& context);

  // Each returns nothing when the field is not given or is faulty.
  std::optional<std::string> Text(absl::string_view name);
  std::optional<bool> Bool(absl::string_view name);
  std::optional<uint64_t> Number(
      absl::string_view name, uint64_t least = 0,
      uint64_t most = std::numeric_limits<int64_t>::max());
  std::optional<int> Enum(absl::string_view name,
                          absl::Span<const Spelling> spellings);
  std::vector<std::string> TextList(absl::string_view name);
  std::vector<std::pair<std::string, std::string>> TextMap(
      absl::string_view name);
  // Returns the value when it is given, whatever it is.
  const YamlNode* Child(absl::string_view name);
  // Visits a mapping, or each element of a list, when it is given.
  void Mapping(absl::string_view name, const Visitor& visit);
  void Each(absl::string_view name, const Visitor& visit);

  // Whether the field has a value, whoever takes it.
  bool IsGiven(absl::string_view name) const;

  // Takes fields that are known and not used.
  void Ignore(absl::Span<const absl::string_view> names);
  // Reports the fields, if they hold anything, whose meaning would be lost.
  void Refuse(std::initializer_list<absl::string_view> names,
              absl::string_view why);
  // Reports a field that must be given and is not.
  void Require(absl::string_view name);
  // Reports every field that was not asked for.
  void Finish();

  // Returns "spec.ports" for "ports" of the reader of "spec".
  std::string PathOf(absl::string_view name) const;
  // Reports a fault of the field, at the value's place if it is given.
  void Fault(absl::string_view name, absl::string_view message);
  ReadContext& context() { return context_; }

 private:
  const YamlNode* Take(absl::string_view name);

  const YamlNode& node_;
  const std::string path_;
  ReadContext& context_;
  std::vector<bool> taken_;
  // Every field that was asked for: where a misspelt one may be found.
  std::vector<std::string> known_;
};

// Returns the string that `node` holds.  A plain value that Kubernetes would
// read as a number or a truth value is a fault: it needs quotes.
std::optional<std::string> ReadText(const YamlNode& node,
                                    const std::string& path,
                                    ReadContext& context);
// Whether `text` would be read as a number or a truth value without quotes.
bool NeedsQuotes(absl::string_view text);
// Returns the number of the spelling that `node` holds; others are faults.
std::optional<int> ReadEnum(const YamlNode& node, const std::string& path,
                            absl::Span<const Spelling> spellings,
                            ReadContext& context);
// Returns the number in `node` if it holds a plain whole one.
std::optional<uint64_t> PlainNumber(const YamlNode& node);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_MAPPING_READER_H_
