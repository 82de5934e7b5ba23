// MappingReader: strict reading of one mapping.

#include "controlplane/cli/mapping_reader.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vswitch {
namespace {

// A file of another kind altogether would give thousands.
constexpr size_t kMaxMessages = 50;

// Returns true for plain scalars that YAML 1.1, as Kubernetes reads it, takes
// for a truth value.
bool IsPlainBool(absl::string_view text) {
  static constexpr absl::string_view kWords[] = {
      "true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES",
      "no",   "No",   "NO",   "on",    "On",    "ON",    "off", "Off", "OFF"};
  return std::find(std::begin(kWords), std::end(kWords), text) !=
         std::end(kWords);
}

bool IsPlainNumber(absl::string_view text) {
  const bool numeric_start =
      !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) ||
                        text[0] == '+' || text[0] == '-' || text[0] == '.');
  if (!numeric_start) return false;
  if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0o") {
    return text.find_first_not_of("0123456789abcdefABCDEF_", 2) ==
           absl::string_view::npos;
  }
  double number;
  return absl::SimpleAtod(text, &number);
}

// Levenshtein's distance, for "did you mean".
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t same =
          std::tolower(a[i - 1]) == std::tolower(b[j - 1]) ? 0 : 1;
      const size_t next =
          std::min({row[j] + 1, row[j - 1] + 1, diagonal + same});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

std::string Suggestion(absl::string_view name,
                       const std::vector<std::string>& known) {
  size_t best = name.size() > 4 ? 3 : 2;
  std::string suggestion;
  for (const std::string& candidate : known) {
    // Longer names than Kubernetes has would only cost time.
    if (name.size() > 64) break;
    const size_t distance = EditDistance(name, candidate);
    if (distance < best) {
      best = distance;
      suggestion = candidate;
    }
  }
  return suggestion;
}

std::string Wanted(absl::Span<const Spelling> spellings) {
  std::string text;
  for (size_t i = 0; i < spellings.size(); ++i) {
    if (i > 0) text += i + 1 == spellings.size() ? " or " : ", ";
    absl::StrAppend(&text, spellings[i].text);
  }
  return text;
}

}  // namespace

void ReadContext::Add(YamlPosition position, absl::string_view path,
                      absl::string_view message) {
  if (errors.messages().size() >= kMaxMessages) return;
  errors.Add(position, absl::StrCat(object, object.empty() ? "" : ": ", path,
                                    path.empty() ? "" : ": ", message));
}

void ReadContext::Warn(YamlPosition position, absl::string_view path,
                       absl::string_view message) {
  if (errors.warnings().size() >= kMaxMessages) return;
  errors.Warn(position, absl::StrCat(object, object.empty() ? "" : ": ", path,
                                     path.empty() ? "" : ": ", message));
}

bool NeedsQuotes(absl::string_view text) {
  return IsPlainBool(text) || IsPlainNumber(text);
}

std::optional<int> ReadEnum(const YamlNode& node, const std::string& path,
                            absl::Span<const Spelling> spellings,
                            ReadContext& context) {
  for (const Spelling& spelling : spellings) {
    if (node.kind == YamlNode::Kind::kScalar && node.text == spelling.text) {
      return spelling.value;
    }
  }
  context.Add(
      node.position, path,
      absl::StrCat("\"", node.text, "\" is unknown; want ", Wanted(spellings)));
  return std::nullopt;
}

std::optional<std::string> ReadText(const YamlNode& node,
                                    const std::string& path,
                                    ReadContext& context) {
  if (node.kind != YamlNode::Kind::kScalar) {
    context.Add(node.position, path,
                absl::StrCat("must be a string, not ", node.KindName()));
    return std::nullopt;
  }
  if (!node.quoted && NeedsQuotes(node.text)) {
    context.Add(node.position, path,
                absl::StrCat("must be a string; put it in quotes: \"",
                             node.text, "\""));
    return std::nullopt;
  }
  return node.text;
}

std::optional<uint64_t> PlainNumber(const YamlNode& node) {
  uint64_t number = 0;
  const bool plain =
      node.kind == YamlNode::Kind::kScalar && !node.quoted &&
      !node.text.empty() &&
      node.text.find_first_not_of("0123456789") == std::string::npos &&
      absl::SimpleAtoi(node.text, &number);
  return plain ? std::optional<uint64_t>(number) : std::nullopt;
}

MappingReader::MappingReader(const YamlNode& node, std::string path,
                             ReadContext& context)
    : node_(node),
      path_(std::move(path)),
      context_(context),
      taken_(node.keys.size(), false) {
  if (node.kind != YamlNode::Kind::kMapping &&
      node.kind != YamlNode::Kind::kNull) {
    context_.Add(node.position, path_,
                 absl::StrCat("must be a mapping, not ", node.KindName()));
  }
}

