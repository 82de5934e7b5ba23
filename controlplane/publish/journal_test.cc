// What a journal gives back after crashes, damage and compaction.

#include "controlplane/publish/journal.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "controlplane/publish/journal_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string pattern = testing::TempDir() + "/journal_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/journal"; }

  // Changes `state_` and appends the change to `journal`.
  void Put(Journal& journal, const std::string& name, uint64_t epoch = 0) {
    Transaction transaction;
    transaction.manager = {"cli", epoch};
    Object object;
    object.metadata.name = name;
    object.spec = Node{};
    transaction.upserts.push_back(object);
    Append(journal, transaction);
  }
  void Erase(Journal& journal, const std::string& name) {
    Transaction transaction;
    transaction.manager = {"cli", 0};
    transaction.deletes.push_back({ObjectKind::kNode, "", name});
    Append(journal, transaction);
  }
  void Append(Journal& journal, const Transaction& transaction) {
    absl::StatusOr<StateChange> change = Change(transaction, state_);
    ASSERT_TRUE(change.ok()) << change.status();
    ASSERT_TRUE(
        journal.Append(EncodeChange(state_, *change, transaction.manager.name))
            .ok());
  }

  // The names of the nodes that the journal on disk holds.
  std::string Names() {
    read_ = StoredState();
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open(directory_, &read_);
    if (!journal.ok()) return journal.status().ToString();
    std::string names;
    read_.desired.ForEach<Node>([&](const Metadata& metadata, const Node&) {
      names += metadata.name + " ";
    });
    return names;
  }

  std::unique_ptr<Journal> Open() {
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open(directory_, &state_);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *std::move(journal);
  }

  std::string directory_;
  StoredState state_;
  StoredState read_;
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  auto journal = Open();
  Put(*journal, "a");
  Put(*journal, "b");
  Erase(*journal, "a");
  journal.reset();
  EXPECT_EQ(Names(), "b ");
  EXPECT_EQ(read_.transaction, 3u);
  const Object* node = read_.desired.FindObject({ObjectKind::kNode, "", "b"});
  EXPECT_EQ(node->metadata.owner, "cli");
  EXPECT_EQ(node->metadata.version, 2u);
}

TEST_F(JournalTest, KeepsWhichObjectItIs) {
  auto journal = Open();
  Transaction transaction;
  transaction.manager = {"cli", 0};
  transaction.upserts.push_back({.metadata = {.name = "n"}, .spec = Node{}});
  transaction.upserts[0].metadata.uid = "abc";
  Append(*journal, transaction);
  transaction.upserts[0].metadata.labels["rack"] = "r1";
  Append(*journal, transaction);
  journal.reset();
  Names();
  const Object* node = read_.desired.FindObject({ObjectKind::kNode, "", "n"});
  EXPECT_EQ(node->metadata.uid, "abc");
  EXPECT_EQ(node->metadata.version, 2u);
  EXPECT_EQ(node->metadata.created_version, 1u);
}

TEST_F(JournalTest, KeepsTheHighestEpochs) {
  auto journal = Open();
  Put(*journal, "a", 41);
  journal.reset();
  Names();
  EXPECT_EQ(read_.manager_epochs["cli"], 41u);
}

TEST_F(JournalTest, KeepsNumbersOfIdentities) {
  constexpr int64_t kReleased = 1'800'000'000;
  auto journal = Open();
  Put(*journal, "a");
  IdentityAllocator::ByKey next;
  next.Insert("moved", {IdentityId{300}});
  next.Insert("gone", {IdentityId{301}, kReleased});
  next.Insert("forgotten", {IdentityId{302}, kReleased});
  ASSERT_TRUE(journal->Append(EncodeIdentities(state_, next)).ok());
  state_.identities = next;
  EXPECT_EQ(EncodeIdentities(state_, next), "");
  next.Erase("forgotten");
  ASSERT_TRUE(journal->Append(EncodeIdentities(state_, next)).ok());
  state_.identities = next;
  journal.reset();
  EXPECT_EQ(Names(), "a ");
  EXPECT_TRUE(read_.identities == next);
  EXPECT_EQ(read_.transaction, 1u);

  ASSERT_TRUE(Open()->Compact(state_).ok());
  EXPECT_EQ(Names(), "a ");
  EXPECT_TRUE(read_.identities == next);
}

