// Capture files: what is read, and what is refused in which words.

#include "dataplane/offline/capture_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;
constexpr uint32_t kLinuxCooked = 113;

// A pcap file, field by field, in either byte order.
class PcapText {
 public:
  explicit PcapText(bool is_swapped = false) : is_swapped_(is_swapped) {}

  PcapText& Header(uint32_t magic, uint32_t link_type = kEthernet) {
    Word(magic);
    Half(2);
    Half(4);
    return Word(0).Word(0).Word(65535).Word(link_type);
  }
  PcapText& Record(uint32_t seconds, uint32_t fraction, const std::string& data,
                   uint32_t length) {
    Word(seconds).Word(fraction);
    Word(static_cast<uint32_t>(data.size())).Word(length);
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return *this;
  }
  PcapText& Record(uint32_t seconds, uint32_t fraction,
                   const std::string& data) {
    return Record(seconds, fraction, data, static_cast<uint32_t>(data.size()));
  }
  PcapText& Cut(size_t count) {
    bytes_.resize(bytes_.size() - count);
    return *this;
  }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  PcapText& Word(uint32_t value) {
    Number(is_swapped_ ? __builtin_bswap32(value) : value);
    return *this;
  }
  void Half(uint16_t value) {
    Number(is_swapped_ ? __builtin_bswap16(value) : value);
  }
  template <typename T>
  void Number(T value) {
    const auto* first = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(value));
  }

  bool is_swapped_;
  std::vector<uint8_t> bytes_;
};

std::string ErrorOf(const PcapText& file) {
  return std::string(DecodeCapture(file.bytes()).status().message());
}

std::string Text(std::span<const uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(CaptureFileTest, ReadsBothByteOrdersAndResolutions) {
  for (const bool is_swapped : {false, true}) {
    for (const uint32_t magic : {kMicroseconds, kNanoseconds}) {
      PcapText file(is_swapped);
      file.Header(magic).Record(7, 123456, "first").Record(8, 0, "");
      const auto capture = DecodeCapture(file.bytes());
      ASSERT_TRUE(capture.ok()) << capture.status();
      const bool is_fine = magic == kNanoseconds;
      EXPECT_EQ(capture->resolution(), is_fine
                                           ? CaptureResolution::kNanoseconds
                                           : CaptureResolution::kMicroseconds);
      ASSERT_EQ(capture->size(), 2u);
      EXPECT_EQ(capture->time_ns(0), is_fine ? 7'000'123'456u : 7'123'456'000u);
      EXPECT_EQ(capture->time_ns(1), 8'000'000'000u);
      EXPECT_EQ(Text(capture->bytes(0)), "first");
      EXPECT_EQ(Text(capture->bytes(1)), "");
    }
  }
}

TEST(CaptureFileTest, TimesLastUntil2106) {
  PcapText file;
  file.Header(kMicroseconds).Record(0xffffffff, 999999, "x");
  const auto capture = DecodeCapture(file.bytes());
  ASSERT_TRUE(capture.ok()) << capture.status();
  EXPECT_EQ(capture->time_ns(0), 4294967295'999999000u);
}

TEST(CaptureFileTest, WhatWasWrittenIsReadAgain) {
  for (const CaptureResolution resolution :
       {CaptureResolution::kMicroseconds, CaptureResolution::kNanoseconds}) {
    Capture capture;
    capture.set_resolution(resolution);
    capture.Add(3'000'001'234, std::vector<uint8_t>(60, 1));
    capture.Add(4'000'000'000'000'000'000, std::vector<uint8_t>(65550, 2));
    const std::string path =
        std::string(std::getenv("TEST_TMPDIR")) + "/capture.pcap";
    ASSERT_TRUE(WriteCapture(path, capture).ok());
    const auto again = ReadCapture(path);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(again->size(), 2u);
    EXPECT_EQ(again->resolution(), resolution);
    const bool is_fine = resolution == CaptureResolution::kNanoseconds;
    EXPECT_EQ(again->time_ns(0), is_fine ? 3'000'001'234u : 3'000'001'000u);
    EXPECT_EQ(again->time_ns(1), capture.time_ns(1));
    EXPECT_EQ(Text(again->bytes(0)), std::string(60, '\1'));
    EXPECT_EQ(again->bytes(1).size(), 65550u);
  }
}

TEST(CaptureFileTest, PartOfAPacketIsRefusedByNumberAndByte) {
  PcapText file;
  file.Header(kMicroseconds).Record(1, 0, "whole").Record(1, 1, "part", 1500);
  EXPECT_THAT(ErrorOf(file), AllOf(HasSubstr("packet 1 at byte 45"),
                                   HasSubstr("4 of the 1500 bytes"),
                                   HasSubstr("tcpdump -s 0")));
}

TEST(CaptureFileTest, FileThatEndsEarlyIsRefusedByByte) {
  PcapText file;
  file.Header(kMicroseconds).Record(1, 0, "whole").Record(1, 1, "part");
  EXPECT_THAT(ErrorOf(file.Cut(2)), HasSubstr("packet 1 at byte 45"));
  EXPECT_THAT(ErrorOf(file.Cut(6)), HasSubstr("packet 1 at byte 45"));
}

TEST(CaptureFileTest, OtherLinkTypesAreRefusedByName) {
  PcapText file;
  file.Header(kMicroseconds, kLinuxCooked);
  EXPECT_THAT(ErrorOf(file),
              AllOf(HasSubstr("LINUX_SLL"), HasSubstr("want EN10MB")));
}

TEST(CaptureFileTest, ImpossibleTimesAreRefused) {
  PcapText file;
  file.Header(kNanoseconds).Record(1, 1'000'000'000, "x");
  EXPECT_THAT(ErrorOf(file), AllOf(HasSubstr("packet 0 at byte 24"),
                                   HasSubstr("1000000000 nanoseconds")));
}

TEST(CaptureFileTest, OtherFilesAreRefused) {
  const std::vector<uint8_t> text{'k', 'i', 'n', 'd', ':', ' ', 'P', 'o', 'd'};
  EXPECT_THAT(std::string(DecodeCapture(text).status().message()),
              HasSubstr("is no pcap or pcapng file"));
  EXPECT_THAT(std::string(DecodeCapture({}).status().message()),
              HasSubstr("is empty"));
  EXPECT_THAT(std::string(ReadCapture("/nowhere/a.pcap").status().message()),
              HasSubstr("/nowhere/a.pcap: cannot be read: No such file"));
}

TEST(CaptureFileTest, FailureToWriteNamesTheFile) {
  EXPECT_THAT(std::string(WriteCapture("/nowhere/a.pcap", Capture()).message()),
              HasSubstr("/nowhere/a.pcap: cannot be written: No such file"));
  EXPECT_THAT(std::string(WriteCapture("/dev/full", Capture()).message()),
              HasSubstr("/dev/full: cannot be written: No space left"));
}

}  // namespace
}  // namespace vswitch
