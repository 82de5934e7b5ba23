// The compressed trie of RouteTable: its layout, check, lookup and builder.

#include "dataplane/tables/route_table.h"

#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {

// Branch i of a node leads to a child if bit i of `children` is set, else to a
// value: values are stored once per run of equal ones, whose first branch has
// its bit in `value_starts`.
struct RouteNode {
  uint64_t children;
  uint64_t value_starts;
  uint32_t first_child;  // index of a node; children are consecutive
  uint32_t first_value;  // index of a value
};
static_assert(sizeof(RouteNode) == 24);

namespace {

constexpr uint64_t kMagic = 0x3165747561525356;  // "VSRaute1"
constexpr uint32_t kStrideBits = 6;
constexpr uint32_t kBranchCount = 64;
constexpr uint32_t kMaxDepth = 22;  // ceil(128 / 6)

struct BlobHeader {
  uint64_t magic;
  uint32_t node_count;
  uint32_t value_count;
  uint32_t roots[2];
};
static_assert(sizeof(BlobHeader) == 24);

// The bits 0 to `branch`, at most 63.
constexpr uint64_t BitsUpTo(uint32_t branch) {
  return ~uint64_t{0} >> ((63 - branch) % kBranchCount);
}

// An address as the bits that are looked up: 128 for IPv6, 32 for IPv4, from
// the highest bit down, with zeros behind.
struct Bits {
  uint64_t high;
  uint64_t low;

