// dataplane/supervisor/wire.h
//
// WireWriter and WireReader: numbers and texts in a message of the supervisor's
// protocol.  A reader that runs over the end returns zeros and empty texts from
// then on, and says so at Finish(): one check for a whole message.
//
//   WireWriter writer;
//   writer.Number<uint32_t>(epoch);
//   writer.Text(name);
//   WireReader reader(bytes);
//   ...
//   RETURN_IF_ERROR(reader.Finish("AttachPort"));
//
// Thread rule: thread-compatible.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_WIRE_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_WIRE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vswitch {

class WireWriter {
 public:
  template <typename T>
  void Number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    Bytes(&value, sizeof(value));
  }
  void Bytes(const void* data, size_t bytes) {
    bytes_.append(static_cast<const char*>(data), bytes);
  }
  void Text(absl::string_view text) {
    Number(static_cast<uint32_t>(text.size()));
    Bytes(text.data(), text.size());
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class WireReader {
 public:
  // `bytes` must outlive the reader.
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Number() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    Bytes(&value, sizeof(value));
    return value;
  }
  void Bytes(void* out, size_t bytes) {
    if (bytes > rest_.size()) {
      std::memset(out, 0, bytes);
      Fail();
      return;
    }
    std::memcpy(out, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
  }
  std::string Text() {
    const auto bytes = Number<uint32_t>();
    if (bytes > rest_.size()) {
      Fail();
      return "";
    }
    std::string text(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    return text;
  }
  // Returns how many elements follow, of which each takes at least
  // `element_bytes`.
  uint32_t Count(size_t element_bytes) {
    const auto count = Number<uint32_t>();
    if (count > rest_.size() / element_bytes) {
      Fail();
      return 0;
    }
    return count;
  }
  absl::string_view Rest() { return std::exchange(rest_, absl::string_view()); }

  // Returns an error if the message was too short or is not read to its end.
  absl::Status Finish(absl::string_view what) const {
    if (!failed_ && rest_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "supervisor message ", what, " is ", failed_ ? "too short" : "too long",
        " (do all binaries come from one build?)"));
  }

 private:
  void Fail() {
    failed_ = true;
    rest_ = absl::string_view();
  }

  absl::string_view rest_;
  bool failed_ = false;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_WIRE_H_
