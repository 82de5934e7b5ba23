// ParseYaml(): yaml-cpp's events become YamlNodes, under the limits of the
// header.

#include "controlplane/cli/yaml_tree.h"

#include <exception>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace vswitch {
namespace {

YamlPosition ToPosition(const YAML::Mark& mark) {
  return {.line = mark.line + 1, .column = mark.column + 1};
}

// Thrown through yaml-cpp, whose events cannot return an error, and caught in
// ParseYaml().
struct Refusal {
  YamlPosition position;
  std::string message;
};

// Builds the tree of the document that is being read.
class TreeBuilder : public YAML::EventHandler {
 public:
  YamlNode TakeDocument() { return std::move(document_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    document_ = YamlNode{.position = ToPosition(mark)};
    open_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place(mark, "", anchor, YamlNode{});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refusal{ToPosition(mark), "aliases are not accepted"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    YamlNode node{.kind = YamlNode::Kind::kScalar, .quoted = tag == "!"};
    // yaml-cpp gives "?" for a plain scalar and "!" for a quoted one.
    const bool is_null = !node.quoted && (value == "null" || value == "~" ||
                                          value == "Null" || value == "NULL");
    if (is_null && !AtKey()) {
      node.kind = YamlNode::Kind::kNull;
    } else {
      node.text = value;
    }
    Place(mark, tag == "!" ? "" : tag, anchor, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Place(mark, tag, anchor, YamlNode{.kind = YamlNode::Kind::kSequence});
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Place(mark, tag, anchor, YamlNode{.kind = YamlNode::Kind::kMapping});
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  // True when the next value is a mapping's key.
  bool AtKey() const {
    return !open_.empty() && open_.back()->kind == YamlNode::Kind::kMapping &&
           open_.back()->keys.size() == open_.back()->values.size();
  }

  void Place(const YAML::Mark& mark, absl::string_view tag,
             YAML::anchor_t anchor, YamlNode node) {
    const YamlPosition position = ToPosition(mark);
    if (anchor != 0) throw Refusal{position, "anchors are not accepted"};
    if (!tag.empty() && tag != "?") {
      throw Refusal{position, absl::StrCat("tag ", tag, " is not accepted")};
    }
    if (++value_count_ > kMaxYamlValues) {
      throw Refusal{position, absl::StrCat("more than ", kMaxYamlValues,
                                           " values in one file")};
    }
    if (AtKey()) {
      AddKey(position, node);
      return;
    }
    node.position = position;
    Attach(std::move(node));
  }

  void AddKey(YamlPosition position, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kScalar) {
      throw Refusal{position, absl::StrCat("a field's name must be a string, "
                                           "not ",
                                           node.KindName())};
    }
    if (open_.back()->Find(node.text) != nullptr) {
      throw Refusal{position,
                    absl::StrCat("field \"", node.text, "\" occurs twice")};
    }
    if (open_.back()->keys.size() >= kMaxYamlFields) {
      throw Refusal{position, absl::StrCat("more than ", kMaxYamlFields,
                                           " fields in one mapping")};
    }
    open_.back()->keys.push_back({node.text, position});
  }

  void Attach(YamlNode node) {
    YamlNode* placed = &document_;
    if (open_.empty()) {
      document_ = std::move(node);
    } else {
      // A parent's vector may move its children, but none of them is open.
      open_.back()->values.push_back(std::move(node));
      placed = &open_.back()->values.back();
    }
    if (placed->kind != YamlNode::Kind::kMapping &&
        placed->kind != YamlNode::Kind::kSequence) {
      return;
    }
    if (open_.size() >= kMaxYamlDepth) {
      throw Refusal{placed->position, absl::StrCat("more than ", kMaxYamlDepth,
                                                   " levels of nesting")};
    }
    open_.push_back(placed);
  }

  YamlNode document_;
  std::vector<YamlNode*> open_;  // the path of open mappings and sequences
  size_t value_count_ = 0;
};

}  // namespace

const YamlNode* YamlNode::Find(absl::string_view name) const {
  for (size_t i = 0; i < keys.size() && i < values.size(); ++i) {
    if (keys[i].name == name) return &values[i];
  }
  return nullptr;
}

absl::string_view YamlNode::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "a mapping";
  }
  return "nothing";
}

YamlErrors::YamlErrors(absl::string_view file)
    : file_(file == "-" ? "standard input" : std::string(file)) {}

void YamlErrors::Add(YamlPosition position, absl::string_view message) {
  messages_.push_back(absl::StrCat(file_, ":", position.line, ":",
                                   position.column, ": ", message));
}

void YamlErrors::Warn(YamlPosition position, absl::string_view message) {
  warnings_.push_back(absl::StrCat(file_, ":", position.line, ":",
                                   position.column, ": ", message));
}

void YamlErrors::AddForFile(absl::string_view message) {
  messages_.push_back(absl::StrCat(file_, ": ", message));
}

absl::Status YamlErrors::ToStatus() const {
  if (messages_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(messages_, "\n"));
}

std::vector<YamlNode> ParseYaml(const std::string& text, YamlErrors& errors) {
  std::vector<YamlNode> documents;
  if (text.size() > kMaxYamlBytes) {
    errors.AddForFile(absl::StrCat(
        "is ", text.size(), " bytes long; the limit is ", kMaxYamlBytes));
    return documents;
  }
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) {
      YamlNode document = builder.TakeDocument();
      if (document.kind != YamlNode::Kind::kNull) {
        documents.push_back(std::move(document));
      }
    }
  } catch (const Refusal& refusal) {
    errors.Add(refusal.position, refusal.message);
  } catch (const YAML::Exception& exception) {
    errors.Add(ToPosition(exception.mark),
               absl::StrCat("not YAML: ", exception.msg));
  } catch (const std::exception& exception) {
    errors.AddForFile(absl::StrCat("not YAML: ", exception.what()));
  }
  return documents;
}

}  // namespace vswitch
