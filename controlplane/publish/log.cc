// A token bucket before stderr.

#include "controlplane/publish/log.h"

#include <unistd.h>

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vswitch {
namespace {

constexpr double kBurstLines = 100;

class Limiter {
 public:
  // Returns how many lines were left out before this one, or -1 to leave this
  // one out too.
  int Take() {
    absl::MutexLock lock(&mutex_);
    absl::Time now = absl::Now();
    tokens_ =
        std::min(kBurstLines, tokens_ + absl::ToDoubleSeconds(now - last_) *
                                            kLogLinesPerSecond);
    last_ = now;
    if (tokens_ < 1) {
      ++left_out_;
      return -1;
    }
    tokens_ -= 1;
    int left_out = left_out_;
    left_out_ = 0;
    return left_out;
  }

 private:
  absl::Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_) = kBurstLines;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  int left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

void LogLine(const std::string& text) {
  static Limiter* const limiter = new Limiter;
  int left_out = limiter->Take();
  if (left_out < 0) return;
  std::string line = absl::StrCat("vswitch-controlplane: ",
                                  absl::StrReplaceAll(text, {{"\n", " "}}));
  if (left_out > 0) absl::StrAppend(&line, " (", left_out, " lines left out)");
  line.push_back('\n');
  // Nothing can be done about a stderr that takes nothing.
  [[maybe_unused]] ssize_t written = write(2, line.data(), line.size());
}

}  // namespace vswitch
