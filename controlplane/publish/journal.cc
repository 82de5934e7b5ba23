// Files, fsync and rename of the journal.

#include "controlplane/publish/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "controlplane/publish/journal_format.h"
#include "controlplane/translate/resources.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint64_t kMinCompactBytes = 1 << 20;
constexpr uint64_t kGrowthFactor = 4;

absl::Status ErrnoStatus(absl::string_view what, const std::string& path) {
  int error = errno;
  std::string text = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::UnavailableError(text);
}

std::string PathIn(const std::string& directory) {
  return absl::StrCat(directory, "/journal");
}

std::string NewPathIn(const std::string& directory) {
  return absl::StrCat(directory, "/journal.new");
}

absl::Status WriteAll(int fd, absl::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// From byte `first` on.
absl::StatusOr<std::string> ReadAll(int fd, const std::string& path,
                                    uint64_t first = 0) {
  std::string bytes;
  char buffer[64 * 1024];
  while (true) {
    ssize_t count = pread(fd, buffer, sizeof(buffer),
                          static_cast<off_t>(first + bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus("cannot read", path);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
  }
}

// A rename or a new file is durable only after its directory is.
absl::Status SyncDirectory(const std::string& directory) {
  int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("cannot open", directory);
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return ErrnoStatus("cannot sync", directory);
  return absl::OkStatus();
}

absl::StatusOr<int> OpenLocked(const std::string& path, int flags) {
  int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (fd < 0) return ErrnoStatus("cannot open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    absl::Status status = absl::FailedPreconditionError(absl::StrCat(
        path, " is in use by another control plane: one may run at a time"));
    close(fd);
    return status;
  }
  return fd;
}

// `numbered` is nullptr if nothing is to be kept about the key.
void AddIdentity(const std::string& key,
                 const IdentityAllocator::Numbered* numbered,
                 storage::JournalRecord& record) {
  storage::IdentityNumber* message = record.add_identities();
  message->set_key(key);
  if (numbered == nullptr) return;
  message->set_identity(ToInt(numbered->id));
  if (numbered->released_s != IdentityAllocator::kInUse) {
    message->set_released_seconds(numbered->released_s);
  }
}

void ReplayIdentity(const storage::IdentityNumber& message,
                    IdentityAllocator::ByKey& identities) {
  if (message.identity() == 0) {
    identities.Erase(message.key());
    return;
  }
  const int64_t released = message.released_seconds();
  identities.Insert(message.key(),
                    {IdentityId{message.identity()},
                     released == 0 ? IdentityAllocator::kInUse : released});
}

storage::JournalRecord MakeSnapshot(const StoredState& state) {
  storage::JournalRecord record;
  record.set_transaction(state.transaction);
  record.set_is_snapshot(true);
  for (const auto& [key, object] : state.desired.objects()) {
    *record.add_upserts() = ToProto(*object);
  }
  for (const auto& [manager, value] : state.manager_epochs) {
    storage::ManagerEpoch* epoch = record.add_epochs();
    epoch->set_manager(manager);
    epoch->set_epoch(value);
  }
  for (const auto& [key, numbered] : state.identities) {
    AddIdentity(key, &numbered, record);
  }
  return record;
}

absl::Status Replay(const storage::JournalRecord& record, StoredState& state) {
  if (record.is_snapshot()) state = StoredState();
  for (const v1::Resource& resource : record.upserts()) {
    ASSIGN_OR_RETURN(Object object, ToModel(resource));
    object.metadata.owner = resource.metadata().owner();
    // A record of a program that did not know when objects were created.
    if (object.metadata.created_version == 0) {
      object.metadata.created_version = object.metadata.version;
    }
    state.desired.Upsert(std::move(object));
  }
  for (const v1::ResourceKey& message : record.deletes()) {
    ASSIGN_OR_RETURN(ObjectKey key, ToModel(message));
    state.desired.Erase(key);
  }
  for (const storage::ManagerEpoch& epoch : record.epochs()) {
    state.manager_epochs[epoch.manager()] = epoch.epoch();
  }
  for (const storage::IdentityNumber& identity : record.identities()) {
    ReplayIdentity(identity, state.identities);
  }
  state.transaction = record.transaction();
  return absl::OkStatus();
}

}  // namespace

std::string EncodeChange(const StoredState& state, const StateChange& change,
                         const std::string& manager) {
  storage::JournalRecord record;
  record.set_transaction(state.transaction);
  for (const ObjectResult& result : change.results) {
    if (result.outcome == ObjectOutcome::kDeleted) {
      *record.add_deletes() = ToProto(result.key);
    } else if (result.outcome == ObjectOutcome::kCreated ||
               result.outcome == ObjectOutcome::kUpdated) {
      *record.add_upserts() = ToProto(*state.desired.FindObject(result.key));
    }
  }
  if (change.epoch_raised) {
    storage::ManagerEpoch* epoch = record.add_epochs();
    epoch->set_manager(manager);
    epoch->set_epoch(state.manager_epochs.at(manager));
  }
  return EncodeRecord(record);
}

std::string EncodeIdentities(const StoredState& state,
                             const IdentityAllocator::ByKey& next) {
  storage::JournalRecord record;
  record.set_transaction(state.transaction);
  IdentityAllocator::ByKey::ForEachDifference(
      state.identities, next,
      [&record](const std::string& key, const IdentityAllocator::Numbered*,
                const IdentityAllocator::Numbered* after) {
        AddIdentity(key, after, record);
      });
  return record.identities().empty() ? "" : EncodeRecord(record);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const std::string& directory, StoredState* state) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus("cannot make", directory);
  }
  ASSIGN_OR_RETURN(int fd, OpenLocked(PathIn(directory), O_CREAT | O_APPEND));
  auto journal = std::unique_ptr<Journal>(new Journal(directory, fd));
  RETURN_IF_ERROR(journal->Read(state));
  RETURN_IF_ERROR(SyncDirectory(directory));
  return journal;
}

