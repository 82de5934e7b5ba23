// test/golden/malformed.list is true: each of the malformed packets of
// spec/faults.md 3.6 has its golden case in each family, whose runner shows
// that the packet ends as the case says; and none ends in another way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/base/drop_reason.h"
#include "test/golden/golden_file.h"

namespace vswitch {
namespace {

constexpr int kMalformedCount = 172;
constexpr char kForwarded[] = "F";
constexpr char kDriver[] = "driver";  // no packet reaches the pipeline

// What a line of the list says.
struct Listed {
  std::string families;
  std::string why;                // a family is missing
  std::vector<std::string> ends;  // "L2_SHORT", "6:FRAG_CHAIN"

  // Returns those of `family`, the one that is to be shown first.
  std::vector<std::string> EndsOf(const std::string& family) const {
    std::vector<std::string> result;
    for (absl::string_view end : ends) {
      const size_t colon = end.find(':');
      if (colon == absl::string_view::npos) {
        result.emplace_back(end);
      } else if (end.substr(0, colon) == family) {
        result.emplace_back(end.substr(colon + 1));
      }
    }
    return result;
  }
};

// How the golden cases of one ID end, by family: "4", "6", "l2".
using Ends = std::map<std::string, std::set<std::string>>;

std::vector<std::string>& Files() {
  static auto* files = new std::vector<std::string>();
  return *files;
}

std::map<std::string, Listed> ReadList(const std::string& path) {
  std::map<std::string, Listed> listed;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(" ; ", 1));
    const std::vector<std::string> words = absl::StrSplit(parts[0], ' ');
    EXPECT_GE(words.size(), 3u) << line;
    if (words.size() < 3) continue;
    const bool is_first =
        listed
            .emplace(words[0], Listed{words[1],
                                      parts.size() > 1 ? parts[1] : "",
                                      {words.begin() + 2, words.end()}})
            .second;
    EXPECT_TRUE(is_first) << words[0] << " is listed twice";
  }
  return listed;
}

// "A-04-M030-arp" has the one ID M030.
std::vector<std::string> IdsOf(const std::string& name) {
  std::vector<std::string> ids;
  for (absl::string_view part : absl::StrSplit(name, '-')) {
    if (part.size() != 4 || part[0] != 'M') continue;
    if (absl::ascii_isdigit(part[1]) && absl::ascii_isdigit(part[2]) &&
        absl::ascii_isdigit(part[3])) {
      ids.emplace_back(part);
    }
  }
  return ids;
}

// What the frame says it holds counts, if it says so.
std::string FamilyOf(const GoldenDirective& in) {
  for (const char* sign : {"type=0x86dd", "type=0x0800", "/ ip6", "/ ip4"}) {
    if (!absl::StrContains(in.text, sign)) continue;
    return absl::StrContains(sign, "6") ? "6" : "4";
  }
  return "l2";
}

// Returns the drop reasons in "NAME=NUMBER NAME=NUMBER".
std::vector<std::string> ReasonsIn(const std::string& counts) {
  std::vector<std::string> reasons;
  for (absl::string_view count : absl::StrSplit(counts, ' ')) {
    const std::string name(count.substr(0, count.find('=')));
    if (FindDropReason(name).has_value()) reasons.push_back(name);
  }
  return reasons;
}

// Adds how the packets of `golden` end to what is known of its IDs.
void AddEnds(const GoldenCase& golden, std::map<std::string, Ends>& ends) {
  const std::vector<std::string> ids = IdsOf(golden.name);
  if (ids.empty()) return;
  std::string family;
  std::string end;
  auto finish = [&] {
    if (family.empty() || end.empty()) return;
    for (const std::string& id : ids) ends[id][family].insert(end);
  };
  for (const GoldenDirective& directive : golden.directives) {
    const std::string& what = directive.words[0];
    if (what == "in") {
      finish();
      family = FamilyOf(directive);
      end = kForwarded;
    } else if (what == "held") {
      end.clear();
    } else if (what == "drop") {
      end = directive.text;
    } else if (what == "count") {
      // Of those that had waited.
      for (const std::string& reason : ReasonsIn(directive.text)) {
        for (const std::string& id : ids) ends[id][family].insert(reason);
      }
    }
  }
  finish();
}

std::map<std::string, Ends> ReadEnds() {
  std::map<std::string, Ends> ends;
  for (const std::string& path : Files()) {
    if (!absl::EndsWith(path, ".golden")) continue;
    const auto cases = ReadGoldenFile(path);
    EXPECT_TRUE(cases.ok()) << cases.status();
    if (!cases.ok()) continue;
    for (const GoldenCase& golden : *cases) AddEnds(golden, ends);
  }
  return ends;
}

// Returns how the cases end in each family that is listed.
Ends ByFamily(const Listed& listed, const Ends& ends) {
  Ends result;
  if (listed.families == "l2") {
    for (const auto& [family, of_family] : ends) {
      result["l2"].insert(of_family.begin(), of_family.end());
    }
    return result;
  }
  for (const char name : listed.families) {
    const std::string family(1, name);
    const auto found = ends.find(family);
    result[family] =
        found == ends.end() ? std::set<std::string>() : found->second;
  }
  return result;
}

class MalformedListTest : public testing::Test {
 protected:
  MalformedListTest() : listed_(ReadList(Files().at(0))), ends_(ReadEnds()) {}

  const std::map<std::string, Listed> listed_;
  const std::map<std::string, Ends> ends_;
};

TEST_F(MalformedListTest, AllAreListed) {
  EXPECT_EQ(listed_.size(), static_cast<size_t>(kMalformedCount));
  for (int number = 1; number <= kMalformedCount; ++number) {
    std::string id = absl::StrCat(number);
    id = absl::StrCat("M", std::string(3 - id.size(), '0'), id);
    EXPECT_EQ(listed_.count(id), 1u) << id;
  }
}

TEST_F(MalformedListTest, AMissingFamilyHasItsReason) {
  for (const auto& [id, listed] : listed_) {
    const bool is_complete = listed.families == "46" || listed.families == "l2";
    EXPECT_EQ(listed.why.empty(), is_complete) << id;
  }
}

TEST_F(MalformedListTest, EndsAreDropReasons) {
  for (const auto& [id, listed] : listed_) {
    for (const std::string& end : listed.ends) {
      const std::string name =
          end.size() > 2 && end[1] == ':' ? end.substr(2) : end;
      EXPECT_TRUE(name == kForwarded || FindDropReason(name).has_value())
          << id << " " << end;
    }
  }
}

TEST_F(MalformedListTest, EachHasItsCaseInEachFamily) {
  for (const auto& [id, listed] : listed_) {
    if (listed.families == kDriver) continue;
    const auto found = ends_.find(id);
    ASSERT_NE(found, ends_.end()) << id << " has no case";
    for (const auto& [family, ends] : ByFamily(listed, found->second)) {
      EXPECT_THAT(ends, testing::Contains(listed.EndsOf(family).at(0)))
          << id << " family " << family;
    }
  }
}

TEST_F(MalformedListTest, NoneEndsInAnotherWay) {
  for (const auto& [id, by_family] : ends_) {
    const auto listed = listed_.find(id);
    ASSERT_NE(listed, listed_.end()) << id << " is not listed";
    for (const auto& [family, ends] : by_family) {
      for (const std::string& end : ends) {
        EXPECT_THAT(listed->second.EndsOf(family), testing::Contains(end))
            << id << " family " << family;
      }
    }
  }
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  vswitch::Files().assign(argv + 1, argv + argc);
  if (vswitch::Files().size() < 2) return 1;
  return RUN_ALL_TESTS();
}
