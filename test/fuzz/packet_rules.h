// test/fuzz/packet_rules.h
//
// What holds of every packet that the pipeline sends, whatever came before: the
// rules that the fuzz target checks of one packet in and what it caused.
//
//   FuzzResult result = node.Run(port, input);
//   CheckResult(node, port, input, result);
//
// A broken rule aborts.  Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_PACKET_RULES_H_
#define VSWITCH_TEST_FUZZ_PACKET_RULES_H_

#include "test/fuzz/fuzz_node.h"

namespace vswitch {

// Checks what one packet caused: the packet itself, translated as a whole (TTL,
// checksums, payload, nothing behind its end), or the switch's own answer,
// which is no longer than it may be and quotes what came in.
void CheckResult(const FuzzNode& node, PortId in, const FuzzInput& input,
                 const FuzzResult& result);

// Checks a packet alone that left, of which it is not known what caused it.
void CheckOutput(const FuzzNode& node, const FuzzOutput& output);

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_PACKET_RULES_H_
