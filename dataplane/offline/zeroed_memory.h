// dataplane/offline/zeroed_memory.h
//
// ZeroedMemory: zeroed heap memory aligned to a cache line, in place of the
// segments that the daemons map.  Pages that are never written cost nothing.
//
// Thread-compatible.

#ifndef VSWITCH_DATAPLANE_OFFLINE_ZEROED_MEMORY_H_
#define VSWITCH_DATAPLANE_OFFLINE_ZEROED_MEMORY_H_

#include <cstddef>
#include <span>

namespace vswitch {

class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  explicit ZeroedMemory(size_t bytes);
  ZeroedMemory(ZeroedMemory&& other) noexcept;
  ZeroedMemory& operator=(ZeroedMemory&& other) noexcept;
  ~ZeroedMemory();

  // Returns the memory, which stays where it is when the object is moved.
  std::span<std::byte> bytes() const;

 private:
  void* block_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_ZEROED_MEMORY_H_
