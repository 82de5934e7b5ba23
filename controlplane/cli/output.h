// controlplane/cli/output.h
//
// How vswitchctl prints: tables for people, JSON and YAML for programs.
//
// A command makes a Json value (or a Table) and a format chooses the writer,
// so that the two machine formats always carry the same fields.  Field names
// are those of the API in camel case; numbers are numbers.
//
//   Table table({"PORT", "STATE"});
//   table.AddRow({"demo/web", "up"});
//   std::cout << table.ToText();
//   std::cout << ToYaml(json);
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_OUTPUT_H_
#define VSWITCH_CONTROLPLANE_CLI_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace vswitch {

using Json = nlohmann::ordered_json;

enum class OutputFormat : uint8_t { kTable, kJson, kYaml };

// Columns aligned with two spaces between them, like kubectl's.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // Adds a row.  Missing cells are empty; an empty cell prints as "-".
  // REQUIRES: no more cells than columns.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string ToText() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// Returns `text` with control characters, which could drive a terminal,
// replaced by '?'.  What comes from the switch may hold names that a pod or a
// controller chose.
std::string Printable(absl::string_view text);

// Returns `value` as indented JSON or as one YAML document, with a newline at
// its end.
std::string ToJsonText(const Json& value);
std::string ToYamlText(const Json& value);

// Returns a rate as "1.23 Gbit/s".
std::string BitRate(double bits_per_second);
// Returns "350 ms", "12 s", "3m10s", "2h5m" or "4d3h".
std::string Duration(double seconds);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_OUTPUT_H_
