"""Frames and capture files of the comparison.

Clients outside (many addresses and ports) speak to one service, whose only
backend is a pod.  A capture holds one direction of every flow, in the same
order in both, so that the two directions of a flow are played at the same time.

    traffic = Traffic(family=4, protocol="udp", flows=10000, translated=True)
    traffic.write("to-server.pcap", to_server=True)
"""

import ipaddress
import struct

FRAME_BYTES = 64
GATEWAY_MAC = "02:76:73:77:00:01"  # the switch's own
CLIENT_MAC = "02:00:00:00:00:c1"
POD_MAC = "02:00:00:00:00:05"
SERVICE_PORT = 80
POD_PORT = 8080
CLIENTS = 1000  # addresses; a flow is one of them and a port
FIRST_CLIENT_PORT = 10000
# A ring is played from its start again and again; fewer packets would make one
# burst hold a flow many times over.
LEAST_PACKETS = 1024
TCP_STEP = 10  # bytes by which a TCP flow's numbers move from packet to packet

SERVICE = {4: "30.0.0.1", 6: "2a00:30::1"}
POD = {4: "10.0.0.5", 6: "fd00::5"}
CLIENT_NET = {4: "20.1.0.0/16", 6: "2a00:20::/64"}


def mac_bytes(text):
    """Returns the six bytes of a MAC address."""
    return bytes.fromhex(text.replace(":", ""))


def internet_sum(data):
    """Returns the 16-bit one's complement sum (RFC 1071), not inverted."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class Traffic:
    """What both directions of the flows look like as they come in."""

    def __init__(self, family, protocol, flows, translated):
        self.family = family
        self.protocol = protocol
        self.flows = flows
        # Each flow's packets in a ring: TCP windows move from one to the next.
        self.rounds = 1
        if protocol == "tcp":
            self.rounds = 16 if flows <= 10000 else 2 if flows <= 250000 else 1
        self.rounds = max(self.rounds, -(-LEAST_PACKETS // flows))
        self.target = SERVICE[family] if translated else POD[family]
        self.target_port = SERVICE_PORT if translated else POD_PORT
        net = ipaddress.ip_network(CLIENT_NET[family])
        self.first_client = int(net.network_address) + 2

    @property
    def packets(self):
        """Packets of one direction's ring."""
        return self.flows * self.rounds

    def client(self, flow):
        """Returns the client's address (an integer) and port."""
        return (self.first_client + flow % CLIENTS,
                FIRST_CLIENT_PORT + flow // CLIENTS)

    def _address(self, value):
        return int(value).to_bytes(4 if self.family == 4 else 16, "big")

    def _l4(self, source, destination, ports, numbers, room):
        """Returns the transport header and payload, checksum computed."""
        # The bytes that TCP's numbers move by are in the segments.
        size = max(room, 20 + TCP_STEP if self.protocol == "tcp" else 8)
        if self.protocol == "udp":
            head = struct.pack(">HHHH", *ports, size, 0)
            at, number = 6, 17
        else:
            head = struct.pack(">HHIIBBHHH", *ports, *numbers, 5 << 4, 0x10,
                               65535, 0, 0)
            at, number = 16, 6
        body = bytearray(head + bytes(size - len(head)))
        pseudo = source + destination + struct.pack(">II", size, number)
        check = ~internet_sum(pseudo + bytes(body)) & 0xffff
        struct.pack_into(">H", body, at, check or 0xffff)
        return bytes(body)

    def frame(self, flow, turn, to_server):
        """Returns one frame as the switch receives it."""
        client, client_port = self.client(flow)
        client = self._address(client)
        place = turn * TCP_STEP
        if to_server:
            target = self._address(ipaddress.ip_address(self.target))
            source, destination = client, target
            ports = (client_port, self.target_port)
            numbers = (1000 + place, 5000 + place)
            macs = mac_bytes(GATEWAY_MAC) + mac_bytes(CLIENT_MAC)
        else:
            pod = self._address(ipaddress.ip_address(POD[self.family]))
            source, destination = pod, client
            ports = (POD_PORT, client_port)
            numbers = (5000 + place, 1000 + place)
            macs = mac_bytes(GATEWAY_MAC) + mac_bytes(POD_MAC)
        return macs + self._packet(source, destination, ports, numbers)

    def _packet(self, source, destination, ports, numbers):
        number = 17 if self.protocol == "udp" else 6
        ip_bytes = 20 if self.family == 4 else 40
        room = FRAME_BYTES - 14 - ip_bytes
        l4 = self._l4(source, destination, ports, numbers, room)
        if self.family == 4:
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(l4), 0, 0x4000,
                               64, number, 0) + source + destination
            check = ~internet_sum(head) & 0xffff
            head = head[:10] + struct.pack(">H", check) + head[12:]
            return b"\x08\x00" + head + l4
        head = struct.pack(">IHBB", 6 << 28, len(l4), number, 64)
        return b"\x86\xdd" + head + source + destination + l4

    def write(self, path, to_server, first=0, count=None):
        """Writes the ring of one direction, or of `count` flows from `first`
        on, as a pcap file."""
        last = self.flows if count is None else min(self.flows, first + count)
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535,
                                   1))
            for turn in range(self.rounds):
                parts = []
                for flow in range(first, last):
                    frame = self.frame(flow, turn, to_server)
                    parts.append(struct.pack("<IIII", 0, 0, len(frame),
                                             len(frame)) + frame)
                file.write(b"".join(parts))


def read_capture(path, most):
    """Returns up to `most` frames of a pcap file that we or DPDK wrote."""
    frames = []
    with open(path, "rb") as file:
        if len(file.read(24)) < 24:
            return frames
        while len(frames) < most:
            record = file.read(16)
            if len(record) < 16:
                break
            captured = struct.unpack("<IIII", record)[2]
            data = file.read(captured)
            if len(data) < captured:
                break
            frames.append(data)
    return frames


def tuple_of(frame):
    """Returns (source, source port, destination, destination port, TTL), or
    None for what is neither UDP nor TCP; checks every checksum."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        if internet_sum(frame[14:34]) != 0xffff:
            raise ValueError("IPv4 header checksum is wrong")
        source, destination = frame[26:30], frame[30:34]
        number, ttl = frame[23], frame[22]
        l4 = frame[34:14 + struct.unpack(">H", frame[16:18])[0]]
    elif kind == b"\x86\xdd":
        source, destination = frame[22:38], frame[38:54]
        number, ttl = frame[20], frame[21]
        l4 = frame[54:54 + struct.unpack(">H", frame[18:20])[0]]
    else:
        return None
    if number not in (6, 17):
        return None
    pseudo = source + destination + struct.pack(">II", len(l4), number)
    if internet_sum(pseudo + l4) != 0xffff:
        raise ValueError("transport checksum is wrong")
    ports = struct.unpack(">HH", l4[:4])
    return (str(ipaddress.ip_address(source)), ports[0],
            str(ipaddress.ip_address(destination)), ports[1], ttl)