Journal::~Journal() {
  if (compaction_ != nullptr) {
    compaction_->thread.join();
    if (compaction_->file.ok()) close(compaction_->file->fd);
    unlink(NewPathIn(directory_).c_str());
  }
  close(fd_);
}

absl::Status Journal::Read(StoredState* state) {
  std::string path = PathIn(directory_);
  ASSIGN_OR_RETURN(std::string bytes, ReadAll(fd_, path));
  absl::StatusOr<size_t> good =
      ReadRecords(bytes, [state](const storage::JournalRecord& record) {
        return Replay(record, *state);
      });
  if (!good.ok()) {
    return absl::Status(
        good.status().code(),
        absl::StrCat("journal ", path, ": ", good.status().message()));
  }
  if (*good < bytes.size() && ftruncate(fd_, static_cast<off_t>(*good)) != 0) {
    return ErrnoStatus("cannot truncate", path);
  }
  file_bytes_ = *good;
  snapshot_bytes_ = *good;
  if (*good == 0) {
    RETURN_IF_ERROR(WriteAll(fd_, JournalHeader(), path));
    file_bytes_ = JournalHeader().size();
  }
  if (fsync(fd_) != 0) return ErrnoStatus("cannot sync", path);
  return absl::OkStatus();
}

absl::Status Journal::Append(const std::string& records) {
  std::string path = PathIn(directory_);
  if (failed_) {
    // After a failed fsync the kernel may have forgotten the dirty pages, so
    // what a later fsync says about them means nothing.
    return absl::UnavailableError(absl::StrCat(
        path, ": an earlier write failed; restart the control plane"));
  }
  absl::Status status = WriteAll(fd_, records, path);
  if (status.ok() && fdatasync(fd_) != 0) {
    failed_ = true;
    return ErrnoStatus("cannot sync", path);
  }
  if (!status.ok()) {
    failed_ = ftruncate(fd_, static_cast<off_t>(file_bytes_)) != 0;
    return status;
  }
  file_bytes_ += records.size();
  return absl::OkStatus();
}

bool Journal::WantsCompaction() const {
  return file_bytes_ > kMinCompactBytes &&
         file_bytes_ > kGrowthFactor * snapshot_bytes_;
}

// A whole file of its own, durable but not yet in its place.
absl::StatusOr<Journal::NewFile> Journal::WriteNewFile(
    const std::string& directory, const StoredState& state) {
  const std::string path = NewPathIn(directory);
  ASSIGN_OR_RETURN(const int fd, OpenLocked(path, O_CREAT | O_APPEND));
  auto abandon = absl::MakeCleanup([&] { close(fd); });
  if (ftruncate(fd, 0) != 0) return ErrnoStatus("cannot truncate", path);
  const std::string bytes =
      absl::StrCat(JournalHeader(), EncodeRecord(MakeSnapshot(state)));
  RETURN_IF_ERROR(WriteAll(fd, bytes, path));
  if (fsync(fd) != 0) return ErrnoStatus("cannot sync", path);
  std::move(abandon).Cancel();
  return NewFile{fd, bytes.size()};
}

void Journal::StartCompaction(const StoredState& state) {
  if (compaction_ != nullptr) return;
  compaction_ = std::make_unique<Compaction>();
  compaction_->covered_bytes = file_bytes_;
  compaction_->thread =
      std::thread([to = compaction_.get(), directory = directory_, state] {
        to->file = WriteNewFile(directory, state);
        to->written.Notify();
      });
}

absl::Status Journal::FinishCompaction() {
  if (compaction_ == nullptr || !compaction_->written.HasBeenNotified()) {
    return absl::OkStatus();
  }
  compaction_->thread.join();
  const std::unique_ptr<Compaction> compaction = std::move(compaction_);
  const std::string next_path = NewPathIn(directory_);
  auto remove = absl::MakeCleanup([&] { unlink(next_path.c_str()); });
  RETURN_IF_ERROR(compaction->file.status());
  const NewFile next = *compaction->file;
  auto abandon = absl::MakeCleanup([&] { close(next.fd); });
  if (failed_) return absl::OkStatus();  // its end is not known: keep it so
  const std::string path = PathIn(directory_);
  ASSIGN_OR_RETURN(const std::string later,
                   ReadAll(fd_, path, compaction->covered_bytes));
  RETURN_IF_ERROR(WriteAll(next.fd, later, next_path));
  if (fdatasync(next.fd) != 0) return ErrnoStatus("cannot sync", next_path);
  if (rename(next_path.c_str(), path.c_str()) != 0) {
    return ErrnoStatus("cannot rename", next_path);
  }
  std::move(remove).Cancel();
  std::move(abandon).Cancel();
  close(fd_);
  fd_ = next.fd;
  file_bytes_ = next.bytes + later.size();
  snapshot_bytes_ = next.bytes;
  // Without it a power cut may bring the old file back, which would lack what
  // is appended to the new one from now on.
  absl::Status synced = SyncDirectory(directory_);
  failed_ = !synced.ok();
  return synced;
}

absl::Status Journal::Compact(const StoredState& state) {
  StartCompaction(state);
  compaction_->written.WaitForNotification();
  return FinishCompaction();
}

}  // namespace vswitch
