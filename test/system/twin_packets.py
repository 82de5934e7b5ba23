"""IP packets for kernel_differential_test.py: made, read, put together from
fragments, and normalised, so that what two routers made of one packet can be
compared.

    data = make_ip(Ends(6, source, target), TCP, tcp(1000, 80, SYN))
    what = normal(read(data), names)
"""

import dataclasses
import socket
import struct

ICMP, TCP, UDP, ICMP6, FRAGMENT = 1, 6, 17, 58, 44
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
NAT = {4: socket.inet_pton(socket.AF_INET, "198.51.100.7"),
       6: socket.inet_pton(socket.AF_INET6, "2001:db8:ffff::7")}
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}
QUERIES = {ICMP: (8, 0), ICMP6: (128, 129)}  # echo request and reply
ERRORS = {ICMP: (3, 11, 12), ICMP6: (1, 2, 3, 4)}


def checksum(data):
    """Returns the Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def put(data, offset, piece):
    """Returns `data` with `piece` at `offset`."""
    return data[:offset] + piece + data[offset + len(piece):]


@dataclasses.dataclass(frozen=True)
class Ends:
    """Who a packet is from and to."""

    family: int  # 4 or 6
    source: bytes
    target: bytes

    def reversed(self):
        """The way back."""
        return Ends(self.family, self.target, self.source)

    def pseudo(self, protocol, size):
        """The pseudo-header."""
        if protocol == ICMP:
            return b""
        return self.source + self.target + struct.pack("!II", size, protocol)


def tcp(ports, flags, sequence, ack, window=65535, options=b"", data=b""):
    """Returns a TCP segment without its checksum."""
    return struct.pack("!HHIIBBHHH", *ports, sequence % 2**32, ack % 2**32,
                       (20 + len(options)) // 4 << 4, flags, window, 0,
                       0) + options + data


def udp(ports, data):
    """Returns a UDP datagram without its checksum."""
    return struct.pack("!HHHH", *ports, 8 + len(data), 0) + data


def icmp(kind, code, word, data):
    """Returns an ICMP message without its checksum."""
    return struct.pack("!BBHI", kind, code, 0, word) + data


def with_checksum(ends, protocol, l4):
    """Returns an L4 message with its checksum."""
    offset = CHECKSUM_AT[protocol]
    value = checksum(ends.pseudo(protocol, len(l4)) + put(l4, offset, b"\0\0"))
    return put(l4, offset, struct.pack("!H", value or 0xFFFF))


def make_ip(ends, protocol, payload, ttl=64, ident=0, fragment=0, options=b""):
    """Returns an IP packet; `fragment` is IPv4's word of flags and offset,
    of IPv6 the same if the datagram is in fragments."""
    if ends.family == 4:
        size = 20 + len(options) + len(payload)
        header = struct.pack("!BBHHHBBH", 0x40 | 5 + len(options) // 4, 0,
                             size, ident & 0xFFFF, fragment, ttl, protocol, 0)
        header += ends.source + ends.target + options
        return put(header, 10, struct.pack("!H", checksum(header))) + payload
    if fragment & 0x3FFF:
        word = (fragment & 0x1FFF) << 3 | bool(fragment & 0x2000)
        payload = struct.pack("!BBHI", protocol, 0, word, ident) + payload
        protocol = FRAGMENT
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol,
                       ttl) + ends.source + ends.target + payload


def fragments(ends, protocol, l4, ident, sizes, ttl=64):
    """Cuts an L4 message; `sizes` are multiples of 8."""
    pieces, at = [], 0
    while at < len(l4):
        size = sizes[len(pieces) % len(sizes)]
        more = 0x2000 if at + size < len(l4) else 0
        pieces.append(make_ip(ends, protocol, l4[at:at + size], ttl, ident,
                              more | at // 8))
        at += size
    return pieces


@dataclasses.dataclass
class Packet:
    """An IP packet that was read."""

    ends: Ends
    protocol: int
    ttl: int
    payload: bytes
    traffic_class: int = 0
    ident: int = 0
    offset: int = 0  # of a fragment, bytes
    more: bool = False
    dont_fragment: bool = False
    options: bytes = b""
    header_is_good: bool = True

    def is_error(self):
        """Whether it is an ICMP error."""
        return (self.protocol in ERRORS and not self.offset and
                len(self.payload) >= 8 and
                self.payload[0] in ERRORS[self.protocol])

    def ports(self):
        """Source and target port, or a query's identifier twice."""
        if self.protocol in (TCP, UDP) and len(self.payload) >= 4:
            return struct.unpack("!HH", self.payload[:4])
        if (self.protocol in QUERIES and len(self.payload) >= 8 and
                self.payload[0] in QUERIES[self.protocol]):
            return struct.unpack("!H", self.payload[4:6]) * 2
        return None


