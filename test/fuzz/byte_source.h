// test/fuzz/byte_source.h
//
// ByteSource: a fuzz input, read byte by byte as choices.
//
//   ByteSource source(data, size);
//   switch (source.Below(3)) ...
//
// Bytes that are used up read as 0.  Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_BYTE_SOURCE_H_
#define VSWITCH_TEST_FUZZ_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>

namespace vswitch {

class ByteSource {
 public:
  // `data` outlives the source.
  ByteSource(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t Next() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  // A number below `limit`, at most 256.
  size_t Below(size_t limit) { return Next() % limit; }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_BYTE_SOURCE_H_