  static Bits Of(const IpAddress& address) {
    uint64_t words[2];
    std::memcpy(words, address.bytes.data(), sizeof(words));
    Bits bits{__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
    if (address.IsIpv4()) bits = {bits.low << 32, 0};
    return bits;
  }
  uint32_t FirstSix() const { return static_cast<uint32_t>(high >> 58); }
  Bits Shifted() const {
    return {high << kStrideBits | low >> (64 - kStrideBits),
            low << kStrideBits};
  }
};

absl::Status Malformed(absl::string_view what, uint64_t index) {
  return absl::DataLossError(
      absl::StrCat("route table: ", what, " (node ", index, ")"));
}

absl::Status CheckNode(const RouteNode& node, uint32_t index,
                       const BlobHeader& header) {
  const uint32_t children = std::popcount(node.children);
  // Children behind their parent: no cycle, so every lookup ends.
  if (children > 0 &&
      (node.first_child <= index || node.first_child > header.node_count ||
       children > header.node_count - node.first_child)) {
    return Malformed("children outside of the nodes behind their parent",
                     index);
  }
  const uint32_t values = std::popcount(node.value_starts);
  if (node.first_value > header.value_count ||
      values > header.value_count - node.first_value) {
    return Malformed("values outside of the table", index);
  }
  if (node.children != ~uint64_t{0}) {
    const uint32_t first_leaf = std::countr_one(node.children);
    if ((node.value_starts & BitsUpTo(first_leaf)) == 0) {
      return Malformed("a branch with neither child nor value", index);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RouteTable> RouteTable::Open(std::span<const std::byte> bytes) {
  RouteTable table;
  if (bytes.empty()) return table;
  BlobHeader header;
  if (bytes.size() < sizeof(header) ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(RouteNode) != 0) {
    return absl::DataLossError(absl::StrCat(
        "route table: ", bytes.size(), " bytes; at least ", sizeof(header),
        " aligned to ", alignof(RouteNode), " are needed"));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) {
    return absl::DataLossError("route table: not a route table");
  }
  const uint64_t needed = sizeof(header) +
                          uint64_t{header.node_count} * sizeof(RouteNode) +
                          uint64_t{header.value_count} * sizeof(uint32_t);
  if (needed != bytes.size()) {
    return absl::DataLossError(
        absl::StrCat("route table: ", bytes.size(), " bytes, but its counts (",
                     header.node_count, " nodes, ", header.value_count,
                     " values) make ", needed));
  }
  table.nodes_ =
      reinterpret_cast<const RouteNode*>(bytes.data() + sizeof(header));
  table.values_ = reinterpret_cast<const uint32_t*>(
      bytes.data() + sizeof(header) +
      uint64_t{header.node_count} * sizeof(RouteNode));
  for (uint32_t family = 0; family < 2; ++family) {
    table.roots_[family] = header.roots[family];
    if (header.roots[family] >= header.node_count) {
      return Malformed("a root outside of the table", header.roots[family]);
    }
  }
  for (uint32_t index = 0; index < header.node_count; ++index) {
    RETURN_IF_ERROR(CheckNode(table.nodes_[index], index, header));
  }
  return table;
}

std::optional<uint32_t> RouteTable::Lookup(const IpAddress& address) const {
  if (nodes_ == nullptr) return std::nullopt;
  Bits bits = Bits::Of(address);
  const RouteNode* node = &nodes_[roots_[address.IsIpv4() ? 0 : 1]];
  for (uint32_t depth = 0; depth < kMaxDepth; ++depth) {
    const uint32_t branch = bits.FirstSix();
    if ((node->children >> branch & 1) == 0) {
      const uint32_t value =
          values_[node->first_value +
                  std::popcount(node->value_starts & BitsUpTo(branch)) - 1];
      if (value == kNoValue) return std::nullopt;
      return value;
    }
    node = &nodes_[node->first_child +
                   std::popcount(node->children & BitsUpTo(branch)) - 1];
    bits = bits.Shifted();
  }
  return std::nullopt;  // deeper than an address is long: not a built table
}

absl::Status RouteTableBuilder::Insert(const IpPrefix& prefix, uint32_t value) {
  const uint32_t family_bits = prefix.address.IsIpv4() ? 32 : 128;
  if (prefix.prefix_bits > family_bits) {
    return absl::InvalidArgumentError(
        absl::StrCat("route ", prefix.ToString(), ": prefix length ",
                     prefix.prefix_bits, " is more than ", family_bits));
  }
  if (value == RouteTable::kNoValue) {
    return absl::InvalidArgumentError(
        absl::StrCat("route ", prefix.ToString(), ": value ", value,
                     " is reserved; use a smaller one"));
  }
  const uint32_t kept_bits = prefix.MappedBits();
  for (uint32_t bit = kept_bits; bit < 128; ++bit) {
    if (prefix.address.bytes[bit / 8] >> (7 - bit % 8) & 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("route ", prefix.ToString(),
                       ": bits behind the prefix length must be zero"));
    }
  }
  prefixes_.insert_or_assign(prefix, value);
  return absl::OkStatus();
}

namespace {

// A prefix on its way down the trie: what of it is left below a node.
struct Remaining {
  Bits bits;
  uint32_t bit_count;
  uint32_t value;
};

// A node that is still to be laid out.
struct Pending {
  uint32_t node;
  uint32_t inherited;  // value of the longest prefix above
  std::vector<Remaining> prefixes;
};

// Fills `node` from the prefixes below it; appends its values and children.
void LayOut(const Pending& pending, std::vector<RouteNode>& nodes,
            std::vector<uint32_t>& values, std::vector<Pending>& queue) {
  uint32_t branch_value[kBranchCount];
  uint32_t branch_bits[kBranchCount] = {};  // of the prefix it came from, + 1
  std::fill_n(branch_value, kBranchCount, pending.inherited);
  std::vector<Remaining> below[kBranchCount];
  for (const Remaining& prefix : pending.prefixes) {
    const uint32_t first = prefix.bits.FirstSix();
    if (prefix.bit_count > kStrideBits) {
      below[first].push_back({prefix.bits.Shifted(),
                              prefix.bit_count - kStrideBits, prefix.value});
      continue;
    }
    const uint32_t covered = 1u << (kStrideBits - prefix.bit_count);
    for (uint32_t branch = first; branch < first + covered; ++branch) {
      if (prefix.bit_count + 1 <= branch_bits[branch]) continue;
      branch_bits[branch] = prefix.bit_count + 1;
      branch_value[branch] = prefix.value;
    }
  }
  RouteNode node{};
  node.first_child = static_cast<uint32_t>(nodes.size());
  node.first_value = static_cast<uint32_t>(values.size());
  std::optional<uint32_t> run;
  for (uint32_t branch = 0; branch < kBranchCount; ++branch) {
    if (!below[branch].empty()) {
      node.children |= uint64_t{1} << branch;
      queue.push_back({static_cast<uint32_t>(nodes.size()),
                       branch_value[branch], std::move(below[branch])});
      nodes.push_back({});
      continue;
    }
    if (run != branch_value[branch]) {
      run = branch_value[branch];
      node.value_starts |= uint64_t{1} << branch;
      values.push_back(*run);
    }
  }
  nodes[pending.node] = node;
}

}  // namespace

std::string RouteTableBuilder::Build() const {
  std::vector<RouteNode> nodes(2);
  std::vector<uint32_t> values;
  std::vector<Pending> queue(2);
  for (uint32_t family = 0; family < 2; ++family) {
    queue[family].node = family;
    queue[family].inherited = RouteTable::kNoValue;
  }
  for (const auto& [prefix, value] : prefixes_) {
    queue[prefix.address.IsIpv4() ? 0 : 1].prefixes.push_back(
        {Bits::Of(prefix.address), prefix.prefix_bits, value});
  }
  for (size_t next = 0; next < queue.size(); ++next) {
    // Out of the queue first: LayOut() appends to it.
    const Pending pending = std::move(queue[next]);
    LayOut(pending, nodes, values, queue);
  }

  const BlobHeader header{kMagic,
                          static_cast<uint32_t>(nodes.size()),
                          static_cast<uint32_t>(values.size()),
                          {0, 1}};
  std::string blob(reinterpret_cast<const char*>(&header), sizeof(header));
  blob.append(reinterpret_cast<const char*>(nodes.data()),
              nodes.size() * sizeof(RouteNode));
  blob.append(reinterpret_cast<const char*>(values.data()),
              values.size() * sizeof(uint32_t));
  return blob;
}

}  // namespace vswitch