const YamlNode* MappingReader::Take(absl::string_view name) {
  known_.emplace_back(name);
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (node_.keys[i].name != name) continue;
    taken_[i] = true;
    const YamlNode& value = node_.values[i];
    return value.kind == YamlNode::Kind::kNull ? nullptr : &value;
  }
  return nullptr;
}

std::string MappingReader::PathOf(absl::string_view name) const {
  return path_.empty() ? std::string(name) : absl::StrCat(path_, ".", name);
}

void MappingReader::Fault(absl::string_view name, absl::string_view message) {
  const YamlNode* value = node_.Find(name);
  context_.Add(value == nullptr ? node_.position : value->position,
               PathOf(name), message);
}

const YamlNode* MappingReader::Child(absl::string_view name) {
  return Take(name);
}

std::optional<std::string> MappingReader::Text(absl::string_view name) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return std::nullopt;
  return ReadText(*value, PathOf(name), context_);
}

std::optional<bool> MappingReader::Bool(absl::string_view name) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind == YamlNode::Kind::kScalar && !value->quoted) {
    if (value->text == "true") return true;
    if (value->text == "false") return false;
  }
  Fault(name, "must be true or false");
  return std::nullopt;
}

std::optional<uint64_t> MappingReader::Number(absl::string_view name,
                                              uint64_t least, uint64_t most) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<uint64_t> number = PlainNumber(*value);
  if (number && *number >= least && *number <= most) return number;
  Fault(name, absl::StrCat("must be a whole number from ", least, " to ", most,
                           value->quoted ? ", without quotes" : ""));
  return std::nullopt;
}

std::optional<int> MappingReader::Enum(absl::string_view name,
                                       absl::Span<const Spelling> spellings) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return std::nullopt;
  return ReadEnum(*value, PathOf(name), spellings, context_);
}

std::vector<std::string> MappingReader::TextList(absl::string_view name) {
  std::vector<std::string> result;
  Each(name, [&](const YamlNode& node, const std::string& path) {
    if (auto text = ReadText(node, path, context_)) result.push_back(*text);
  });
  return result;
}

std::vector<std::pair<std::string, std::string>> MappingReader::TextMap(
    absl::string_view name) {
  std::vector<std::pair<std::string, std::string>> result;
  const YamlNode* value = Take(name);
  if (value == nullptr) return result;
  if (value->kind != YamlNode::Kind::kMapping) {
    Fault(name, absl::StrCat("must be a mapping, not ", value->KindName()));
    return result;
  }
  for (size_t i = 0; i < value->keys.size(); ++i) {
    const std::string path =
        absl::StrCat(PathOf(name), ".", value->keys[i].name);
    if (auto text = ReadText(value->values[i], path, context_)) {
      result.emplace_back(value->keys[i].name, *text);
    }
  }
  return result;
}

void MappingReader::Mapping(absl::string_view name, const Visitor& visit) {
  if (const YamlNode* value = Take(name)) visit(*value, PathOf(name));
}

void MappingReader::Each(absl::string_view name, const Visitor& visit) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return;
  if (value->kind != YamlNode::Kind::kSequence) {
    Fault(name, absl::StrCat("must be a list, not ", value->KindName()));
    return;
  }
  for (size_t i = 0; i < value->values.size(); ++i) {
    visit(value->values[i], absl::StrCat(PathOf(name), "[", i, "]"));
  }
}

bool MappingReader::IsGiven(absl::string_view name) const {
  const YamlNode* value = node_.Find(name);
  return value != nullptr && value->kind != YamlNode::Kind::kNull;
}

void MappingReader::Ignore(absl::Span<const absl::string_view> names) {
  for (absl::string_view name : names) Take(name);
}

void MappingReader::Refuse(std::initializer_list<absl::string_view> names,
                           absl::string_view why) {
  for (absl::string_view name : names) {
    const YamlNode* value = Take(name);
    if (value == nullptr) continue;
    const bool empty = value->kind == YamlNode::Kind::kScalar
                           ? value->text.empty()
                           : value->values.empty();
    if (!empty) Fault(name, why);
  }
}

void MappingReader::Require(absl::string_view name) {
  if (!IsGiven(name)) Fault(name, "is missing");
}

void MappingReader::Finish() {
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    const std::string& name = node_.keys[i].name;
    const std::string suggestion = Suggestion(name, known_);
    context_.Add(
        node_.keys[i].position, PathOf(name),
        suggestion.empty()
            ? "unknown field"
            : absl::StrCat("unknown field; did you mean ", suggestion, "?"));
  }
}

}  // namespace vswitch
