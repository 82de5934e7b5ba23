// The allocator behind BlobHeap: first fit over a map of free extents.

#include "dataplane/memory/blob_heap.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// What a blob of `bytes` takes up.
uint64_t ExtentBytes(uint64_t bytes) { return AlignUp(bytes, kCacheLineBytes); }

}  // namespace

BlobHeap::BlobHeap(std::span<std::byte> bytes, uint64_t base_offset)
    : bytes_(bytes), base_offset_(base_offset) {
  const uint64_t usable = bytes.size() / kCacheLineBytes * kCacheLineBytes;
  if (usable > 0) free_.emplace(0, usable);
}

absl::StatusOr<Area> BlobHeap::Store(absl::string_view blob) {
  if (blob.empty()) return Area{};
  const uint64_t hash = HashOf(blob);
  const auto [begin, end] = by_content_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    Blob& known = blobs_.at(it->second);
    // The hash only finds candidates: equal bytes decide.
    if (BytesAt(it->second, known.bytes) == blob) {
      ++known.use_count;
      return Area{base_offset_ + it->second, known.bytes};
    }
  }
  const uint64_t needed = ExtentBytes(blob.size());
  const auto extent = std::find_if(
      free_.begin(), free_.end(),
      [&](const auto& candidate) { return candidate.second >= needed; });
  if (extent == free_.end()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "forwarding memory: no room for a table of ", blob.size(), " bytes; ",
        used_bytes_, " of ", bytes_.size(),
        " bytes are used, the largest free part has ", largest_free_bytes()));
  }
  const uint64_t offset = extent->first;
  Take(offset, needed);
  std::memcpy(bytes_.data() + offset, blob.data(), blob.size());
  Insert(offset, blob);
  return Area{base_offset_ + offset, blob.size()};
}

absl::Status BlobHeap::Adopt(const Area& area) {
  if (area.bytes == 0) return absl::OkStatus();
  const uint64_t offset = area.offset - base_offset_;
  if (area.offset < base_offset_ || offset > bytes_.size() ||
      area.bytes > bytes_.size() - offset || offset % kCacheLineBytes != 0) {
    return absl::DataLossError(absl::StrCat(
        "forwarding memory: a table at offset ", area.offset, " of ",
        area.bytes, " bytes lies outside of the heap (offset ", base_offset_,
        ", ", bytes_.size(), " bytes)"));
  }
  const auto known = blobs_.find(offset);
  if (known != blobs_.end() && known->second.bytes == area.bytes) {
    ++known->second.use_count;
    return absl::OkStatus();
  }
  if (!Take(offset, ExtentBytes(area.bytes))) {
    return absl::DataLossError(
        absl::StrCat("forwarding memory: a table at offset ", area.offset,
                     " of ", area.bytes, " bytes overlaps another one"));
  }
  Insert(offset, BytesAt(offset, area.bytes));
  return absl::OkStatus();
}

void BlobHeap::Release(const Area& area) {
  if (area.bytes == 0) return;
  const auto known = blobs_.find(area.offset - base_offset_);
  if (known == blobs_.end() || --known->second.use_count > 0) return;
  const uint64_t offset = known->first;
  const auto [begin, end] = by_content_.equal_range(known->second.content_hash);
  for (auto it = begin; it != end; ++it) {
    if (it->second == offset) {
      by_content_.erase(it);
      break;
    }
  }
  const uint64_t bytes = ExtentBytes(known->second.bytes);
  blobs_.erase(known);
  GiveBack(offset, bytes);
}

uint64_t BlobHeap::largest_free_bytes() const {
  uint64_t largest = 0;
  for (const auto& [offset, bytes] : free_) largest = std::max(largest, bytes);
  return largest;
}

uint64_t BlobHeap::HashOf(absl::string_view blob) const {
  return std::hash<std::string_view>()(
      std::string_view(blob.data(), blob.size()));
}

absl::string_view BlobHeap::BytesAt(uint64_t offset, uint64_t bytes) const {
  return {reinterpret_cast<const char*>(bytes_.data() + offset), bytes};
}

void BlobHeap::Insert(uint64_t offset, absl::string_view content) {
  const uint64_t hash = HashOf(content);
  blobs_[offset] = Blob{content.size(), hash, 1};
  by_content_.emplace(hash, offset);
}

bool BlobHeap::Take(uint64_t offset, uint64_t bytes) {
  auto extent = free_.upper_bound(offset);
  if (extent == free_.begin()) return false;
  --extent;
  const uint64_t start = extent->first;
  const uint64_t end = start + extent->second;
  if (offset > end || bytes > end - offset) return false;
  free_.erase(extent);
  if (offset > start) free_.emplace(start, offset - start);
  if (offset + bytes < end) free_.emplace(offset + bytes, end - offset - bytes);
  used_bytes_ += bytes;
  return true;
}

void BlobHeap::GiveBack(uint64_t offset, uint64_t bytes) {
  used_bytes_ -= bytes;
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && next->first == offset + bytes) {
    bytes += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      previous->second += bytes;
      return;
    }
  }
  free_.emplace(offset, bytes);
}

}  // namespace vswitch
