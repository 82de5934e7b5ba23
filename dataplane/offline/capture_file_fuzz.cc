// Any bytes as a capture file: read without harm, and what was read is written
// so that it reads as the same again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "dataplane/offline/capture_file.h"

namespace vswitch {
namespace {

bool AreEqual(const Capture& a, const Capture& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a.time_ns(i) != b.time_ns(i) ||
        !std::ranges::equal(a.bytes(i), b.bytes(i))) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace vswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto capture = vswitch::DecodeCapture({data, size});
  if (!capture.ok()) return 0;
  const auto file = vswitch::EncodeCapture(*capture);
  if (!file.ok()) std::abort();
  const auto again = vswitch::DecodeCapture(
      {reinterpret_cast<const uint8_t*>(file->data()), file->size()});
  if (!again.ok() || !vswitch::AreEqual(*capture, *again)) std::abort();
  return 0;
}
