// Capture files, by libpcap.

#include "dataplane/offline/capture_file.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int kSnapLength = 262144;  // libpcap's largest for Ethernet
// The magic number of a pcap file with microseconds, of either byte order; all
// other formats that libpcap reads may hold nanoseconds.
constexpr uint32_t kMicrosecondMagic = 0xa1b2c3d4;

struct ClosePcap {
  void operator()(pcap_t* file) const { pcap_close(file); }
};
using PcapFile = std::unique_ptr<pcap_t, ClosePcap>;

absl::Status Invalid(absl::string_view problem) {
  return absl::InvalidArgumentError(problem);
}

absl::Status AtPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

// Looks at the first bytes and goes back to them.
CaptureResolution ResolutionOf(std::FILE* stream) {
  uint32_t magic = 0;
  const bool is_read = std::fread(&magic, sizeof(magic), 1, stream) == 1;
  std::rewind(stream);
  return is_read && (magic == kMicrosecondMagic ||
                     magic == __builtin_bswap32(kMicrosecondMagic))
             ? CaptureResolution::kMicroseconds
             : CaptureResolution::kNanoseconds;
}

absl::StatusOr<uint64_t> TimeOf(const pcap_pkthdr& header) {
  // libpcap takes the 32 bits of a pcap file for a signed number; they last
  // until 2106 as an unsigned one.
  const auto seconds = static_cast<uint32_t>(header.ts.tv_sec);
  const int64_t fraction = header.ts.tv_usec;  // nanoseconds, as asked for
  const bool is_cut = header.ts.tv_sec != static_cast<int32_t>(seconds) &&
                      header.ts.tv_sec != int64_t{seconds};
  if (is_cut || fraction < 0 ||
      fraction >= static_cast<int64_t>(kNanosecondsPerSecond)) {
    return Invalid(absl::StrCat(
        "the time is ", header.ts.tv_sec, " seconds and ", fraction,
        " nanoseconds; want 32 bits of seconds and less than a second"));
  }
  return seconds * kNanosecondsPerSecond + static_cast<uint64_t>(fraction);
}

absl::Status AddPacket(const pcap_pkthdr& header, const u_char* bytes,
                       Capture& capture) {
  if (header.caplen != header.len) {
    return Invalid(absl::StrCat(
        "holds ", header.caplen, " of the ", header.len,
        " bytes of the packet; capture whole packets (tcpdump -s 0)"));
  }
  ASSIGN_OR_RETURN(const uint64_t time_ns, TimeOf(header));
  capture.Add(time_ns, {bytes, header.caplen});
  return absl::OkStatus();
}

absl::Status CheckLinkType(pcap_t* file) {
  const int type = pcap_datalink(file);
  if (type == DLT_EN10MB) return absl::OkStatus();
  const char* name = pcap_datalink_val_to_name(type);
  return Invalid(absl::StrCat(
      "is of link type ", name == nullptr ? absl::StrCat(type) : name,
      "; want EN10MB, Ethernet: capture on one interface, not on \"any\""));
}

absl::Status ReadPackets(pcap_t* file, Capture& capture) {
  while (true) {
    const int64_t offset = ftello(pcap_file(file));
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int result = pcap_next_ex(file, &header, &bytes);
    if (result == PCAP_ERROR_BREAK) return absl::OkStatus();  // the end
    const absl::Status status = result == 1 ? AddPacket(*header, bytes, capture)
                                            : Invalid(pcap_geterr(file));
    if (!status.ok()) {
      return Invalid(absl::StrCat("packet ", capture.size(), " at byte ",
                                  offset, ": ", status.message()));
    }
  }
}

