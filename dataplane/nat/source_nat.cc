// Choice of addresses and ports, and the keys of mappings.

#include "dataplane/nat/source_nat.h"

#include <algorithm>

#include "dataplane/nat/service_hash.h"

namespace vswitch {
namespace {

constexpr uint64_t kPairingSeed = 0x6e61742d70616972;  // "nat-pair"

uint32_t AddressCount(const NatSettings& nat) {
  return std::min(nat.address_count, kMaxNatAddresses);
}

}  // namespace

bool IsNatAddress(const NatSettings& nat, const IpAddress& address) {
  for (uint32_t i = 0; i < AddressCount(nat); ++i) {
    if (nat.addresses[i] == address) return true;
  }
  return false;
}

std::optional<IpAddress> NatAddressFor(const NatSettings& nat,
                                       const IpAddress& client) {
  uint32_t candidates = 0;
  for (uint32_t i = 0; i < AddressCount(nat); ++i) {
    candidates += nat.addresses[i].family() == client.family();
  }
  if (candidates == 0) return std::nullopt;
  const auto words = AddressWords(client);
  uint64_t choice = HashWords(kPairingSeed, {words[0], words[1]}) % candidates;
  for (uint32_t i = 0; i < AddressCount(nat); ++i) {
    if (nat.addresses[i].family() != client.family()) continue;
    if (choice-- == 0) return nat.addresses[i];
  }
  return std::nullopt;
}

Be16 NatPort(const NatSettings& nat, uint64_t hash, uint32_t attempt) {
  const uint32_t last = std::max(nat.first_port, nat.last_port);
  const uint64_t count = last - nat.first_port + 1;
  const uint64_t mixed = attempt == 0 ? hash : HashWords(hash, {attempt});
  // Multiply-high: the upper 32 bits, scaled to the range.
  const uint64_t offset = (mixed >> 32) * count >> 32;
  return Be16::FromHost(static_cast<uint16_t>(nat.first_port + offset));
}

FlowKey MappingKey(const FlowKey& flow) {
  FlowKey key = flow;
  // Of the source's family, so that the entry is of one family, too.
  key.destination = IpAddress{};
  if (key.source.IsIpv4()) {
    constexpr uint8_t kUnspecified[4] = {};
    key.destination = IpAddress::FromIpv4(kUnspecified);
  }
  key.destination_port = Be16{0};
  return key;
}

FlowKey ContactKey(const FlowKey& flow) {
  FlowKey key = flow;
  key.destination_port = Be16{0};
  return key;
}

}  // namespace vswitch
