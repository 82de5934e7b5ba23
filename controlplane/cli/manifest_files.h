// controlplane/cli/manifest_files.h
//
// ReadManifestFiles(): the manifests of files, folders and standard input.
//
//   ManifestReader reader("default");
//   RETURN_IF_ERROR(ReadManifestFiles({"deploy", "-"}, "", in, reader));
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_MANIFEST_FILES_H_
#define VSWITCH_CONTROLPLANE_CLI_MANIFEST_FILES_H_

#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/cli/manifest.h"

namespace vswitch {

// Reads the manifests of `paths`: files, folders with all that is below them
// (.yaml, .yml, .json; sorted), "-" for `in`.  A file that is the same as
// `skipped` (may be empty) is left out of folders.  INVALID_ARGUMENT with a
// line for each fault, also when there is no resource at all.
absl::Status ReadManifestFiles(const std::vector<std::string>& paths,
                               const std::string& skipped, std::istream& in,
                               ManifestReader& reader);

// Returns what `path` holds, "-": what `in` does.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         std::istream& in);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_MANIFEST_FILES_H_
