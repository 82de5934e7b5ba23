// dataplane/conntrack/testing.h
//
// What the tests of this folder share: table memory, and flows by number in
// either family.
//
//   TableMemory memory(1024);
//   FlowKey key = NumberedFlow(IpFamily::kIpv6, 7);
//
// Tests only; thread-compatible.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TESTING_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TESTING_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/conntrack/connection_table.h"

namespace vswitch {

inline constexpr HashSecret kTestSecret{{0x0123456789abcdef, 0xfedcba987654}};
inline constexpr uint64_t kSecondNs = 1'000'000'000;

// Zeroed memory, shared with forked children.
class TableMemory {
 public:
  explicit TableMemory(uint32_t capacity)
      : size_(ConnectionTable::BytesFor(capacity)),
        data_(mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~TableMemory() { munmap(data_, size_); }
  TableMemory(const TableMemory&) = delete;
  TableMemory& operator=(const TableMemory&) = delete;

  std::span<std::byte> bytes() {
    return {static_cast<std::byte*>(data_), size_};
  }

 private:
  size_t size_;
  void* data_;
};

// Returns the key of the `number`th flow from a client to a server.
inline FlowKey NumberedFlow(IpFamily family, uint32_t number,
                            IpProtocol protocol = IpProtocol::kTcp) {
  const bool v4 = family == IpFamily::kIpv4;
  FlowKey key;
  key.source = *IpAddress::Parse(v4 ? "10.0.0.0" : "fd00:1::");
  key.source.bytes[13] = static_cast<uint8_t>(number >> 24);
  key.source.bytes[14] = static_cast<uint8_t>(number >> 16);
  key.destination = *IpAddress::Parse(v4 ? "10.200.0.1" : "fd00:2::1");
  key.source_port = Be16::FromHost(static_cast<uint16_t>(number));
  key.destination_port = Be16::FromHost(80);
  key.protocol = protocol;
  return key;
}

// Returns a segment without data, of a connection whose numbers are all 0.
inline TcpSegment SegmentWith(uint8_t tcp_flags) {
  TcpSegment segment;
  segment.flags = tcp_flags;
  segment.window = 65535;
  return segment;
}

// Returns a connection of that flow, without translation.
inline NewConnection NumberedConnection(
    IpFamily family, uint32_t number, IpProtocol protocol = IpProtocol::kTcp) {
  NewConnection connection;
  connection.original = NumberedFlow(family, number, protocol);
  connection.reply = connection.original.Reversed();
  connection.state =
      *FirstState(protocol, /*tcp_flags=*/0x02, /*may_pick_up=*/true);
  return connection;
}

// Returns the connection as it is some time after its answer has come: never
// evicted.  (An open TCP connection would count as picked up.)
inline NewConnection Answered(NewConnection connection) {
  connection.state = connection.original.protocol == IpProtocol::kTcp
                         ? ConnectionState::kCloseWait
                         : ConnectionState::kReplied;
  return connection;
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TESTING_H_
