// docs/drop-reasons.md lists exactly the reasons of the code.  To write the
// table anew: bazel-bin/dataplane/base/drop_reason_doc_test --print

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/drop_reason.h"

namespace vswitch {
namespace {

std::string ExpectedTable() {
  std::string table =
      "| reason | stage | severity | meaning | source |\n"
      "|---|---|---|---|---|\n";
  for (const DropReasonInfo& info : DropReasons()) {
    if (info.reason == DropReason::kNone) continue;
    absl::StrAppend(&table, "| `", info.name, "` | ", DropStageName(info.stage),
                    " | ", DropSeverityName(info.severity), " | ", info.text,
                    " | ", info.source, " |\n");
  }
  return table;
}

TEST(DropReasonDocTest, TheDocumentHasTheTable) {
  std::ifstream file("docs/drop-reasons.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(ExpectedTable()), std::string::npos)
      << "docs/drop-reasons.md is not up to date; its table should be:\n"
      << ExpectedTable();
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  if (argc == 2 && absl::string_view(argv[1]) == "--print") {
    std::cout << vswitch::ExpectedTable();
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
