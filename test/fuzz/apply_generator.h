// test/fuzz/apply_generator.h
//
// FillFromBytes(): any message of the API, drawn from bytes, so that a fuzzer
// reaches the rules behind the syntax: names that exist, addresses that meet,
// selectors that select.
//
//   ByteSource source(data, size);
//   v1::ApplyRequest request;
//   FillFromBytes(source, request);
//
// It goes by the descriptors, so fields and kinds added later are drawn too.  A
// field is set, or an element added, as a byte says; values come from short
// lists chosen by the field's name.  Bytes that are used up read as 0, which
// sets nothing: every input ends.
//
// Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_APPLY_GENERATOR_H_
#define VSWITCH_TEST_FUZZ_APPLY_GENERATOR_H_

#include "google/protobuf/message.h"
#include "test/fuzz/byte_source.h"

namespace vswitch {

void FillFromBytes(ByteSource& source, google::protobuf::Message& message);

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_APPLY_GENERATOR_H_
