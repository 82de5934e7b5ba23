// The life of a generation, takeover by a successor, and damaged headers.

#include "dataplane/memory/table_memory.h"

#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/memory/segment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class TableMemoryTest : public testing::Test {
 protected:
  TableMemoryTest()
      : segment_(*Segment::Create("vswitch-test",
                                  TableMemoryWriter::BytesFor(kOptions),
                                  HugePages::kOff)) {
    EXPECT_TRUE(TableMemoryWriter::Format(segment_.writable(), kOptions).ok());
  }

  TableMemoryWriter Writer() {
    return *TableMemoryWriter::Attach(segment_.writable());
  }
  TableMemoryReader Reader() {
    return *TableMemoryReader::Attach(segment_.bytes());
  }
  static absl::Status StageAndPublish(
      TableMemoryWriter& writer,
      std::initializer_list<absl::string_view> blobs) {
    const std::vector<absl::string_view> list(blobs);
    const absl::StatusOr<StagedRoot> staged = writer.Stage(list);
    if (!staged.ok()) return staged.status();
    return writer.Publish(*staged, writer.CurrentGeneration() + 1);
  }

  static inline const TableMemoryOptions kOptions{
      .identity_capacity = 256, .heap_bytes = 65536, .secret = {{1, 2}}};
  Segment segment_;
};

TEST_F(TableMemoryTest, NothingIsPublishedAtFirst) {
  const TableMemoryReader reader = Reader();
  EXPECT_EQ(reader.CurrentGeneration(), 0u);
  EXPECT_EQ(reader.Root(0).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reader.Root(1).status().code(), absl::StatusCode::kAborted);
}

TEST_F(TableMemoryTest, StagedTablesAreInvisibleUntilPublished) {
  TableMemoryWriter writer = Writer();
  const TableMemoryReader reader = Reader();
  const absl::string_view blobs[] = {"settings", "", "endpoints"};
  const absl::StatusOr<StagedRoot> staged = writer.Stage(blobs);
  ASSERT_TRUE(staged.ok());
  EXPECT_EQ(reader.CurrentGeneration(), 0u);
  ASSERT_TRUE(writer.Publish(*staged, 1).ok());
  ASSERT_EQ(reader.CurrentGeneration(), 1u);
  const absl::StatusOr<GenerationRoot> root = reader.Root(1);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(Text(root->blobs[0]), "settings");
  EXPECT_TRUE(root->blobs[1].empty());
  EXPECT_EQ(Text(root->First<3>()[2]), "endpoints");
}

TEST_F(TableMemoryTest, FourGenerationsLiveSideBySideUntilRetired) {
  TableMemoryWriter writer = Writer();
  const TableMemoryReader reader = Reader();
  for (const char* blob : {"g1", "g2", "g3", "g4"}) {
    ASSERT_TRUE(StageAndPublish(writer, {blob}).ok());
  }
  for (Generation g = 1; g <= 4; ++g) {
    EXPECT_EQ(Text(reader.Root(g)->blobs[0]), "g" + std::to_string(g));
  }
  const absl::string_view fifth[] = {"g5"};
  const StagedRoot staged = *writer.Stage(fifth);
  const absl::Status refused = writer.Publish(staged, 5);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  ASSERT_TRUE(writer.Retire(1).ok());
  EXPECT_EQ(reader.Root(1).status().code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(writer.Publish(staged, 5).ok());
  EXPECT_EQ(Text(reader.Root(5)->blobs[0]), "g5");
  EXPECT_EQ(writer.Retire(5).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(writer.Retire(4).ok());
  EXPECT_EQ(writer.heap().used_bytes(), 64u);
  EXPECT_EQ(Text(reader.Root(5)->blobs[0]), "g5");
}

TEST_F(TableMemoryTest, UnchangedTablesAreSharedBetweenGenerations) {
  TableMemoryWriter writer = Writer();
  const TableMemoryReader reader = Reader();
  ASSERT_TRUE(StageAndPublish(writer, {"policy", "one"}).ok());
  ASSERT_TRUE(StageAndPublish(writer, {"policy", "two"}).ok());
  EXPECT_EQ(reader.Root(1)->blobs[0].data(), reader.Root(2)->blobs[0].data());
  ASSERT_TRUE(writer.Retire(1).ok());
  EXPECT_EQ(Text(reader.Root(2)->blobs[0]), "policy");
}

TablePiece Piece(const std::string& text) {
  return std::make_shared<const std::string>(text);
}

std::vector<std::string> Texts(const PieceList& pieces) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < pieces.size(); ++i) {
    texts.push_back(Text(pieces.Piece(i)));
  }
  return texts;
}

