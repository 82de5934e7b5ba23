// controlplane/compile/shared_bytes.h
//
// SharedBytes: the immutable bytes of a table, which states share as long as
// nothing in it changes.
//
//   SharedBytes blob(std::move(bytes));
//   if (blob.IsSameAs(previous.blob)) ...   // shared: nothing was made again
//   if (blob == previous.blob) ...          // equal content
//
// A value; copies are O(1).  Any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SHARED_BYTES_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SHARED_BYTES_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace vswitch {

class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

  absl::string_view view() const {
    return bytes_ == nullptr ? absl::string_view() : *bytes_;
  }
  size_t size() const { return view().size(); }
  const char* data() const { return view().data(); }
  bool empty() const { return view().empty(); }

  bool IsSameAs(const SharedBytes& other) const {
    return bytes_ == other.bytes_;
  }
  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return a.IsSameAs(b) || a.view() == b.view();
  }

 private:
  std::shared_ptr<const std::string> bytes_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SHARED_BYTES_H_