// Takes `stream`.
absl::StatusOr<Capture> ReadStream(std::FILE* stream) {
  Capture capture;
  capture.set_resolution(ResolutionOf(stream));
  char problem[PCAP_ERRBUF_SIZE] = "";
  PcapFile file(pcap_fopen_offline_with_tstamp_precision(
      stream, PCAP_TSTAMP_PRECISION_NANO, problem));
  if (file == nullptr) {
    const int64_t offset = ftello(stream);
    std::fclose(stream);
    return Invalid(absl::StrCat("is no pcap or pcapng file (at byte ", offset,
                                ": ", problem, ")"));
  }
  RETURN_IF_ERROR(CheckLinkType(file.get()));
  RETURN_IF_ERROR(ReadPackets(file.get(), capture));
  return capture;
}

std::string ErrorText(int error) { return std::strerror(error); }

}  // namespace

void Capture::Add(uint64_t time_ns, std::span<const uint8_t> bytes) {
  entries_.push_back({time_ns, bytes_.size(), bytes.size()});
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::span<const uint8_t> Capture::bytes(size_t index) const {
  const Entry& entry = entries_[index];
  return std::span(bytes_).subspan(entry.offset, entry.size);
}

absl::StatusOr<Capture> ReadCapture(const std::string& path) {
  std::FILE* stream = std::fopen(path.c_str(), "rb");
  if (stream == nullptr) {
    return AtPath(path,
                  Invalid(absl::StrCat("cannot be read: ", ErrorText(errno))));
  }
  absl::StatusOr<Capture> capture = ReadStream(stream);
  if (!capture.ok()) return AtPath(path, capture.status());
  return capture;
}

absl::StatusOr<Capture> DecodeCapture(std::span<const uint8_t> file) {
  if (file.empty()) return Invalid("is no pcap or pcapng file: it is empty");
  // Opened for reading, the bytes are not written.
  std::FILE* stream =
      fmemopen(const_cast<uint8_t*>(file.data()), file.size(), "rb");
  if (stream == nullptr) return absl::InternalError(ErrorText(errno));
  return ReadStream(stream);
}

absl::StatusOr<std::string> EncodeCapture(const Capture& capture) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  if (stream == nullptr) return absl::InternalError(ErrorText(errno));
  const absl::Cleanup free_text = [&text] { std::free(text); };
  const bool is_fine = capture.resolution() == CaptureResolution::kNanoseconds;
  const PcapFile file(pcap_open_dead_with_tstamp_precision(
      DLT_EN10MB, kSnapLength,
      is_fine ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO));
  pcap_dumper_t* dumper = pcap_dump_fopen(file.get(), stream);
  if (dumper == nullptr) {
    std::fclose(stream);
    return absl::InternalError(pcap_geterr(file.get()));
  }
  for (size_t i = 0; i < capture.size(); ++i) {
    const uint64_t fraction = capture.time_ns(i) % kNanosecondsPerSecond;
    pcap_pkthdr header{};
    header.ts.tv_sec =
        static_cast<time_t>(capture.time_ns(i) / kNanosecondsPerSecond);
    header.ts.tv_usec =
        static_cast<suseconds_t>(is_fine ? fraction : fraction / 1000);
    header.len = static_cast<bpf_u_int32>(capture.bytes(i).size());
    header.caplen = header.len;
    pcap_dump(reinterpret_cast<u_char*>(dumper), &header,
              capture.bytes(i).data());
  }
  pcap_dump_close(dumper);  // closes the stream; only then is `text` whole
  return std::string(text, size);
}

absl::Status WriteCapture(const std::string& path, const Capture& capture) {
  ASSIGN_OR_RETURN(const std::string bytes, EncodeCapture(capture));
  std::FILE* stream = std::fopen(path.c_str(), "wb");
  bool is_written =
      stream != nullptr &&
      std::fwrite(bytes.data(), 1, bytes.size(), stream) == bytes.size();
  int error = errno;
  if (stream != nullptr && std::fclose(stream) != 0) {
    if (is_written) error = errno;
    is_written = false;
  }
  if (is_written) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": cannot be written: ", ErrorText(error)));
}

}  // namespace vswitch