absl::Status PublishPieces(TableMemoryWriter& writer,
                           const std::vector<TablePiece>& pieces) {
  const absl::string_view blobs[] = {"settings"};
  const absl::StatusOr<StagedRoot> staged = writer.Stage(blobs, pieces);
  if (!staged.ok()) return staged.status();
  return writer.Publish(*staged, writer.CurrentGeneration() + 1);
}

using testing::ElementsAre;

TEST_F(TableMemoryTest, PiecesAreSharedBetweenGenerations) {
  TableMemoryWriter writer = Writer();
  const TableMemoryReader reader = Reader();
  const TablePiece a = Piece("a"), b = Piece("b"), c = Piece("c");
  ASSERT_TRUE(PublishPieces(writer, {a, b, Piece(""), a}).ok());
  ASSERT_TRUE(PublishPieces(writer, {c, Piece("a")}).ok());
  const PieceList first = reader.Root(1)->pieces;
  const PieceList second = reader.Root(2)->pieces;
  EXPECT_THAT(Texts(first), ElementsAre("a", "b", "", "a"));
  EXPECT_THAT(Texts(second), ElementsAre("c", "a"));
  EXPECT_EQ(first.Piece(0).data(), first.Piece(3).data());
  EXPECT_EQ(first.Piece(0).data(), second.Piece(1).data());
  ASSERT_TRUE(writer.Retire(1).ok());
  // "settings", the directory, "a" and "c".
  EXPECT_EQ(writer.heap().used_bytes(), 4 * 64u);
  EXPECT_THAT(Texts(reader.Root(2)->pieces), ElementsAre("c", "a"));
  // Pieces whose pointer was seen before are found by it.
  ASSERT_TRUE(PublishPieces(writer, {a, b}).ok());
  EXPECT_THAT(Texts(reader.Root(3)->pieces), ElementsAre("a", "b"));
}

TEST_F(TableMemoryTest, EqualDirectoriesAreStoredOnce) {
  TableMemoryWriter writer = Writer();
  const std::vector<TablePiece> pieces = {Piece("a"), Piece("b")};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(PublishPieces(writer, pieces).ok());
  EXPECT_EQ(writer.heap().used_bytes(), 4 * 64u);
  ASSERT_TRUE(writer.Retire(2).ok());
  EXPECT_THAT(Texts(Reader().Root(3)->pieces), ElementsAre("a", "b"));
  ASSERT_TRUE(PublishPieces(writer, {}).ok());
  ASSERT_TRUE(writer.Retire(3).ok());
  EXPECT_EQ(writer.heap().used_bytes(), 64u);
  EXPECT_EQ(Reader().Root(4)->pieces.size(), 0u);
}