def read(data):
    """Reads an IP packet, as far as it is there."""
    if data[0] >> 4 == 4:
        size = (data[0] & 15) * 4
        (_, tos, total, ident, word, ttl, protocol) = struct.unpack(
            "!BBHHHBB", data[:10])
        return Packet(Ends(4, data[12:16], data[16:20]), protocol, ttl,
                      data[size:total], tos, ident, (word & 0x1FFF) * 8,
                      bool(word & 0x2000), bool(word & 0x4000), data[20:size],
                      checksum(data[:size]) == 0)
    (word, size, protocol, ttl) = struct.unpack("!IHBB", data[:8])
    packet = Packet(Ends(6, data[8:24], data[24:40]), protocol, ttl,
                    data[40:40 + size], word >> 20 & 255)
    if protocol == FRAGMENT:
        (packet.protocol, _, word, packet.ident) = struct.unpack(
            "!BBHI", packet.payload[:8])
        packet.offset, packet.more = word & ~7, bool(word & 1)
        packet.payload = packet.payload[8:]
    return packet


def reassemble(packets):
    """Puts fragments together; returns whole packets, and the fragments of
    datagrams that are not complete."""
    whole, parts = [], {}
    for port, packet in packets:
        if not packet.offset and not packet.more:
            whole.append((port, packet))
        else:
            key = (port, packet.ends, packet.ident)
            parts.setdefault(key, []).append(packet)
    for (port, _, _), pieces in parts.items():
        pieces.sort(key=lambda piece: piece.offset)
        at = 0
        for piece in pieces:
            if piece.offset != at:
                break
            at += len(piece.payload)
        else:
            if not pieces[-1].more:
                whole.append((port, dataclasses.replace(
                    pieces[0], more=False, payload=b"".join(
                        piece.payload for piece in pieces))))
                continue
        whole.extend((port, piece) for piece in pieces)
    return whole


def port_keys(packet):
    """Yields what identifies each port of source NAT in a packet: a value to
    look its name up by, and where the port lies in the payload."""
    ports = packet.ports()
    if ports is None or packet.offset:
        return
    ends = packet.ends
    is_query = packet.protocol in QUERIES
    for side, (own, other) in enumerate(((ends.source, ends.target),
                                         (ends.target, ends.source))):
        if own == NAT[ends.family]:
            yield ((packet.protocol, ports[side], other,
                    0 if is_query else ports[1 - side]),
                   4 if is_query else 2 * side)


def rename_ports(packet, names):
    """Returns the payload with each port of source NAT by its flow's name, a
    number that both routers' packets have."""
    payload = packet.payload
    for key, offset in port_keys(packet):
        payload = put(payload, offset, struct.pack("!H", names.get(key, 0)))
    return payload


def checksum_state(packet, is_quoted=False):
    """Says whether the L4 checksum is right: "good", "bad", "none", or "?" if
    the packet is not all there."""
    offset = CHECKSUM_AT.get(packet.protocol)
    payload = packet.payload
    if offset is None or packet.offset or len(payload) < offset + 2:
        return "?"
    if packet.protocol == UDP:
        if payload[offset:offset + 2] == b"\0\0":
            return "none"
        if struct.unpack("!H", payload[4:6])[0] > len(payload):
            return "?"
    elif is_quoted or packet.more:
        return "?"  # its length is not known
    total = checksum(packet.ends.pseudo(packet.protocol, len(payload)) +
                     payload)
    return "good" if total == 0 else "bad"


def normal(packet, names, is_quoted=False):
    """Returns what two routers must have made alike of a packet, as values to
    be compared."""
    payload = rename_ports(packet, names)
    state = checksum_state(packet, is_quoted)
    offset = CHECKSUM_AT.get(packet.protocol)
    if offset is not None and len(payload) >= offset + 2 and not packet.offset:
        payload = put(payload, offset, b"\0\0")
    inner = None
    if packet.is_error() and not is_quoted:
        inner = normal(read(payload[8:]), names, is_quoted=True)
        payload = payload[:8]
    return {"source": packet.ends.source.hex(),
            "target": packet.ends.target.hex(),
            "protocol": packet.protocol, "ttl": packet.ttl,
            "class": packet.traffic_class, "offset": packet.offset,
            "more": packet.more, "options": packet.options.hex(),
            "header": packet.header_is_good, "checksum": state,
            "payload": payload.hex(), "quoted": inner}
