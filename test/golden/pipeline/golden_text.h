// test/golden/pipeline/golden_text.h
//
// The shorthand of the pipeline's golden files: "@" for the Ethernet header
// between a port's peer and the gateway, "$server" for an address of the
// packet's family.
//
//   std::string text = WriteOut(directive);   // as packet_text.h has it
//
// Test code.

#ifndef VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_TEXT_H_
#define VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_TEXT_H_

#include <string>

#include "test/golden/golden_file.h"

namespace vswitch {

// Returns the text of an "in PORT:" or "out PORT:" directive, written out.
std::string WriteOut(const GoldenDirective& directive);

}  // namespace vswitch

#endif  // VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_TEXT_H_