TEST_F(TableMemoryTest, PiecesThatDoNotFitAreRefusedWhole) {
  TableMemoryWriter writer = Writer();
  const TablePiece kept = Piece("kept");
  ASSERT_TRUE(PublishPieces(writer, {kept}).ok());
  const uint64_t used = writer.heap().used_bytes();
  const std::vector<TablePiece> pieces = {kept, Piece(std::string(60000, 'x')),
                                          Piece(std::string(10000, 'y'))};
  EXPECT_EQ(writer.Stage({}, pieces).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(writer.heap().used_bytes(), used);
  const StagedRoot staged = *writer.Stage({}, std::span(pieces).first(2));
  writer.Discard(staged);
  EXPECT_EQ(writer.heap().used_bytes(), used);
  EXPECT_THAT(Texts(Reader().Root(1)->pieces), ElementsAre("kept"));
}

TEST_F(TableMemoryTest, SuccessorAdoptsPieces) {
  {
    TableMemoryWriter writer = Writer();
    const TablePiece shared = Piece("shared");
    ASSERT_TRUE(PublishPieces(writer, {shared, Piece("old")}).ok());
    ASSERT_TRUE(PublishPieces(writer, {shared, Piece("new")}).ok());
    ASSERT_TRUE(writer.Stage({}, std::vector{Piece("lost")}).ok());
  }
  TableMemoryWriter successor = Writer();
  // "settings", two directories, three pieces.
  EXPECT_EQ(successor.heap().used_bytes(), 6 * 64u);
  ASSERT_TRUE(PublishPieces(successor, {Piece("shared")}).ok());
  ASSERT_TRUE(successor.Retire(2).ok());
  EXPECT_EQ(successor.heap().used_bytes(), 3 * 64u);
  EXPECT_THAT(Texts(Reader().Root(3)->pieces), ElementsAre("shared"));
}

// The directory's bytes, whatever they are: refused by a successor, or read
// without leaving the heap.
TEST_F(TableMemoryTest, DamagedDirectoryIsRefusedOrHarmless) {
  {
    TableMemoryWriter writer = Writer();
    ASSERT_TRUE(PublishPieces(writer, {Piece("a"), Piece("b")}).ok());
  }
  // Where it lies is the layout's business; what it says is found by value.
  std::byte* directory = nullptr;
  const PieceList pieces = Reader().Root(1)->pieces;
  const uint64_t distance = pieces.Piece(1).data() - pieces.Piece(0).data();
  const uint64_t size = 1;
  for (size_t i = 0; i + 32 <= segment_.bytes().size(); i += 64) {
    uint64_t words[4];
    std::memcpy(words, segment_.bytes().data() + i, sizeof(words));
    if (words[1] == size && words[3] == size && words[2] == words[0] + distance)
      directory = segment_.writable().data() + i;
  }
  ASSERT_NE(directory, nullptr);
  int refused = 0;
  for (size_t position = 0; position < 32; ++position) {
    const std::byte good = directory[position];
    for (uint8_t value : {0x01, 0x40, 0x7f, 0x80, 0xff}) {
      directory[position] = std::byte{value};
      refused += !TableMemoryWriter::Attach(segment_.writable()).ok();
      const TableMemoryReader reader = Reader();
      EXPECT_LE(Texts(reader.Root(1)->pieces).size(), 2u);
      directory[position] = good;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(TableMemoryTest, OversizedGenerationIsRefusedWhole) {
  TableMemoryWriter writer = Writer();
  const std::string large(60000, 'x');
  const std::string more(10000, 'y');
  const absl::string_view blobs[] = {large, more};
  EXPECT_EQ(writer.Stage(blobs).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(writer.heap().used_bytes(), 0u);
  EXPECT_EQ(writer.CurrentGeneration(), 0u);
}

TEST_F(TableMemoryTest, OnlyTheNextGenerationCanBePublished) {
  TableMemoryWriter writer = Writer();
  const absl::string_view blobs[] = {"a"};
  const StagedRoot staged = *writer.Stage(blobs);
  EXPECT_FALSE(writer.Publish(staged, 2).ok());
  EXPECT_FALSE(writer.Publish(staged, 0).ok());
  writer.Discard(staged);
  EXPECT_EQ(writer.heap().used_bytes(), 0u);
}

TEST_F(TableMemoryTest, SuccessorKeepsLiveGenerationsAndFreesTheRest) {
  const TableMemoryReader reader = Reader();
  {
    TableMemoryWriter writer = Writer();
    ASSERT_TRUE(StageAndPublish(writer, {"one"}).ok());
    ASSERT_TRUE(StageAndPublish(writer, {"two"}).ok());
    writer.identities().BeginGeneration(3, 2);
    ASSERT_TRUE(writer.identities()
                    .Bind(*IpAddress::Parse("10.0.0.1"), {IdentityId{300}, {}})
                    .ok());
    const absl::string_view lost[] = {"staged, then its writer died"};
    ASSERT_TRUE(writer.Stage(lost).ok());
  }
  TableMemoryWriter successor = Writer();
  EXPECT_EQ(successor.CurrentGeneration(), 2u);
  EXPECT_EQ(successor.heap().used_bytes(), 128u);
  EXPECT_EQ(Text(reader.Root(1)->blobs[0]), "one");
  ASSERT_TRUE(StageAndPublish(successor, {"three"}).ok());
  EXPECT_EQ(Text(reader.Root(3)->blobs[0]), "three");
  EXPECT_EQ(Text(reader.Root(2)->blobs[0]), "two");
  EXPECT_EQ(reader.identities().Lookup(*IpAddress::Parse("10.0.0.1"), 3),
            std::nullopt);
}

TEST_F(TableMemoryTest, InPlaceTablesAreSharedWithReaders) {
  TableMemoryWriter writer = Writer();
  const TableMemoryReader reader = Reader();
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpAddress address = *IpAddress::Parse(text);
    writer.identities().BeginGeneration(1, 0);
    ASSERT_TRUE(writer.identities().Bind(address, {IdentityId{300}, {}}).ok());
    writer.revisions().Mark(address, 1);
    EXPECT_EQ(reader.identities().Lookup(address, 1)->identity,
              IdentityId{300});
    EXPECT_TRUE(reader.revisions().IsStale(address, address, 0));
  }
}

TEST_F(TableMemoryTest, FormatRefusesWhatDoesNotFit) {
  EXPECT_FALSE(
      TableMemoryWriter::Format(segment_.writable().first(4096), kOptions)
          .ok());
  TableMemoryOptions huge = kOptions;
  huge.identity_capacity = 0xffffffff;
  EXPECT_FALSE(TableMemoryWriter::Format(segment_.writable(), huge).ok());
}

// Whatever bytes stand in the header, attaching gives an error or a reader that
// stays within the segment: the sanitizers watch.
TEST_F(TableMemoryTest, DamagedHeaderIsRefusedOrHarmless) {
  {
    TableMemoryWriter writer = Writer();
    ASSERT_TRUE(StageAndPublish(writer, {"settings", "ports"}).ok());
  }
  constexpr size_t kHeaderBytes = 1024;
  const std::vector<std::byte> good(segment_.bytes().begin(),
                                    segment_.bytes().begin() + kHeaderBytes);
  int refused = 0;
  for (size_t position = 0; position < kHeaderBytes; ++position) {
    for (uint8_t value : {0x00, 0x7f, 0x80, 0xff}) {
      segment_.writable()[position] = std::byte{value};
      const absl::StatusOr<TableMemoryReader> reader =
          TableMemoryReader::Attach(segment_.bytes());
      if (reader.ok()) {
        const absl::StatusOr<GenerationRoot> root =
            reader->Root(reader->CurrentGeneration());
        uint64_t sum = 0;
        if (root.ok()) {
          for (const auto& blob : root->blobs) {
            for (std::byte byte : blob) sum += static_cast<uint8_t>(byte);
          }
        }
        EXPECT_NE(sum, 1u);
        reader->identities().Lookup(*IpAddress::Parse("10.0.0.1"), 1);
      } else {
        ++refused;
      }
      segment_.writable()[position] = good[position];
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_FALSE(TableMemoryReader::Attach(segment_.bytes().first(100)).ok());
  EXPECT_FALSE(TableMemoryReader::Attach({}).ok());
}

}  // namespace
}  // namespace vswitch
