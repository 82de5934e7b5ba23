// ARCHITECTURE.md lists the stages of the code, in their order.

#include "dataplane/pipeline/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// Returns the names in the numbered list of section "Life of a packet":
// "1. **parse**: ...".
std::vector<std::string> DocumentedStages() {
  std::ifstream file("ARCHITECTURE.md");
  std::vector<std::string> names;
  bool in_section = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("## ", 0) == 0) in_section = line == "## Life of a packet";
    const std::string prefix = absl::StrCat(names.size() + 1, ". **");
    if (!in_section || line.rfind(prefix, 0) != 0) continue;
    const size_t end = line.find("**", prefix.size());
    names.push_back(line.substr(prefix.size(), end - prefix.size()));
  }
  return names;
}

TEST(StagesTest, ArchitectureListsThem) {
  std::vector<std::string> names;
  names.reserve(kStages.size());
  for (const Stage& stage : kStages) names.emplace_back(stage.name);
  EXPECT_THAT(DocumentedStages(), testing::ElementsAreArray(names));
}

}  // namespace
}  // namespace vswitch
