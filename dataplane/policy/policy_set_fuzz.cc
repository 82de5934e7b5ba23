// Fuzz target of policy sets: whatever their bytes, a verdict never reads
// outside of them, and one that allows names no denial.
//
// Input: eight bytes of the question (peer, protocol, port, family), then the
// set.  Seeds: dataplane/policy/corpus/policy_set.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "dataplane/base/piece_list.h"
#include "dataplane/policy/policy_set.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

constexpr size_t kQuestionBytes = 8;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "policy_set_fuzz: broken rule: %s\n", what);
  std::abort();
}

PolicyQuery QueryOf(const uint8_t* data) {
  uint8_t address[16] = {0xfd};
  std::memcpy(address + 4, data, 4);
  PolicyQuery query{
      .peer = IdentityId{uint32_t{data[0]} << 8 | data[1]},
      .peer_address = (data[6] & 1) != 0 ? IpAddress::FromIpv4(data)
                                         : IpAddress::FromIpv6(address),
      .protocol = static_cast<IpProtocol>(data[2]),
      .destination_port = static_cast<uint16_t>(data[4] << 8 | data[5]),
      .has_port = (data[6] & 2) == 0};
  if ((data[6] & 4) != 0) query.peer = kIdentityWorld;
  return query;
}

void Ask(const PolicyTable& table, const PolicyQuery& query) {
  const PolicyVerdict verdict = table.Lookup(PolicySetId{0}, query);
  Require(
      verdict.allowed == ((verdict.precedence & kVerdictMask) == kVerdictAllow),
      "only what says allow allows");
}

}  // namespace
}  // namespace vswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vswitch;  // NOLINT: the fuzzer's entry point has no namespace
  if (size < kQuestionBytes) return 0;
  const PolicyQuery query = QueryOf(data);
  const size_t set_bytes = size - kQuestionBytes;
  // Memory that ends where the set ends: a sanitizer sees what leaves it.
  constexpr std::align_val_t kAlignment{64};
  auto* memory = static_cast<std::byte*>(
      ::operator new(std::max<size_t>(set_bytes, 1), kAlignment));
  std::memcpy(memory, data + kQuestionBytes, set_bytes);
  const PieceArea area{.offset = 0, .bytes = set_bytes};
  Ask(PolicyTable::Open(PieceList({memory, set_bytes}, {&area, 1})), query);
  ::operator delete(memory, kAlignment);
  return 0;
}
