// test/testing/packet_text_layers.h
//
// The layers of packet_text.h as a table, and what is computed about them:
// lengths, next-layer numbers, checksums.  The sums are computed here in the
// plainest way and on purpose not by dataplane/packet/checksum.h, which the
// tests check against these.

#ifndef VSWITCH_TEST_TESTING_PACKET_TEXT_LAYERS_H_
#define VSWITCH_TEST_TESTING_PACKET_TEXT_LAYERS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vswitch::packet_text_internal {

enum class FieldKind : uint8_t { kNumber, kHex, kMac, kIpv4, kIpv6, kTcpFlags };

// What computes a field that the text leaves out.
enum class Computed : uint8_t { kNo, kNext, kLength, kHeader, kChecksum };

struct FieldSpec {
  const char* name;
  uint32_t bit;  // from the layer's first bit
  uint32_t bits;
  FieldKind kind;
  Computed computed;
  uint32_t unit;             // the text counts in bytes, the field in units
  const char* default_text;  // of a field that is not computed
};

struct LayerSpec {
  const char* name;
  uint32_t fixed_bytes;
  int ether_type;        // as the next layer of Ethernet, or -1
  int protocol;          // as the next layer of IP, or -1
  uint32_t align_bytes;  // of header and options together; 0: no options
  bool pads_with_pad_n;  // IPv6 options
  std::vector<FieldSpec> fields;
};

enum class ChecksumMode : uint8_t { kComputed, kGiven, kBad, kPartial };

struct Layer {
  const LayerSpec* spec = nullptr;  // nullptr: bytes without fields
  bool is_padding = false;          // not counted by lengths
  std::vector<uint8_t> bytes;
  std::set<std::string> given;  // computed fields that the text gives
  ChecksumMode checksum = ChecksumMode::kComputed;
};

const LayerSpec* FindLayer(absl::string_view name);
const std::vector<LayerSpec>& AllLayers();

// Reads and writes the field as a number, in the text's unit.  REQUIRES: it
// lies in the layer's bytes; it is no address.
uint64_t GetNumber(const Layer& layer, const FieldSpec& field);
void SetNumber(Layer& layer, const FieldSpec& field, uint64_t value);

// Writes the field as the text says.
absl::Status SetField(Layer& layer, const FieldSpec& field,
                      absl::string_view text);

// Returns the field as text.
std::string GetField(const Layer& layer, const FieldSpec& field);

// Returns a layer of `spec` with its defaults and `options` behind.
Layer MakeLayer(const LayerSpec& spec, std::vector<uint8_t> options);

// Computes all computed fields that are not given.
void Complete(std::vector<Layer>& layers);

// Returns the bytes of all layers, padding at the end.
std::vector<uint8_t> Join(const std::vector<Layer>& layers);

}  // namespace vswitch::packet_text_internal

#endif  // VSWITCH_TEST_TESTING_PACKET_TEXT_LAYERS_H_
