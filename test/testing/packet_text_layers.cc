// Fields of layers, and what is computed about them.

#include "test/testing/packet_text_layers.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dataplane/base/address.h"

namespace vswitch::packet_text_internal {
namespace {

using enum FieldKind;
using enum Computed;

constexpr int kExperimentalEtherType = 0x88b5;
constexpr int kExperimentalProtocol = 253;
constexpr char kFlagLetters[] = "FSRPAUEC";  // from bit 0 on

bool Is(const Layer& layer, absl::string_view name) {
  return layer.spec != nullptr && layer.spec->name == name;
}

uint64_t SumWords(const std::vector<uint8_t>& bytes, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count && i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  }
  return sum;
}

uint16_t FoldSum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// RFC 9260 appendix A, bit by bit.
uint32_t Crc32c(const std::vector<uint8_t>& bytes) {
  uint32_t crc = 0xffffffff;
  for (uint8_t byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
  }
  return __builtin_bswap32(~crc);  // stands in the header lowest byte first
}

// The layers from `index` on, without padding.
std::vector<uint8_t> BytesFrom(const std::vector<Layer>& layers, size_t index) {
  std::vector<uint8_t> bytes;
  for (size_t i = index; i < layers.size(); ++i) {
    if (layers[i].is_padding) continue;
    bytes.insert(bytes.end(), layers[i].bytes.begin(), layers[i].bytes.end());
  }
  return bytes;
}

uint64_t PseudoHeader(const std::vector<Layer>& layers, size_t index,
                      size_t l4_bytes) {
  for (size_t i = index; i-- > 0;) {
    bool ipv4 = Is(layers[i], "ip4");
    if (!ipv4 && !Is(layers[i], "ip6")) continue;
    const uint8_t* addresses = layers[i].bytes.data() + (ipv4 ? 12 : 8);
    std::vector<uint8_t> words(addresses, addresses + (ipv4 ? 8 : 32));
    return SumWords(words, words.size()) + layers[index].spec->protocol +
           (l4_bytes & 0xffff) + (l4_bytes >> 16);
  }
  return 0;
}

uint64_t ComputeChecksum(const std::vector<Layer>& layers, size_t index) {
  const Layer& layer = layers[index];
  if (Is(layer, "ip4")) {
    return static_cast<uint16_t>(
        ~FoldSum(SumWords(layer.bytes, layer.bytes.size())));
  }
  std::vector<uint8_t> bytes = BytesFrom(layers, index);
  if (Is(layer, "sctp")) return Crc32c(bytes);
  size_t covered = bytes.size();
  size_t length = bytes.size();
  const bool is_udp = Is(layer, "udp");
  const bool is_lite = Is(layer, "udplite");
  if (is_udp || is_lite) {
    size_t field = static_cast<size_t>(bytes[4]) << 8 | bytes[5];
    if (is_udp) length = field;
    if (field != 0 || is_udp) covered = field;
  }
  uint64_t pseudo = Is(layer, "icmp") ? 0 : PseudoHeader(layers, index, length);
  if (layer.checksum == ChecksumMode::kPartial) return FoldSum(pseudo);
  auto sum = static_cast<uint16_t>(~FoldSum(SumWords(bytes, covered) + pseudo));
  return (is_udp || is_lite) && sum == 0 ? 0xffff : sum;
}

uint64_t ComputeHeader(const Layer& layer) {
  if (Is(layer, "ip4") || Is(layer, "tcp")) return layer.bytes.size() / 4;
  if (Is(layer, "ah")) return layer.bytes.size() / 4 - 2;
  return layer.bytes.size() / 8 - 1;
}

uint64_t ComputeNext(const std::vector<Layer>& layers, size_t index) {
  bool is_l2 = Is(layers[index], "eth") || Is(layers[index], "vlan");
  const LayerSpec* next =
      index + 1 < layers.size() ? layers[index + 1].spec : nullptr;
  int number = next == nullptr ? -1 : is_l2 ? next->ether_type : next->protocol;
  if (number >= 0) return static_cast<uint64_t>(number);
  return is_l2 ? kExperimentalEtherType : kExperimentalProtocol;
}

uint64_t Compute(const std::vector<Layer>& layers, size_t index,
                 const FieldSpec& field) {
  switch (field.computed) {
    case kNext:
      return ComputeNext(layers, index);
    case kLength:
      return BytesFrom(layers, index).size() -
             (Is(layers[index], "ip6") ? 40 : 0);
    case kHeader:
      return ComputeHeader(layers[index]);
    default:
      return ComputeChecksum(layers, index);
  }
}

}  // namespace

uint64_t GetNumber(const Layer& layer, const FieldSpec& field) {
  uint64_t value = 0;
  for (uint32_t bit = field.bit; bit < field.bit + field.bits; ++bit) {
    value = value << 1 | ((layer.bytes[bit / 8] >> (7 - bit % 8)) & 1);
  }
  return value * field.unit;
}

void SetNumber(Layer& layer, const FieldSpec& field, uint64_t value) {
  value /= field.unit;
  for (uint32_t i = 0; i < field.bits; ++i) {
    uint32_t bit = field.bit + field.bits - 1 - i;
    auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    uint8_t& byte = layer.bytes[bit / 8];
    byte = static_cast<uint8_t>((value >> i & 1) != 0 ? byte | mask
                                                      : byte & ~mask);
  }
}

