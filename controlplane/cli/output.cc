// Tables, JSON and YAML for output.h.

#include "controlplane/cli/output.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "yaml-cpp/emitter.h"

namespace vswitch {
namespace {

// Returns true if a YAML reader could take the plain text for something else
// than a string.
bool NeedsQuotes(const std::string& text) {
  static const char* const kWords[] = {"null", "~",  "true", "false", "yes",
                                       "no",   "on", "off",  "y",     "n"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const char* word : kWords) {
    if (lower == word) return true;
  }
  if (text.empty()) return true;
  // Numbers, and MAC addresses, which base 60 could be seen in; what has two
  // dots is neither.
  return std::count(text.begin(), text.end(), '.') < 2 &&
         text.find_first_not_of("0123456789+-.eExXoabcdfABCDF_:") ==
             std::string::npos &&
         text.find_first_of("0123456789") != std::string::npos;
}

void Emit(const Json& value, YAML::Emitter& out) {
  switch (value.type()) {
    case Json::value_t::object:
      if (value.empty()) out << YAML::Flow;
      out << YAML::BeginMap;
      for (const auto& [key, field] : value.items()) {
        out << YAML::Key;
        if (NeedsQuotes(key)) out << YAML::DoubleQuoted;
        out << key << YAML::Value;
        Emit(field, out);
      }
      out << YAML::EndMap;
      return;
    case Json::value_t::array:
      if (value.empty()) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const Json& element : value) Emit(element, out);
      out << YAML::EndSeq;
      return;
    case Json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (NeedsQuotes(text)) out << YAML::DoubleQuoted;
      out << text;
      return;
    }
    case Json::value_t::null:
      out << YAML::Null;
      return;
    default:
      // Numbers and booleans look the same in both languages.
      out << value.dump();
  }
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(header_.size());
  for (std::string& cell : cells) {
    cell = cell.empty() ? "-" : Printable(cell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::ToText() const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < header_.size(); ++column) {
    size_t width = header_[column].size();
    for (const auto& row : rows_) width = std::max(width, row[column].size());
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    for (size_t column = 0; column < cells.size(); ++column) {
      const bool last = column + 1 == cells.size();
      text += cells[column];
      if (!last) text.append(widths[column] - cells[column].size() + 2, ' ');
    }
    text += '\n';
  };
  add_line(header_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string Printable(absl::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return result;
}

std::string ToJsonText(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ToYamlText(const Json& value) {
  YAML::Emitter out;
  Emit(value, out);
  return std::string(out.c_str()) + "\n";
}

std::string BitRate(double bits_per_second) {
  if (bits_per_second >= 1e9) {
    return absl::StrFormat("%.2f Gbit/s", bits_per_second / 1e9);
  }
  if (bits_per_second >= 1e6) {
    return absl::StrFormat("%.2f Mbit/s", bits_per_second / 1e6);
  }
  return absl::StrFormat("%.2f kbit/s", bits_per_second / 1e3);
}

std::string Duration(double seconds) {
  if (seconds < 1) return absl::StrFormat("%.0f ms", seconds * 1e3);
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return absl::StrCat(whole, "s");
  if (whole < 3600) return absl::StrCat(whole / 60, "m", whole % 60, "s");
  if (whole < 86400) {
    return absl::StrCat(whole / 3600, "h", whole % 3600 / 60, "m");
  }
  return absl::StrCat(whole / 86400, "d", whole % 86400 / 3600, "h");
}

}  // namespace vswitch
