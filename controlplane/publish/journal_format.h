// controlplane/publish/journal_format.h
//
// The bytes of a journal file: an 8-byte header, then records of {magic,
// length, CRC-32C of the payload, payload}, numbers little-endian; the payload
// is a storage.JournalRecord.
//
//   std::string bytes = JournalHeader() + EncodeRecord(record);
//   ASSIGN_OR_RETURN(size_t good, ReadRecords(bytes, visitor));
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_FORMAT_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_FORMAT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/publish/journal.pb.h"

namespace vswitch {

absl::string_view JournalHeader();

std::string EncodeRecord(const storage::JournalRecord& record);

// Calls `visit` with each whole record of `file` and returns how many bytes
// hold them; what follows is a torn tail.  DATA_LOSS when the file is damaged.
absl::StatusOr<size_t> ReadRecords(
    absl::string_view file,
    const std::function<absl::Status(const storage::JournalRecord&)>& visit);

// Returns the CRC-32C (RFC 3720 appendix B.4) of `bytes`.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_FORMAT_H_