// A kill in the middle of a write can end the file at any byte.
TEST_F(JournalTest, ATornTailAtAnyByteIsCutOff) {
  auto journal = Open();
  Put(*journal, "a");
  uint64_t good_bytes = journal->file_bytes();
  Put(*journal, "b");
  uint64_t all_bytes = journal->file_bytes();
  journal.reset();
  std::filesystem::copy_file(path(), directory_ + "/copy");
  for (uint64_t bytes = good_bytes; bytes < all_bytes; ++bytes) {
    std::filesystem::copy_file(
        directory_ + "/copy", path(),
        std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path(), bytes);
    ASSERT_EQ(Names(), "a ") << bytes;
    ASSERT_EQ(std::filesystem::file_size(path()), good_bytes);
  }
}

TEST_F(JournalTest, AppendsAfterATornTail) {
  auto journal = Open();
  Put(*journal, "a");
  journal.reset();
  std::ofstream(path(), std::ios::app) << "VREC torn";
  state_ = StoredState();
  journal = Open();
  Put(*journal, "b");
  journal.reset();
  EXPECT_EQ(Names(), "a b ");
}

TEST_F(JournalTest, DamageBeforeGoodRecordsIsDataLoss) {
  auto journal = Open();
  Put(*journal, "a");
  uint64_t first_bytes = journal->file_bytes();
  Put(*journal, "b");
  journal.reset();
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<long>(first_bytes) - 1);
  file.put('\xff');
  file.close();
  EXPECT_THAT(Names(), HasSubstr("DATA_LOSS"));
  EXPECT_THAT(Names(), HasSubstr(path()));
}

TEST_F(JournalTest, AForeignFileIsRefused) {
  std::ofstream(path()) << "something else entirely";
  EXPECT_THAT(Names(), HasSubstr("DATA_LOSS"));
}

TEST_F(JournalTest, CompactionKeepsTheStateAndShrinksTheFile) {
  auto journal = Open();
  for (int i = 0; i < 100; ++i) {
    Put(*journal, "a");
    Erase(*journal, "a");
    Put(*journal, "b");
    Erase(*journal, "b");
  }
  Put(*journal, "c", 100);
  uint64_t before = journal->file_bytes();
  ASSERT_TRUE(journal->Compact(state_).ok());
  EXPECT_LT(journal->file_bytes(), before / 10);
  Put(*journal, "d", 101);
  journal.reset();
  EXPECT_EQ(Names(), "c d ");
  EXPECT_EQ(read_.transaction, state_.transaction);
  EXPECT_EQ(read_.manager_epochs["cli"], 101u);
}

TEST_F(JournalTest, WhatIsAppendedDuringACompactionIsKept) {
  auto journal = Open();
  for (int i = 0; i < 1000; ++i) Put(*journal, "a" + std::to_string(i));
  for (int i = 1; i < 1000; ++i) Erase(*journal, "a" + std::to_string(i));
  const uint64_t before = journal->file_bytes();
  journal->StartCompaction(state_);
  journal->StartCompaction(state_);  // is the same one
  Put(*journal, "b");
  Erase(*journal, "a0");
  while (journal->file_bytes() > before / 2) {
    ASSERT_TRUE(journal->FinishCompaction().ok());
  }
  Put(*journal, "c");
  journal.reset();
  EXPECT_EQ(Names(), "b c ");
  EXPECT_EQ(read_.transaction, state_.transaction);
}

TEST_F(JournalTest, ACompactionThatIsNotFinishedChangesNothing) {
  auto journal = Open();
  Put(*journal, "a");
  journal->StartCompaction(state_);
  Put(*journal, "b");
  journal.reset();
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
  EXPECT_EQ(Names(), "a b ");
}

TEST_F(JournalTest, ANewFileThatCannotBeWrittenLeavesTheOldOne) {
  auto journal = Open();
  Put(*journal, "a");
  std::filesystem::create_directory(path() + ".new");
  EXPECT_THAT(journal->Compact(state_).ToString(), HasSubstr("journal.new"));
  Put(*journal, "b");
  journal.reset();
  EXPECT_EQ(Names(), "a b ");
}

TEST_F(JournalTest, OneProcessAtATimeHoldsIt) {
  auto journal = Open();
  EXPECT_THAT(Names(), HasSubstr("FAILED_PRECONDITION"));
}

TEST(JournalFormatTest, ChecksumIsCrc32c) {
  // RFC 3720 appendix B.4: 32 bytes of zeros.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
}

}  // namespace
}  // namespace vswitch
