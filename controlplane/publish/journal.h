// controlplane/publish/journal.h
//
// Journal: desired state on disk, as an append-only file of checksummed
// records.  A change counts as accepted only after Append() returned: it is on
// the disk then.
//
// One Append() takes the changes of all transactions that waited together, so
// they share one fsync (group commit).  When the file has grown to several
// times what it holds, a thread writes the whole state into a new file while
// the old one goes on; then what came meanwhile is added to it and it is
// renamed over the old one, so that there is a whole file at every moment.
//
// A process killed in the middle of Append() leaves a torn tail, which was
// never accepted: Open() cuts it off.  A bad record with good ones behind it is
// damage, not a torn tail, and is refused as DATA_LOSS.
//
//   ASSIGN_OR_RETURN(auto journal, Journal::Open("/var/lib/vswitch", &state));
//   RETURN_IF_ERROR(journal->Append(EncodeChange(state, change, "cli")));
//
// Control thread only.  One process at a time holds the file.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "controlplane/publish/stored_state.h"

namespace vswitch {

// Returns the record of `change`, by `manager`, which led to `state`.
std::string EncodeChange(const StoredState& state, const StateChange& change,
                         const std::string& manager);

// Returns the record that brings the identities of `state` to `next`, empty if
// that is what they are.
std::string EncodeIdentities(const StoredState& state,
                             const IdentityAllocator::ByKey& next);

class Journal {
 public:
  // Opens the journal in `directory`, making both if they do not exist, and
  // reads what it holds into `state`.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const std::string& directory, StoredState* state);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Makes records of EncodeChange() and EncodeIdentities() durable, all or
  // (after an error) none.
  absl::Status Append(const std::string& records);

  // Whether a compaction is worth its while.
  bool WantsCompaction() const;
  // Begins to write `state`, to which all that was appended has led, into a new
  // file.  Does nothing while another one is written.
  void StartCompaction(const StoredState& state);
  // Puts the new file in its place once it is written; until then, and if there
  // is none, does nothing.  After an error the old file goes on.
  absl::Status FinishCompaction();
  // Both, and waits in between.  REQUIRES: no compaction is under way.
  absl::Status Compact(const StoredState& state);

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  Journal(std::string directory, int fd) : directory_(directory), fd_(fd) {}
  absl::Status Read(StoredState* state);

  struct NewFile {
    int fd = -1;
    uint64_t bytes = 0;
  };
  struct Compaction {
    uint64_t covered_bytes =
        0;  // of the old file, which the new one stands for
    absl::StatusOr<NewFile> file = NewFile();  // once `written`
    absl::Notification written;
    std::thread thread;
  };
  static absl::StatusOr<NewFile> WriteNewFile(const std::string& directory,
                                              const StoredState& state);

  std::string directory_;
  int fd_;
  uint64_t file_bytes_ = 0;      // all of them durable
  uint64_t snapshot_bytes_ = 0;  // of the state when it was compacted last
  bool failed_ = false;          // what the file's end holds is not known
  std::unique_ptr<Compaction> compaction_;  // under way
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_JOURNAL_H_
