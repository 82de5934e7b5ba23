// Keys of connections, and of the packets in them.

#include "dataplane/pipeline/flow_keys.h"

#include "dataplane/packet/headers.h"

namespace vswitch {
namespace {

// Returns the type of the question that a query of `type` asks or answers.
// ICMP has the timestamp at 13 with the answer one above it, the echo at 8
// (RFC 792); the other queries are none any more (RFC 6918).
uint8_t QuestionType(IpProtocol protocol, uint8_t type) {
  if (IsIcmpRequest(protocol, type)) return type;
  if (protocol == IpProtocol::kIcmp && type == kIcmpEchoReply) {
    return kIcmpEcho;
  }
  return static_cast<uint8_t>(type - 1);
}

}  // namespace

bool IsIcmpRequest(IpProtocol protocol, uint8_t type) {
  if (protocol != IpProtocol::kIcmp) return type == kIcmpv6Echo;
  return type == kIcmpEcho || type == kIcmpTimestamp;
}

FlowKey IcmpQueryKey(const FlowKey& key, uint8_t type) {
  FlowKey result = key;
  const Be16 question = Be16::FromHost(QuestionType(key.protocol, type));
  if (IsIcmpRequest(key.protocol, type)) {
    result.destination_port = question;
  } else {
    result.source_port = question;
  }
  return result;
}

FlowKey PacketKeyOfQuery(const FlowKey& key, uint8_t type) {
  FlowKey result = key;
  if (IsIcmpRequest(key.protocol, type)) {
    result.destination_port = key.source_port;
  } else {
    result.source_port = key.destination_port;
  }
  return result;
}

}  // namespace vswitch
