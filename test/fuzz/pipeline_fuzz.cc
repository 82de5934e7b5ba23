// Fuzz target of the whole packet path, over sequences of packets and time
// steps: whatever hosts, pods and routers send in whatever order, each packet
// is accounted for, each translation is whole and undone on the way back, no
// two connections share what must be theirs, and what is over is forgotten
// (packet_rules.h, flow_model.h).
//
// Input: one byte that chooses the node's configuration and, by its highest
// bit, whether the balance equations are evaluated behind the last packet (it
// takes longer than all packets), then steps, as pipeline_session.h reads them.
// Seeds: test/fuzz/corpus/pipeline.

#include <cstddef>
#include <cstdint>

#include "test/fuzz/byte_source.h"
#include "test/fuzz/pipeline_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vswitch::ByteSource source(data, size);
  if (source.empty()) return 0;
  vswitch::PipelineSession session(source);
  while (session.Step()) {
  }
  session.CheckAtEnd((data[0] & 0x80) != 0);
  return 0;
}
