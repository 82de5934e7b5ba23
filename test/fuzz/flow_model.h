// test/fuzz/flow_model.h
//
// FlowModel: what the fuzz target remembers of the connections that it has
// begun, and what must therefore become of the next packet of each.
//
//   Flow& flow = model.Open(tuple, port, now_ns);
//   ... the packet of Expected(flow, kThere) goes through the pipeline ...
//   model.Note(flow, kThere, packet_out, port_out, now_ns);
//
// It knows only what it has seen leave.  Where it cannot be sure (a policy has
// changed, time is up, a segment was odd) it asks for nothing.
//
// Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_FLOW_MODEL_H_
#define VSWITCH_TEST_FUZZ_FLOW_MODEL_H_

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "test/fuzz/fuzz_node.h"
#include "test/fuzz/plain_packet.h"

namespace vswitch {

// The way of the first packet, and the way of its answers.
enum class Way : uint8_t { kThere, kBack };
constexpr Way Other(Way way) {
  return way == Way::kThere ? Way::kBack : Way::kThere;
}

enum class TcpStage : uint8_t { kNone, kSynSent, kSynAnswered, kOpen };

struct Flow {
  Tuple original;  // as the first packet comes in
  Tuple leaving;   // as it leaves, once one has
  PortId client_port = kNoPort;
  PortId server_port = kNoPort;
  bool is_known = false;    // a first packet has left
  bool is_certain = false;  // and nothing has happened that could end it
  bool is_answered = false;
  uint64_t alive_ns = 0;  // what keeps it was last seen
  // TCP: how far it is, and each end's next number, by Way.
  TcpStage stage = TcpStage::kNone;
  bool is_odd = false;  // segments were sent that no end would send
  std::array<uint32_t, 2> next{};

  bool IsTcp() const { return original.protocol == IpProtocol::kTcp; }
  // The packets of a way as they come in; REQUIRES: is_known for kBack.
  Tuple Incoming(Way way) const {
    return way == Way::kThere ? original : leaving.Reversed();
  }
  // And as they leave.
  Tuple Outgoing(Way way) const { return Incoming(Other(way)).Reversed(); }
  PortId InPort(Way way) const {
    return way == Way::kThere ? client_port : server_port;
  }
};

class FlowModel {
 public:
  // Returns the flow whose packets come in as `tuple`, which is new or not.
  Flow& Open(const Tuple& tuple, PortId client_port);

  bool empty() const { return flows_.empty(); }
  size_t size() const { return flows_.size(); }
  Flow& at(size_t index) { return flows_[index]; }

  // Checks and notes what became of a packet of `flow`: `out` is nullopt if it
  // was not forwarded.  `must_pass`: nothing about the packet itself could stop
  // it.
  struct Left {
    Tuple tuple;
    PortId port;
  };
  void Note(Flow& flow, Way way, const std::optional<Left>& out, bool must_pass,
            uint64_t now_ns);

  // Notes that the mapping of a client was used: no two clients may have the
  // same outside address and port at one time.
  void NoteMapping(const Tuple& inside, const Tuple& outside, uint64_t now_ns);
  // Checks that what came in for `outside` went to whom has it.
  void CheckMapped(const Tuple& outside, const Tuple& inside) const;

  // What takes certainty away.
  void OnTime(uint64_t now_ns, bool has_linux_timeouts);
  void OnChange();
  void OnOddPacket();
  // A packet may make a connection, for which one without an answer goes.
  void OnPressure();

 private:
  struct Mapping {
    IpAddress address;
    uint16_t port = 0;
    uint64_t alive_ns = 0;
    bool is_certain = true;
  };
  struct Outside {
    IpProtocol protocol;
    IpAddress address;
    uint16_t port;
    friend auto operator<=>(const Outside&, const Outside&) = default;
  };

  std::deque<Flow> flows_;
  std::map<Outside, Mapping> mappings_;
};

// Checks what the connection table holds: no two live connections share a key,
// no two clients share a port of UDP outside (NAT is a bijection), and nothing
// is idle for longer than its time.
void CheckConnections(const FuzzNode& node);

// Which parts of each datagram have left, to see that none overlap (RFC 5722).
class FragmentModel {
 public:
  void Note(PortId in, const PlainPacket& before, bool forwarded,
            uint64_t now_ns);

 private:
  struct Key {
    PortId in;
    IpAddress source;
    IpAddress destination;
    uint32_t id;
    uint8_t protocol;  // IPv4 only
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Part {
    uint32_t begin;
    uint32_t end;
  };
  struct Datagram {
    uint64_t first_seen_ns = 0;
    bool is_certain = true;
    uint32_t total_bytes = 0;  // once the last one was seen
    uint32_t seen_bytes = 0;
    std::vector<Part> parts;
  };

  std::map<Key, Datagram> datagrams_;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_FLOW_MODEL_H_
