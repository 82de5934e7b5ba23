// Reads golden files: directives, twins and repetitions.

#include "test/golden/golden_file.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// A case as written, before twins and repetitions.
struct WrittenCase {
  bool is_twin = false;
  std::string name;
  std::string variable;
  std::vector<std::string> values;
  int line = 0;
  std::vector<GoldenDirective> directives;
};

absl::Status BadLine(absl::string_view file_name, int line,
                     absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(file_name, ":", line, ": ", what));
}

absl::StatusOr<WrittenCase> ReadCaseLine(absl::string_view line, int number,
                                         absl::string_view file_name) {
  WrittenCase result;
  result.is_twin = absl::ConsumePrefix(&line, "twin ");
  if (!result.is_twin) absl::ConsumePrefix(&line, "case ");
  std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.empty() || words.size() > 2) {
    return BadLine(file_name, number, "wanted a name and at most one list");
  }
  result.name = words[0];
  result.line = number;
  if (words.size() == 2) {
    std::pair<std::string, std::string> list =
        absl::StrSplit(words[1], absl::MaxSplits('=', 1));
    result.variable = list.first;
    result.values = ExpandGoldenList(list.second);
  }
  return result;
}

absl::StatusOr<GoldenDirective> ReadDirective(absl::string_view line,
                                              int number,
                                              absl::string_view file_name) {
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(':', 1));
  GoldenDirective directive;
  directive.words = absl::StrSplit(parts.first, ' ', absl::SkipEmpty());
  directive.text = std::string(absl::StripAsciiWhitespace(parts.second));
  directive.line = number;
  if (directive.words.empty() || !absl::StrContains(line, ':')) {
    return BadLine(file_name, number, "wanted WORDS: TEXT");
  }
  return directive;
}

// Replaces {A|B} by A or B.
std::string ChooseAlternatives(absl::string_view text, bool is_ipv4) {
  std::string result;
  while (true) {
    size_t open = text.find('{');
    size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) return absl::StrCat(result, text);
    absl::string_view inside = text.substr(open + 1, close - open - 1);
    absl::StrAppend(&result, text.substr(0, open));
    size_t bar = inside.find('|');
    if (bar == inside.npos) {
      absl::StrAppend(&result, "{", inside, "}");
    } else {
      absl::StrAppend(&result,
                      is_ipv4 ? inside.substr(0, bar) : inside.substr(bar + 1));
    }
    text.remove_prefix(close + 1);
  }
}

std::string ForFamily(absl::string_view text, bool is_ipv4) {
  return absl::StrReplaceAll(ChooseAlternatives(text, is_ipv4),
                             {{"{ip}", is_ipv4 ? "ip4" : "ip6"},
                              {"{ip-df}", is_ipv4 ? "ip4 df=1" : "ip6"},
                              {"{icmp}", is_ipv4 ? "icmp" : "icmp6"},
                              {"{ttl}", is_ipv4 ? "ttl" : "hop"},
                              {"{v}", is_ipv4 ? "4" : "6"}});
}

// Appends the cases that `written` stands for.
void Expand(const WrittenCase& written, absl::string_view file_name,
            std::vector<GoldenCase>& cases) {
  std::vector<std::optional<std::string>> values(written.values.begin(),
                                                 written.values.end());
  if (values.empty()) values.push_back(std::nullopt);
  for (const std::optional<std::string>& value : values) {
    for (int family = 0; family < (written.is_twin ? 2 : 1); ++family) {
      GoldenCase result;
      result.name = written.name;
      result.where = absl::StrCat(file_name, ":", written.line);
      result.directives = written.directives;
      if (value.has_value()) {
        absl::StrAppend(&result.name, "/", written.variable, "=", *value);
      }
      if (written.is_twin) {
        absl::StrAppend(&result.name, family == 0 ? "/v4" : "/v6");
      }
      const auto replace = [&](std::string& part) {
        if (value.has_value()) {
          part = absl::StrReplaceAll(
              part, {{absl::StrCat("{", written.variable, "}"), *value}});
        }
        if (written.is_twin) part = ForFamily(part, family == 0);
      };
      for (GoldenDirective& directive : result.directives) {
        replace(directive.text);
        for (std::string& word : directive.words) replace(word);
      }
      cases.push_back(std::move(result));
    }
  }
}

using Directives = std::vector<GoldenDirective>;

