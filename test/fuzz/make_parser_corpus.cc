// Writes the seeds of parser_fuzz from the parser's golden cases: the first of
// each repetition, in both families.
//
//   bazel build //test/fuzz:make_parser_corpus
//   P=test/fuzz/corpus/parser
//   bazel-bin/test/fuzz/make_parser_corpus $P test/golden/parser/*.golden

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "test/golden/golden_file.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

// The options byte of parser_fuzz.cc.
uint8_t OptionsOf(const std::vector<std::string>& words) {
  auto has = [&words](const char* word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (has("good")) return 2;
  if (has("partial")) return 4;
  return has("uplink") ? 1 : 0;
}

bool WriteSeeds(const std::string& directory, const std::string& golden_path) {
  auto cases = ReadGoldenFile(golden_path);
  if (!cases.ok()) {
    std::fprintf(stderr, "%s\n", cases.status().ToString().c_str());
    return false;
  }
  std::set<std::string> written;
  for (const GoldenCase& one : *cases) {
    if (one.directives.empty()) continue;
    std::string name = one.name.substr(0, one.name.find('/'));
    bool is_ipv6 = one.name.size() > 3 &&
                   one.name.compare(one.name.size() - 3, 3, "/v6") == 0;
    if (is_ipv6) name += "-v6";
    const GoldenDirective& in = one.directives[0];
    auto packet = PacketFromText(in.text);
    if (!packet.ok() || !written.insert(name).second) continue;
    std::ofstream file(directory + "/" + name, std::ios::binary);
    file.put(static_cast<char>(OptionsOf(in.words)));
    file.put(0);
    file.write(reinterpret_cast<const char*>(packet->data()),
               static_cast<std::streamsize>(packet->size()));
    if (!file) {
      std::fprintf(stderr, "%s/%s: cannot be written\n", directory.c_str(),
                   name.c_str());
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s DIRECTORY FILE.golden...\n", argv[0]);
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    if (!vswitch::WriteSeeds(argv[1], argv[i])) return 1;
  }
  return 0;
}
