// controlplane/cli/yaml_tree.h
//
// YamlNode: one YAML value with the line and column where it stands, and
// ParseYaml(), which reads a stream of documents into such trees.
//
// Stricter than YAML, because what is ambiguous in a configuration is an
// error that nobody sees: keys are plain strings and occur once in a mapping;
// anchors, aliases and tags are refused (an alias can also make a small file
// expand without bound); depth, size and the number of values are limited.
//
//   YamlErrors errors("policy.yaml");
//   std::vector<YamlNode> documents = ParseYaml(text, errors);
//   if (!errors.empty()) return errors.ToStatus();
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_YAML_TREE_H_
#define VSWITCH_CONTROLPLANE_CLI_YAML_TREE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vswitch {

inline constexpr size_t kMaxYamlBytes = size_t{64} << 20;
inline constexpr size_t kMaxYamlDepth = 100;
inline constexpr size_t kMaxYamlValues = 4'000'000;
inline constexpr size_t kMaxYamlFields = 4096;  // of one mapping

// Where a value stands; both count from 1.
struct YamlPosition {
  int line = 1;
  int column = 1;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Key {
    std::string name;
    YamlPosition position;
  };

  Kind kind = Kind::kNull;
  YamlPosition position;
  bool quoted = false;    // a scalar in quotes is a string, never a number
  std::string text;       // of a scalar
  std::vector<Key> keys;  // of a mapping, beside `values`
  std::vector<YamlNode> values;  // of a mapping or a sequence

  // Returns the value of `name` in a mapping, or nullptr.
  const YamlNode* Find(absl::string_view name) const;
  // Returns what the value is, for messages: "a mapping", "a list"...
  absl::string_view KindName() const;
};

// Collects what is wrong with one file.
class YamlErrors {
 public:
  // `file` names the source in messages; "-" is standard input.
  explicit YamlErrors(absl::string_view file);

  // Adds "FILE:LINE:COLUMN: MESSAGE".
  void Add(YamlPosition position, absl::string_view message);
  // Adds "FILE: MESSAGE".
  void AddForFile(absl::string_view message);
  // Likewise, of what is accepted and may not be what was meant.
  void Warn(YamlPosition position, absl::string_view message);

  bool empty() const { return messages_.empty(); }
  const std::vector<std::string>& messages() const { return messages_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Returns OK, or INVALID_ARGUMENT with one message a line.
  absl::Status ToStatus() const;

 private:
  std::string file_;
  std::vector<std::string> messages_;
  std::vector<std::string> warnings_;
};

// Returns the non-empty documents of `text`; what is wrong goes to `errors`.
std::vector<YamlNode> ParseYaml(const std::string& text, YamlErrors& errors);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_YAML_TREE_H_