// Reads the lines of one file.
class GoldenReader {
 public:
  explicit GoldenReader(absl::string_view file_name) : file_name_(file_name) {}

  absl::Status Read(absl::string_view line, int number) {
    absl::string_view content = absl::StripAsciiWhitespace(line);
    if (content.empty() || content[0] == '#') return absl::OkStatus();
    if (absl::StartsWith(line, "case ") || absl::StartsWith(line, "twin ")) {
      ASSIGN_OR_RETURN(WrittenCase next,
                       ReadCaseLine(line, number, file_name_));
      written_.push_back(std::move(next));
      in_scene_ = false;
      return absl::OkStatus();
    }
    if (absl::ConsumePrefix(&content, "scene ")) {
      scene_ = std::string(content);
      in_scene_ = true;
      return scenes_.try_emplace(scene_).second
                 ? absl::OkStatus()
                 : BadLine(file_name_, number, "two scenes of one name");
    }
    return ReadInside(line, content, number);
  }

  std::vector<GoldenCase> Cases() const {
    std::vector<GoldenCase> cases;
    for (const WrittenCase& one : written_) Expand(one, file_name_, cases);
    return cases;
  }

 private:
  // Reads a line of a case or a scene.
  absl::Status ReadInside(absl::string_view line, absl::string_view content,
                          int number) {
    if (!in_scene_ && written_.empty()) {
      return BadLine(file_name_, number, "wanted a case before this line");
    }
    Directives& directives =
        in_scene_ ? scenes_[scene_] : written_.back().directives;
    if (line[0] == ' ') {
      if (directives.empty()) {
        return BadLine(file_name_, number, "nothing to continue");
      }
      absl::StrAppend(&directives.back().text, " ", content);
      return absl::OkStatus();
    }
    if (absl::ConsumePrefix(&content, "play ")) {
      const auto scene = scenes_.find(std::string(content));
      if (scene == scenes_.end()) {
        return BadLine(file_name_, number, "no such scene above");
      }
      const Directives played = scene->second;
      directives.insert(directives.end(), played.begin(), played.end());
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(GoldenDirective directive,
                     ReadDirective(line, number, file_name_));
    directives.push_back(std::move(directive));
    return absl::OkStatus();
  }

  const absl::string_view file_name_;
  std::vector<WrittenCase> written_;
  std::map<std::string, Directives> scenes_;
  std::string scene_;  // the one being read
  bool in_scene_ = false;
};

}  // namespace

std::vector<std::string> ExpandGoldenList(absl::string_view list) {
  std::vector<std::string> values;
  for (absl::string_view item : absl::StrSplit(list, ',')) {
    std::vector<absl::string_view> ends = absl::StrSplit(item, "..");
    uint32_t first = 0;
    uint32_t last = 0;
    if (ends.size() == 2 && absl::SimpleAtoi(ends[0], &first) &&
        absl::SimpleAtoi(ends[1], &last) && last - first <= 65536) {
      for (uint32_t i = first; i <= last; ++i)
        values.push_back(absl::StrCat(i));
    } else {
      values.emplace_back(item);
    }
  }
  return values;
}

absl::StatusOr<std::vector<GoldenCase>> ParseGoldenFile(
    absl::string_view text, absl::string_view file_name) {
  GoldenReader reader(file_name);
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    RETURN_IF_ERROR(reader.Read(line, ++number));
  }
  return reader.Cases();
}

absl::StatusOr<std::vector<GoldenCase>> ReadGoldenFile(
    const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  size_t slash = path.rfind('/');
  return ParseGoldenFile(text,
                         slash == path.npos ? path : path.substr(slash + 1));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> KeyValues(
    const GoldenDirective& directive) {
  std::vector<std::pair<std::string, std::string>> result;
  for (absl::string_view word :
       absl::StrSplit(directive.text, ' ', absl::SkipEmpty())) {
    std::pair<std::string, std::string> pair =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (!absl::StrContains(word, '=')) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", directive.line, ": \"", word, "\": wanted KEY=VALUE"));
    }
    result.push_back(std::move(pair));
  }
  return result;
}

std::string GoldenTestName(absl::string_view name) {
  std::string result(name);
  for (char& letter : result) {
    if (!absl::ascii_isalnum(letter)) letter = '_';
  }
  return result;
}

}  // namespace vswitch
