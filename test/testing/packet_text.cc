// Text to packet and back, by the table of layers.

#include "test/testing/packet_text.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "dataplane/base/status_macros.h"
#include "test/testing/packet_text_layers.h"

namespace vswitch {
namespace {

using packet_text_internal::ChecksumMode;
using packet_text_internal::Computed;
using packet_text_internal::FieldSpec;
using packet_text_internal::FindLayer;
using packet_text_internal::GetField;
using packet_text_internal::Layer;
using packet_text_internal::LayerSpec;

using Tokens = std::vector<absl::string_view>;

absl::Status BadLayer(absl::string_view layer, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(layer, ": ", what));
}

absl::StatusOr<std::vector<uint8_t>> BytesFromHex(absl::string_view hex) {
  bool valid = hex.size() % 2 == 0 &&
               std::all_of(hex.begin(), hex.end(), [](unsigned char letter) {
                 return absl::ascii_isxdigit(letter);
               });
  if (!valid) return BadLayer(hex, "wanted pairs of hexadecimal digits");
  std::string bytes = absl::HexStringToBytes(hex);
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

std::string HexFromBytes(std::span<const uint8_t> bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::vector<uint8_t> CountingBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

absl::StatusOr<size_t> Count(const Tokens& tokens, size_t index) {
  uint32_t count = 0;
  if (tokens.size() != index + 1 || !absl::SimpleAtoi(tokens[index], &count) ||
      count > 65535 * 2) {
    return BadLayer(tokens[0], "wanted a count of bytes");
  }
  return count;
}

absl::StatusOr<std::vector<uint8_t>> HexArguments(const Tokens& tokens,
                                                  size_t index) {
  return BytesFromHex(absl::StrJoin(tokens.begin() + index, tokens.end(), ""));
}

const FieldSpec* FindField(const LayerSpec& spec, absl::string_view name) {
  for (const FieldSpec& field : spec.fields) {
    if (name == field.name) return &field;
  }
  return nullptr;
}

absl::Status SetArgument(Layer& layer, absl::string_view name,
                         absl::string_view value) {
  const FieldSpec* field = FindField(*layer.spec, name);
  if (field == nullptr) {
    return BadLayer(layer.spec->name, absl::StrCat("no field \"", name, "\""));
  }
  if (field->computed == Computed::kChecksum && value == "bad") {
    layer.checksum = ChecksumMode::kBad;
    return absl::OkStatus();
  }
  if (field->computed == Computed::kChecksum && value == "partial") {
    layer.checksum = ChecksumMode::kPartial;
    return absl::OkStatus();
  }
  if (field->computed != Computed::kNo) layer.given.insert(field->name);
  return packet_text_internal::SetField(layer, *field, value);
}

absl::StatusOr<Layer> LayerFromTokens(const Tokens& tokens) {
  Layer layer;
  const absl::string_view name = tokens[0];
  if (name == "data") {
    ASSIGN_OR_RETURN(size_t count, Count(tokens, 1));
    layer.bytes = CountingBytes(count);
    return layer;
  }
  if (name == "hex") {
    ASSIGN_OR_RETURN(layer.bytes, HexArguments(tokens, 1));
    return layer;
  }
  if (name == "pad") {
    layer.is_padding = true;
    if (tokens.size() > 1 && tokens[1] == "hex") {
      ASSIGN_OR_RETURN(layer.bytes, HexArguments(tokens, 2));
      return layer;
    }
    ASSIGN_OR_RETURN(size_t count, Count(tokens, 1));
    layer.bytes.assign(count, 0);
    return layer;
  }
  const LayerSpec* spec = FindLayer(name);
  if (spec == nullptr) return BadLayer(name, "no such layer");
  std::vector<uint8_t> options;
  for (absl::string_view token : tokens) {
    if (!absl::StartsWith(token, "opt=")) continue;
    if (spec->align_bytes == 0) return BadLayer(name, "has no options");
    ASSIGN_OR_RETURN(options, BytesFromHex(token.substr(4)));
  }
  layer = packet_text_internal::MakeLayer(*spec, std::move(options));
  for (size_t i = 1; i < tokens.size(); ++i) {
    std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(tokens[i], absl::MaxSplits('=', 1));
    if (field.first == "opt") continue;
    RETURN_IF_ERROR(SetArgument(layer, field.first, field.second));
  }
  return layer;
}

// --- bytes to text ---

// Returns how many bytes the layer of `spec` at the start of `bytes` has, or 0
// if it does not fit.
size_t LayerBytes(const LayerSpec& spec, std::span<const uint8_t> bytes) {
  if (bytes.size() < spec.fixed_bytes) return 0;
  size_t size = spec.fixed_bytes;
  const absl::string_view name = spec.name;
  if (name == "ip4") size = (bytes[0] & 15) * 4;
  if (name == "tcp") size = (bytes[12] >> 4) * 4;
  if (name == "ah") size = (bytes[1] + 2) * 4;
  if (name == "hbh" || name == "dopt" || name == "rh") {
    size = (bytes[1] + 1) * 8;
  }
  bool fits = size >= spec.fixed_bytes && size <= bytes.size();
  return fits ? size : spec.fixed_bytes;
}

// Returns the layer that the header before it announces.
const LayerSpec* NextLayer(const Layer& layer, std::span<const uint8_t> rest) {
  const FieldSpec* next = nullptr;
  for (const FieldSpec& field : layer.spec->fields) {
    if (field.computed == Computed::kNext) next = &field;
  }
  if (next == nullptr) {
    // An ICMP error quotes a packet.
    const absl::string_view name = layer.spec->name;
    if (name == "icmp") {
      uint8_t type = layer.bytes[0];
      bool quotes =
          type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
      return quotes ? FindLayer("ip4") : nullptr;
    }
    bool quotes = name == "icmp6" && layer.bytes[0] >= 1 && layer.bytes[0] <= 4;
    return quotes ? FindLayer("ip6") : nullptr;
  }
  auto number = static_cast<int>(packet_text_internal::GetNumber(layer, *next));
  bool is_l2 = next->bits == 16;
  for (const LayerSpec& spec : packet_text_internal::AllLayers()) {
    if ((is_l2 ? spec.ether_type : spec.protocol) != number) continue;
    const absl::string_view name = spec.name;
    bool is_neighbor = name == "ns" || name == "na";
    int type = rest.empty() ? -1 : rest[0];
    if (is_neighbor && type != (name == "ns" ? 135 : 136)) continue;
    if (rest.size() >= spec.fixed_bytes) return &spec;
  }
  return nullptr;
}

// Returns where the packet that starts with `layer` ends, by its own word, or
// nothing.
std::optional<size_t> StatedEnd(const Layer& layer, size_t available) {
  const absl::string_view name = layer.spec->name;
  size_t end = 0;
  if (name == "arp") end = layer.bytes.size();
  if (name == "ip4") end = layer.bytes[2] << 8 | layer.bytes[3];
  if (name == "ip6") end = (layer.bytes[4] << 8 | layer.bytes[5]) + 40;
  if (end < layer.bytes.size() || end > available) return std::nullopt;
  return end;
}

void AddRawLayer(std::span<const uint8_t> bytes, bool is_padding,
                 std::vector<Layer>& layers) {
  if (bytes.empty()) return;
  Layer layer;
  layer.is_padding = is_padding;
  layer.bytes.assign(bytes.begin(), bytes.end());
  layers.push_back(std::move(layer));
}

std::vector<Layer> LayersOf(std::span<const uint8_t> bytes) {
  std::vector<Layer> layers;
  std::span<const uint8_t> padding;
  const LayerSpec* spec = bytes.size() < 14 ? nullptr : FindLayer("eth");
  bool end_known = false;
  while (spec != nullptr) {
    Layer layer;
    layer.spec = spec;
    size_t size = LayerBytes(*spec, bytes);
    layer.bytes.assign(bytes.begin(), bytes.begin() + size);
    std::optional<size_t> end = StatedEnd(layer, bytes.size());
    if (!end_known && end.has_value()) {
      padding = bytes.subspan(*end);
      bytes = bytes.first(*end);
      end_known = true;
    }
    bytes = bytes.subspan(size);
    spec = NextLayer(layer, bytes);
    if (spec != nullptr && LayerBytes(*spec, bytes) == 0) spec = nullptr;
    layers.push_back(std::move(layer));
  }
  AddRawLayer(bytes, false, layers);
  AddRawLayer(padding, true, layers);
  return layers;
}

// Finds a computed field where `computed` differs from `actual`, lengths before
// checksums and checksums from the innermost on, and marks it as given.
// Returns whether there was one.
bool GiveOneField(std::vector<Layer>& actual,
                  const std::vector<Layer>& computed) {
  for (bool checksums : {false, true}) {
    for (size_t i = actual.size(); i-- > 0;) {
      if (actual[i].spec == nullptr) continue;
      for (const FieldSpec& field : actual[i].spec->fields) {
        bool is_checksum = field.computed == Computed::kChecksum;
        if (field.computed == Computed::kNo || is_checksum != checksums ||
            packet_text_internal::GetNumber(actual[i], field) ==
                packet_text_internal::GetNumber(computed[i], field)) {
          continue;
        }
        if (is_checksum && actual[i].checksum == ChecksumMode::kComputed) {
          actual[i].checksum = ChecksumMode::kPartial;
          return true;
        }
        actual[i].checksum =
            is_checksum ? ChecksumMode::kGiven : actual[i].checksum;
        return actual[i].given.insert(field.name).second;
      }
    }
  }
  return false;
}

std::string RawText(const Layer& layer) {
  const char* prefix = layer.is_padding ? "pad " : "";
  if (layer.is_padding && std::all_of(layer.bytes.begin(), layer.bytes.end(),
                                      [](uint8_t byte) { return byte == 0; })) {
    return absl::StrCat("pad ", layer.bytes.size());
  }
  if (!layer.is_padding && layer.bytes == CountingBytes(layer.bytes.size())) {
    return absl::StrCat("data ", layer.bytes.size());
  }
  return absl::StrCat(prefix, "hex ", HexFromBytes(layer.bytes));
}

std::string LayerText(const Layer& layer) {
  if (layer.spec == nullptr) return RawText(layer);
  std::string text = layer.spec->name;
  Layer defaults = packet_text_internal::MakeLayer(*layer.spec, {});
  for (const FieldSpec& field : layer.spec->fields) {
    bool is_address = field.bits >= 32 && field.computed == Computed::kNo &&
                      field.kind != packet_text_internal::FieldKind::kNumber;
    if (field.computed == Computed::kChecksum &&
        layer.checksum == ChecksumMode::kPartial) {
      absl::StrAppend(&text, " csum=partial");
    } else if (field.computed != Computed::kNo
                   ? layer.given.count(field.name) != 0
                   : is_address ||
                         GetField(layer, field) != GetField(defaults, field)) {
      absl::StrAppend(&text, " ", field.name, "=", GetField(layer, field));
    }
  }
  size_t fixed = layer.spec->fixed_bytes;
  if (layer.bytes.size() > fixed) {
    absl::StrAppend(
        &text, " opt=", HexFromBytes(std::span(layer.bytes).subspan(fixed)));
  }
  return text;
}

}  // namespace

absl::StatusOr<PacketBytesVector> PacketFromText(absl::string_view text) {
  std::vector<Layer> layers;
  std::optional<size_t> cut;
  Tokens tokens =
      absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  tokens.push_back("/");
  Tokens layer;
  for (absl::string_view token : tokens) {
    if (token != "/") {
      layer.push_back(token);
      continue;
    }
    if (layer.empty()) return BadLayer("/", "wanted a layer before it");
    if (cut.has_value()) return BadLayer("cut", "wanted as the last layer");
    if (layer[0] == "cut") {
      ASSIGN_OR_RETURN(cut, Count(layer, 1));
    } else {
      ASSIGN_OR_RETURN(Layer next, LayerFromTokens(layer));
      layers.push_back(std::move(next));
    }
    layer.clear();
  }
  packet_text_internal::Complete(layers);
  PacketBytesVector bytes = packet_text_internal::Join(layers);
  if (cut.has_value() && *cut < bytes.size()) bytes.resize(*cut);
  return bytes;
}

std::string PacketToText(std::span<const uint8_t> bytes) {
  std::vector<Layer> actual = LayersOf(bytes);
  std::vector<Layer> computed;
  do {
    computed = actual;
    packet_text_internal::Complete(computed);
  } while (GiveOneField(actual, computed));
  std::vector<std::string> texts;
  for (const Layer& layer : actual) texts.push_back(LayerText(layer));
  std::string text = absl::StrJoin(texts, " / ");
  auto again = PacketFromText(text);
  if (again.ok() &&
      std::equal(again->begin(), again->end(), bytes.begin(), bytes.end())) {
    return text;
  }
  // Something that the layers cannot say, such as a reserved field.
  return absl::StrCat("hex ", HexFromBytes(bytes));
}

}  // namespace vswitch
