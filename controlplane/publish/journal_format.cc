// Encoding and checking of journal records.

#include "controlplane/publish/journal_format.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr absl::string_view kHeader = "VSWJRNL1";
constexpr absl::string_view kRecordMagic = "VREC";
constexpr size_t kPrefixBytes = 12;
// Larger than any transaction that gRPC lets in; a snapshot may be larger, so
// this only bounds what a damaged length can ask for.
constexpr uint32_t kMaxPayloadBytes = 1u << 30;

std::array<uint32_t, 256> MakeCrcTable() {
  constexpr uint32_t kReversedPolynomial = 0x82f63b78;
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    }
    table[i] = value;
  }
  return table;
}

void AppendU32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

uint32_t ReadU32(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  }
  return value;
}

// Returns the payload of the record at the beginning of `bytes`, or nothing
// when there is no whole record.
std::optional<absl::string_view> PayloadAt(absl::string_view bytes) {
  if (bytes.size() < kPrefixBytes) return std::nullopt;
  if (bytes.substr(0, kRecordMagic.size()) != kRecordMagic) {
    return std::nullopt;
  }
  uint32_t length = ReadU32(bytes.substr(4));
  if (length > kMaxPayloadBytes || length > bytes.size() - kPrefixBytes) {
    return std::nullopt;
  }
  absl::string_view payload = bytes.substr(kPrefixBytes, length);
  if (Crc32c(payload) != ReadU32(bytes.substr(8))) return std::nullopt;
  return payload;
}

// Whether a whole record begins anywhere in `bytes`.
bool HoldsRecord(absl::string_view bytes) {
  for (size_t at = bytes.find(kRecordMagic); at != absl::string_view::npos;
       at = bytes.find(kRecordMagic, at + 1)) {
    if (PayloadAt(bytes.substr(at))) return true;
  }
  return false;
}

}  // namespace

absl::string_view JournalHeader() { return kHeader; }

uint32_t Crc32c(absl::string_view bytes) {
  static const std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t value = ~0u;
  for (char c : bytes) {
    value = (value >> 8) ^ kTable[(value ^ static_cast<uint8_t>(c)) & 0xff];
  }
  return ~value;
}

std::string EncodeRecord(const storage::JournalRecord& record) {
  std::string payload = record.SerializeAsString();
  std::string bytes(kRecordMagic);
  AppendU32(bytes, static_cast<uint32_t>(payload.size()));
  AppendU32(bytes, Crc32c(payload));
  return bytes + payload;
}

absl::StatusOr<size_t> ReadRecords(
    absl::string_view file,
    const std::function<absl::Status(const storage::JournalRecord&)>& visit) {
  if (file.substr(0, kHeader.size()) != kHeader) {
    // A file cut inside its header was never written to.
    if (file.size() < kHeader.size() &&
        kHeader.substr(0, file.size()) == file) {
      return 0;
    }
    return absl::DataLossError("is not a journal of this version");
  }
  size_t at = kHeader.size();
  while (at < file.size()) {
    std::optional<absl::string_view> payload = PayloadAt(file.substr(at));
    if (!payload) break;
    storage::JournalRecord record;
    if (!record.ParseFromArray(payload->data(),
                               static_cast<int>(payload->size()))) {
      return absl::DataLossError(
          absl::StrCat("the record at byte ", at, " cannot be read"));
    }
    RETURN_IF_ERROR(visit(record));
    at += kPrefixBytes + payload->size();
  }
  if (at < file.size() && HoldsRecord(file.substr(at + 1))) {
    return absl::DataLossError(absl::StrCat("is damaged at byte ", at,
                                            ": good records follow a bad one"));
  }
  return at;
}

}  // namespace vswitch
