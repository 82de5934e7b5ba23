// bench/pipeline/report.h
//
// Report: figures with their targets and floors, as a plain table.
//
//   report.Section("Forwarding under churn");
//   report.Add("capacity", 4.2, "Mpps");
//   report.Add("enforced, p99", 1.3, "ms", AtMost(5, 20));
//   report.PrintVerdict();   // which floors hold
//
// Thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_REPORT_H_
#define VSWITCH_BENCH_PIPELINE_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vswitch {

// What a figure is to be; `floor` is the least that will do.
struct Goal {
  double target = 0;
  double floor = 0;
  bool at_least = false;  // else at most

  bool Reaches(double value, double bound) const {
    return at_least ? value >= bound : value <= bound;
  }
};
inline Goal AtLeast(double target, double floor) {
  return {target, floor, true};
}
inline Goal AtMost(double target, double floor) { return {target, floor}; }

class Report {
 public:
  // Begins a table on standard output.
  void Section(const std::string& title);
  // Prints one line of explanation.
  void Note(const std::string& text);
  void Add(const std::string& name, double value, const std::string& unit,
           std::optional<Goal> goal = std::nullopt);
  // Prints which floors hold and which do not.
  void PrintVerdict() const;

 private:
  uint32_t floor_count_ = 0;
  std::vector<std::string> missed_;
};

// Returns the middle one; the upper of two.  REQUIRES: there is one.
double Median(std::vector<double> values);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_REPORT_H_
