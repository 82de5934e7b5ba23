// Files and folders of manifests.

#include "controlplane/cli/manifest_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

namespace fs = std::filesystem;

bool IsManifestName(const std::string& name) {
  return absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml") ||
         absl::EndsWith(name, ".json");
}

// Returns `path` itself, or the manifests in that folder and below, sorted.
absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& path,
                                                 const std::string& skipped) {
  std::error_code error;
  if (path == "-" || !fs::is_directory(path, error)) {
    return std::vector<std::string>{path};
  }
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator it(path, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code no_such_file;
    if (IsManifestName(it->path().string()) && it->is_regular_file(error) &&
        (skipped.empty() ||
         !fs::equivalent(it->path(), skipped, no_such_file))) {
      files.push_back(it->path().string());
    }
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": holds no .yaml, .yml or .json file"));
  }
  return files;
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         std::istream& in) {
  std::ostringstream text;
  if (path == "-") {
    text << in.rdbuf();
    return text.str();
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream || !(text << stream.rdbuf())) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": cannot be read, or is empty; want a file, a folder or "
                     "- for standard input"));
  }
  return text.str();
}

absl::Status ReadManifestFiles(const std::vector<std::string>& paths,
                               const std::string& skipped, std::istream& in,
                               ManifestReader& reader) {
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::vector<std::string> files,
                     FilesOf(path, skipped));
    for (const std::string& file : files) {
      ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file, in));
      reader.Read(file, text);
    }
  }
  RETURN_IF_ERROR(reader.status());
  if (reader.manifests().empty()) {
    return absl::InvalidArgumentError("the files given hold no resource");
  }
  return absl::OkStatus();
}

}  // namespace vswitch
