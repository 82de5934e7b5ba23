// bench/pipeline/histogram.h
//
// Histogram: how long things took, to 1/64 of the value, without keeping each.
//
//   histogram.Add(nanoseconds);
//   uint64_t p99 = histogram.Quantile(0.99);
//
// Thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_HISTOGRAM_H_
#define VSWITCH_BENCH_PIPELINE_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vswitch {

class Histogram {
 public:
  void Add(uint64_t value) {
    ++counts_[IndexOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }

  // Returns a value that the share `quantile` of all does not exceed; 0 when
  // there is none.
  uint64_t Quantile(double quantile) const {
    const auto wanted =
        static_cast<uint64_t>(quantile * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(UpperBound(i), max_);
    }
    return max_;
  }
  uint64_t max() const { return max_; }
  uint64_t count() const { return total_; }

 private:
  static constexpr uint32_t kBits = 6;  // of a value that count
  static constexpr uint64_t kSteps = 1u << kBits;

  // Values below kSteps have a count each; above, each power of two has kSteps.
  static size_t IndexOf(uint64_t value) {
    if (value < kSteps) return value;
    const auto shift = static_cast<uint32_t>(std::bit_width(value)) - kBits - 1;
    return (shift + 1) * kSteps + (value >> shift) - kSteps;
  }
  static uint64_t UpperBound(size_t index) {
    if (index < kSteps) return index;
    const uint64_t shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kBits + 1) * kSteps> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_HISTOGRAM_H_
