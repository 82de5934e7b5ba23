// Printing.

#include "bench/pipeline/report.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace vswitch {
namespace {

// Numbers of every size in one column: whole ones as such, others to four
// digits.
std::string NumberText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return absl::StrFormat("%.0f", value);
  }
  if (std::abs(value) >= 1000) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.4g", value);
}

std::string BoundText(const Goal& goal, double bound) {
  return absl::StrFormat("%s %s",
                         goal.at_least ? ">=" : "<=", NumberText(bound));
}

void PrintRow(const std::string& name, const std::string& value,
              const std::string& unit, const std::string& target,
              const std::string& floor, const std::string& verdict) {
  std::cout << absl::StrFormat("%-46s %12s %-12s %-10s %-10s %s", name, value,
                               unit, target, floor, verdict)
            << std::endl;
}

}  // namespace

void Report::Section(const std::string& title) {
  std::cout << "\n" << title << "\n";
  PrintRow("figure", "measured", "unit", "target", "floor", "");
}

void Report::Note(const std::string& text) {
  std::cout << "  " << text << std::endl;
}

void Report::Add(const std::string& name, double value, const std::string& unit,
                 std::optional<Goal> goal) {
  if (!goal.has_value()) {
    PrintRow(name, NumberText(value), unit, "-", "-", "");
    return;
  }
  ++floor_count_;
  const bool target_holds = goal->Reaches(value, goal->target);
  const bool floor_holds = goal->Reaches(value, goal->floor);
  if (!floor_holds) missed_.push_back(name);
  PrintRow(name, NumberText(value), unit, BoundText(*goal, goal->target),
           BoundText(*goal, goal->floor),
           target_holds  ? "target"
           : floor_holds ? "floor"
                         : "MISSED");
}

void Report::PrintVerdict() const {
  std::cout << "\nfloors: " << floor_count_ - missed_.size() << " of "
            << floor_count_ << " hold"
            << (missed_.empty() ? std::string(".")
                                : "; missed: " + absl::StrJoin(missed_, "; "))
            << std::endl;
}

double Median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace vswitch