absl::Status SetField(Layer& layer, const FieldSpec& field,
                      absl::string_view text) {
  auto bad = [&](absl::string_view wanted) {
    return absl::InvalidArgumentError(absl::StrCat(
        layer.spec->name, " ", field.name, "=", text, ": wanted ", wanted));
  };
  uint8_t* bytes = layer.bytes.data() + field.bit / 8;
  switch (field.kind) {
    case kMac: {
      auto mac = MacAddress::Parse(text);
      if (!mac.ok()) return bad("a MAC address");
      std::memcpy(bytes, mac->bytes.data(), 6);
      return absl::OkStatus();
    }
    case kIpv4:
    case kIpv6: {
      // Not IpAddress::Parse(): IPv4-mapped addresses are wanted here, too.
      int family = field.kind == kIpv4 ? AF_INET : AF_INET6;
      if (inet_pton(family, std::string(text).c_str(), bytes) != 1) {
        return bad("an address of the layer's family");
      }
      return absl::OkStatus();
    }
    case kTcpFlags: {
      *bytes = 0;
      for (char letter : text) {
        const char* at = std::strchr(kFlagLetters, letter);
        if (at == nullptr || letter == '\0') return bad("letters of FSRPAUEC");
        *bytes = static_cast<uint8_t>(*bytes | 1 << (at - kFlagLetters));
      }
      return absl::OkStatus();
    }
    default: {
      uint64_t value = 0;
      bool is_hex = text.size() > 2 && text.substr(0, 2) == "0x";
      if (!(is_hex ? absl::SimpleHexAtoi(text, &value)
                   : absl::SimpleAtoi(text, &value)) ||
          value % field.unit != 0 || value / field.unit >> field.bits != 0) {
        return bad(absl::StrCat("a number of ", field.bits, " bits"));
      }
      SetNumber(layer, field, value);
      return absl::OkStatus();
    }
  }
}

std::string GetField(const Layer& layer, const FieldSpec& field) {
  const uint8_t* bytes = layer.bytes.data() + field.bit / 8;
  switch (field.kind) {
    case kMac: {
      MacAddress mac;
      std::memcpy(mac.bytes.data(), bytes, 6);
      return mac.ToString();
    }
    case kIpv4:
    case kIpv6: {
      char text[INET6_ADDRSTRLEN] = "";
      inet_ntop(field.kind == kIpv4 ? AF_INET : AF_INET6, bytes, text,
                sizeof(text));
      return text;
    }
    case kTcpFlags: {
      std::string letters;
      for (int i = 0; i < 8; ++i) {
        if ((*bytes >> i & 1) != 0) letters += kFlagLetters[i];
      }
      return letters;
    }
    case kHex:
      return absl::StrFormat("0x%0*x", field.bits / 4, GetNumber(layer, field));
    default:
      return absl::StrCat(GetNumber(layer, field));
  }
}

Layer MakeLayer(const LayerSpec& spec, std::vector<uint8_t> options) {
  Layer layer;
  layer.spec = &spec;
  layer.bytes.assign(spec.fixed_bytes, 0);
  layer.bytes.insert(layer.bytes.end(), options.begin(), options.end());
  if (spec.align_bytes != 0) {
    size_t missing =
        (spec.align_bytes - layer.bytes.size() % spec.align_bytes) %
        spec.align_bytes;
    size_t at = layer.bytes.size();
    layer.bytes.resize(at + missing, 0);
    if (spec.pads_with_pad_n && missing >= 2) {
      layer.bytes[at] = 1;
      layer.bytes[at + 1] = static_cast<uint8_t>(missing - 2);
    }
  }
  for (const FieldSpec& field : spec.fields) {
    if (field.computed == kNo) {
      static_cast<void>(SetField(layer, field, field.default_text));
    }
  }
  return layer;
}

void Complete(std::vector<Layer>& layers) {
  // From the innermost outwards: a checksum covers what is inside.
  for (size_t i = layers.size(); i-- > 0;) {
    Layer& layer = layers[i];
    if (layer.spec == nullptr) continue;
    for (Computed wanted : {kNext, kLength, kHeader, kChecksum}) {
      for (const FieldSpec& field : layer.spec->fields) {
        if (field.computed != wanted || layer.given.count(field.name) != 0) {
          continue;
        }
        if (wanted == kChecksum) SetNumber(layer, field, 0);
        uint64_t value = Compute(layers, i, field);
        // Neither right nor UDP's "no checksum".
        if (wanted == kChecksum && layer.checksum == ChecksumMode::kBad) {
          value = value == 0x0101 ? 0x0303 : value ^ 0x0101;
        }
        SetNumber(layer, field, value);
      }
    }
  }
}

std::vector<uint8_t> Join(const std::vector<Layer>& layers) {
  std::vector<uint8_t> bytes = BytesFrom(layers, 0);
  for (const Layer& layer : layers) {
    if (!layer.is_padding) continue;
    bytes.insert(bytes.end(), layer.bytes.begin(), layer.bytes.end());
  }
  return bytes;
}

}  // namespace vswitch::packet_text_internal
