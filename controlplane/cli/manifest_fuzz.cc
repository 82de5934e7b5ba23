// Any bytes as a manifest: read without harm, and what was read prints as YAML
// that reads as the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "controlplane/cli/manifest.h"
#include "controlplane/cli/manifest_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using vswitch::ManifestReader;
  ManifestReader reader("default");
  reader.Read("input", std::string(reinterpret_cast<const char*>(data), size));
  for (const auto& manifest : reader.manifests()) {
    const std::string text =
        vswitch::ToYamlText(vswitch::ToManifest(manifest.resource));
    ManifestReader again("default");
    again.Read("printed", text);
    if (again.manifests().size() != 1 ||
        vswitch::ToYamlText(
            vswitch::ToManifest(again.manifests()[0].resource)) != text) {
      std::abort();
    }
  }
  return 0;
}
