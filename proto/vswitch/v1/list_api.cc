// Prints the listing of the API that api.golden keeps.
//
//   bazel build //proto/vswitch/v1:list_api
//   //proto/vswitch/v1:vswitch_descriptor V=bazel-bin/proto/vswitch/v1
//   $V/list_api $V/vswitch.descriptor > proto/vswitch/v1/api.golden

#include <cstdio>
#include <fstream>

#include "proto/vswitch/v1/api_listing.h"

int main(int argc, char** argv) {
  google::protobuf::FileDescriptorSet set;
  std::ifstream file;
  if (argc == 2) file.open(argv[1], std::ios::binary);
  if (argc != 2 || !file || !set.ParseFromIstream(&file)) {
    std::fprintf(stderr, "usage: %s FILE.descriptor\n", argv[0]);
    return 2;
  }
  auto listing = vswitch::ListApi(set, "vswitch.v1");
  if (!listing.ok()) {
    std::fprintf(stderr, "%s\n", listing.status().ToString().c_str());
    return 1;
  }
  std::printf(
      "# What clients of vswitch.v1 rely on; made by list_api, which says how."
      "\n%s",
      vswitch::ToText(*listing).c_str());
  return 0;
}
