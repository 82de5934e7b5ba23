// dataplane/offline/capture_file.h
//
// Capture: captured packets with their times, and the files that hold them.
// What libpcap reads is read: pcap of either byte order with microseconds or
// nanoseconds, and pcapng.  Packets must be whole and of Ethernet.
//
//   ASSIGN_OR_RETURN(Capture capture, ReadCapture("web.pcap"));
//   for (size_t i = 0; i < capture.size(); ++i) Use(capture.bytes(i));
//   RETURN_IF_ERROR(WriteCapture("out/web.pcap", capture));
//
// Thread-compatible.

#ifndef VSWITCH_DATAPLANE_OFFLINE_CAPTURE_FILE_H_
#define VSWITCH_DATAPLANE_OFFLINE_CAPTURE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vswitch {

// Of the times in a file.
enum class CaptureResolution : uint8_t { kMicroseconds, kNanoseconds };

// The packets of one file, in its order.
class Capture {
 public:
  // `time_ns` is Unix time, its seconds below 2^32.
  void Add(uint64_t time_ns, std::span<const uint8_t> bytes);

  size_t size() const { return entries_.size(); }
  uint64_t time_ns(size_t index) const { return entries_[index].time_ns; }
  // From the Ethernet header on, without the frame check sequence.  Valid until
  // the next Add().
  std::span<const uint8_t> bytes(size_t index) const;

  CaptureResolution resolution() const { return resolution_; }
  void set_resolution(CaptureResolution resolution) {
    resolution_ = resolution;
  }

 private:
  struct Entry {
    uint64_t time_ns;
    size_t offset;  // in bytes_
    size_t size;
  };

  CaptureResolution resolution_ = CaptureResolution::kMicroseconds;
  std::vector<Entry> entries_;
  std::vector<uint8_t> bytes_;
};

// INVALID_ARGUMENT names the file, what is wrong with it and, if that is a
// packet, its number and the byte at which its record begins.
absl::StatusOr<Capture> ReadCapture(const std::string& path);

// The same of a file's bytes; errors name no file.
absl::StatusOr<Capture> DecodeCapture(std::span<const uint8_t> file);

// Writes a pcap file of the machine's byte order, over one that exists; times
// are cut to the capture's resolution.  The error names the file.
absl::Status WriteCapture(const std::string& path, const Capture& capture);

// Returns the bytes of that file.
absl::StatusOr<std::string> EncodeCapture(const Capture& capture);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_CAPTURE_FILE_H_
