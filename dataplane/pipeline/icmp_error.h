// dataplane/pipeline/icmp_error.h
//
// SendIcmpError(): tells the sender of a packet why it goes no further, if the
// standards allow it and the rate limits have room.
//
//   SendIcmpError(context, burst, slot, IcmpError::kTimeExceeded);
//   context.Drop(burst, slot, DropReason::kTtl);
//
// Must be called while the packet is as it came in: the error quotes it.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_ICMP_ERROR_H_
#define VSWITCH_DATAPLANE_PIPELINE_ICMP_ERROR_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/drop_reason.h"
#include "dataplane/packet/build.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"

namespace vswitch {

// What the sender is told about a drop; nothing about most of them: policy is
// silent (RFC 1812 section 5.2.7.1 lets it be).
std::optional<IcmpError> ErrorFor(DropReason reason);

// Sends `error` about the packet in `slot` back to where it came from, or
// counts why not.  `mtu` is that of kPacketTooBig.
void SendIcmpError(PipelineContext& context, Burst& burst, uint32_t slot,
                   IcmpError error, uint32_t mtu = 0);

// The same for kAdministrative, from the packet's destination if that is a
// service's address (which is the switch's own), else from the gateway's.
// Returns whether it was sent.
enum class SentTo : uint8_t { kHost, kService };
bool SendProhibited(PipelineContext& context, Burst& burst, uint32_t slot,
                    SentTo sent_to);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_ICMP_ERROR_H_
