"""Sequences of packets for kernel_differential_test.py: conversations of a few
flows, as values without addresses of source NAT, which each router chooses for
itself, and the packets of one router's point of view.

    sequence = make_sequence(random.Random(seed), first_port=2000)
    view = View(sequence.flows)
    for step in sequence.steps:
        for port, packet in view.packets(step):
            view.note(step, router.take(port, packet))
"""

import dataclasses
import itertools
import socket

import twin_packets as packets
from twin_packets import ACK, FIN, ICMP, ICMP6, PSH, RST, SYN, TCP, UDP, URG

THERE, BACK = 0, 1
POD = {"client": ("10.0.0.2", "fd00::2"), "server": ("10.0.0.3", "fd00::3")}
REMOTES = (("203.0.113.9", "2001:db8::9"), ("203.0.113.77", "2001:db8::77"))
ROUTER = ("203.0.113.1", "2001:db8::1")
SERVICE = ("10.96.0.10", "fd02::10")
NOBODY = ("10.0.0.99", "fd00::99")
# Type and code of ICMP and ICMPv6 errors.
ERROR_KINDS = (((3, 3), (1, 4)), ((3, 4), (2, 0)), ((11, 0), (3, 0)),
               ((12, 0), (4, 1)), ((3, 1), (1, 3)))
WAIT_S = 3  # longer than UDP's timeout in both routers


def address(names, family):
    """Returns one of a pair of names as bytes."""
    if family == 4:
        return socket.inet_aton(names[0])
    return socket.inet_pton(socket.AF_INET6, names[1])


@dataclasses.dataclass(frozen=True)
class Flow:
    """A conversation, as its client sees it."""

    ends: packets.Ends
    protocol: int
    ports: tuple
    client: str  # where the first packet comes in


@dataclasses.dataclass(frozen=True)
class Step:
    """One packet, or the fragments of one, or a wait."""

    kind: str  # "packet", "error", "wait"
    flow: int = 0
    way: int = THERE
    flags: int = 0
    sequence: int = 0
    ack: int = 0
    window: int = 65535
    size: int = 0
    ttl: int = 64
    dont_fragment: bool = False
    options: bytes = b""  # of IPv4
    tcp_options: bytes = b""
    damage: tuple = ()  # (offset in the L4 header, what it is xored with)
    bad_checksum: bool = False
    cuts: tuple = ()  # sizes of fragments
    order: str = ""  # of fragments: see in_order()
    error: int = 0  # index into ERROR_KINDS
    from_router: bool = False
    quoted: int = 8  # bytes behind the quoted IP header


@dataclasses.dataclass(frozen=True)
class Sequence:
    """What both routers are given."""

    flows: tuple
    steps: tuple


# Of datagrams in fragments: what is left of one must not meet another.
IDENTS = itertools.count(1)


class View:
    """The packets of a sequence as one router has translated them."""

    def __init__(self, flows):
        self.flows = flows
        self.leaving = {}  # by flow: (ends, ports, port it left by)
        self.names = {}  # of ports of source NAT

    def incoming(self, step):
        """Returns (ends, ports, port) of packets of a way as they come in."""
        flow = self.flows[step.flow]
        if step.way == THERE:
            return flow.ends, flow.ports, flow.client
        ends, ports, port = self.leaving[self.flows[step.flow]]
        return ends.reversed(), ports[::-1], port

    def may_send(self, step):
        """Whether the step's sender knows whom to answer, if it answers."""
        return step.kind != "wait" and (
            self.flows[step.flow] in self.leaving or step.way == THERE and
            step.kind != "error")

    def packets(self, step):
        """Returns the packets of a step, and where they come in."""
        if not self.may_send(step):
            return []
        if step.kind == "error":
            return [self._error(step)]
        ends, ports, port = self.incoming(step)
        flow = self.flows[step.flow]
        l4 = message(flow.protocol, ports, step)
        l4 = packets.with_checksum(ends, flow.protocol, l4)
        for offset, value in step.damage:
            l4 = packets.put(l4, offset % len(l4), bytes(
                [l4[offset % len(l4)] ^ value]))
        if step.damage:
            l4 = packets.with_checksum(ends, flow.protocol, l4)
        if step.bad_checksum:
            at = packets.CHECKSUM_AT[flow.protocol]
            l4 = packets.put(l4, at, bytes([l4[at] ^ 0x55]))
        if not step.cuts:
            return [(port, packets.make_ip(
                ends, flow.protocol, l4, step.ttl,
                fragment=0x4000 if step.dont_fragment else 0,
                options=step.options if ends.family == 4 else b""))]
        pieces = packets.fragments(ends, flow.protocol, l4, next(IDENTS),
                                   step.cuts, step.ttl)
        return [(port, piece) for piece in in_order(pieces, step.order)]

    def _error(self, step):
        """An error about a packet of the step's way, from its receiver or a
        router."""
        flow = self.flows[step.flow]
        if step.way == THERE:
            ends, ports, port = self.leaving[self.flows[step.flow]]
        else:
            ends, ports, port = (flow.ends.reversed(), flow.ports[::-1],
                                 flow.client)
        l4 = packets.with_checksum(ends, flow.protocol,
                                   message(flow.protocol, ports, step))
        about = packets.make_ip(ends, flow.protocol, l4)
        about = about[:len(about) - len(l4) + step.quoted]
        sender = ends.target
        if step.from_router and port == "uplink":
            sender = address(ROUTER, ends.family)
        kind, code = ERROR_KINDS[step.error][ends.family == 6]
        protocol = ICMP if ends.family == 4 else ICMP6
        error_ends = packets.Ends(ends.family, sender, ends.source)
        error = packets.with_checksum(
            error_ends, protocol, packets.icmp(kind, code, 1300, about))
        if step.bad_checksum:
            error = packets.put(error, 2, bytes([error[2] ^ 0x55]))
        return port, packets.make_ip(error_ends, protocol, error, step.ttl)

    def note(self, step, outputs):
        """Learns from what came out how a flow is translated."""
        if step.kind != "packet" or step.way != THERE:
            return
        flow = self.flows[step.flow]
        for port, data in outputs:
            packet = packets.read(data)
            if packet.protocol != flow.protocol or packet.offset or (
                    packet.is_error() or packet.ports() is None or
                    port == flow.client):
                continue
            self.leaving[self.flows[step.flow]] = (packet.ends, packet.ports(), port)
            for key, _ in packets.port_keys(packet):
                self.names[key] = flow.ports[0]


def message(protocol, ports, step):
    """Returns the L4 message of a step, without its checksum."""
    data = bytes(number * 7 % 256 for number in range(step.size))
    if protocol == TCP:
        return packets.tcp(ports, step.flags, step.sequence, step.ack,
                           step.window, step.tcp_options, data)
    if protocol == UDP:
        return packets.udp(ports, data)
    return packets.icmp(packets.QUERIES[protocol][step.way], 0,
                        ports[0] << 16 | 1, data)


def in_order(pieces, order):
    """Returns fragments in the order that they are sent in."""
    if order == "reversed":
        return pieces[::-1]
    if order == "first":
        return pieces[:1] + pieces[:0:-1]
    if order == "lost":
        return pieces[:1] + pieces[2:]
    if order == "twice":
        return pieces[:1] + pieces
    return pieces


class Generator:
    """Draws sequences."""

    def __init__(self, dice, first_port):
        self.dice = dice
        self.port = first_port
        self.flows, self.steps, self.next = [], [], []

    def flow(self):
        """Adds a flow."""
        dice = self.dice
        family = dice.choice((4, 6))
        kind = dice.choice(("out", "out", "out", "pod", "pod", "service",
                            "service", "in", "in", "nobody"))
        protocol = dice.choice((TCP, TCP, UDP, ICMP))
        client, target, ports = "client", dice.choice(REMOTES), None
        source = POD["client"]
        if kind == "out":
            client = dice.choice(("client", "server"))
            source = POD[client]
        elif kind in ("pod", "nobody"):
            target = POD["server"] if kind == "pod" else NOBODY
        elif kind == "service":
            protocol = dice.choice((TCP, UDP))
            target = SERVICE
            ports = (self.port, 80 if protocol == TCP else 53)
        else:
            client, source = "uplink", target
            target = POD[dice.choice(("client", "server"))]
        if ports is None:
            ports = (self.port, dice.choice((80, 443, 7000)))
        if protocol == ICMP:
            protocol = ICMP if family == 4 else ICMP6
            ports = (self.port, self.port)
        same = [other for other in self.flows if kind == "out" and
                other.client == client and other.protocol == protocol and
                other.ends.family == family]
        if same and dice.random() < 0.5 and protocol in (TCP, UDP):
            ports = (same[-1].ports[0], ports[1])  # to another remote end
        self.port += 1
        self.flows.append(Flow(packets.Ends(
            family, address(source, family), address(target, family)),
            protocol, ports, client))
        self.next.append([dice.randrange(2**32), dice.randrange(2**32)])
        return len(self.flows) - 1

    def add(self, index, way, **fields):
        """Adds a packet, now and then an unusual one."""
        dice, luck = self.dice, self.dice.random()
        is_tcp = self.flows[index].protocol == TCP
        is_nobody = self.flows[index].ends.target in (
            address(NOBODY, 4), address(NOBODY, 6))
        fields["dont_fragment"] = dice.random() < 0.7
        if luck < 0.03 and not is_nobody:  # which of two errors is a choice
            # The kernel tracks a segment before it looks at its TTL.
            fields["ttl"] = dice.choice((2, 255) if is_tcp else (1, 2, 255))
        elif luck < 0.05:
            fields["options"] = b"\x01\x01\x01\x00"
        elif luck < 0.07:
            fields["bad_checksum"] = True
        elif luck < 0.10:
            fields["damage"] = ((dice.randrange(4, 20),
                                 1 << dice.randrange(8)),)
        elif luck < 0.14 and fields.get("size", 0) > 64:
            fields["cuts"] = dice.choice(((64,), (128, 72), (256, 64)))
            fields["order"] = dice.choice(("", "", "first", "lost",
                                           "reversed", "twice"))
        self.steps.append(Step("packet", index, way, **fields))

    def segment(self, index, way, flags, size=0, skip=0, skip_ack=0):
        """Adds a TCP segment."""
        numbers = self.next[index]
        options = b""
        if flags & SYN:
            options = self.dice.choice((b"", bytes.fromhex(
                "020405b401030307 01010402")))
        elif self.dice.random() < 0.3:
            options = bytes.fromhex("0101080a0000000100000002")
        self.add(index, way, flags=flags, size=size, tcp_options=options,
                 sequence=(numbers[way] + skip) % 2**32,
                 ack=(numbers[1 - way] + skip_ack) % 2**32
                 if flags & ACK else 0)
        if skip == 0:
            numbers[way] += size + bool(flags & SYN) + bool(flags & FIN)

    def error(self, index):
        """Adds an ICMP error about the flow."""
        dice, way = self.dice, self.dice.choice((THERE, THERE, BACK))
        self.steps.append(Step(
            "error", index, way, flags=ACK, sequence=self.next[index][way],
            ack=self.next[index][1 - way], size=dice.choice((0, 0, 100)),
            error=dice.randrange(len(ERROR_KINDS)),
            from_router=dice.random() < 0.5,
            quoted=dice.choice((8, 8, 20, 28, 120)),
            bad_checksum=dice.random() < 0.05))

    def open(self, index):
        """Adds what a flow begins with."""
        if self.flows[index].protocol != TCP:
            self.add(index, THERE, size=self.size())
            return
        self.segment(index, THERE, SYN)
        self.segment(index, BACK, SYN | ACK)
        self.segment(index, THERE, ACK)

    def size(self):
        """How much data a packet has; some do not fit the uplink."""
        return self.dice.choice((0, 1, 18, 100, 500, 1300, 1390))

    def more(self, index):
        """Adds one packet of a flow."""
        dice, luck = self.dice, self.dice.random()
        if luck < 0.12:
            self.error(index)
        elif self.flows[index].protocol != TCP:
            self.add(index, dice.choice((THERE, BACK)), size=self.size())
        elif luck < 0.75:
            self.segment(index, dice.choice((THERE, BACK)),
                         dice.choice((ACK, ACK | PSH, ACK | URG)),
                         size=self.size())
        elif luck < 0.90:
            self.segment(index, dice.choice((THERE, BACK)), ACK,
                         size=dice.choice((0, 100)),
                         skip=dice.choice((-100, -1000, 50, 3000, 100000)),
                         skip_ack=dice.choice((0, 0, -50, 2000)))
        else:
            self.segment(index, dice.choice((THERE, BACK)), dice.choice((
                FIN | ACK, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK)))


def make_sequence(dice, first_port):
    """Draws flows and what is said in them."""
    generator = Generator(dice, first_port)
    for _ in range(dice.randint(1, 3)):
        generator.open(generator.flow())
        for _ in range(dice.randint(0, 12)):
            generator.more(dice.randrange(len(generator.flows)))
    if dice.random() < 0.01:
        generator.steps.append(Step("wait"))
        for index, flow in enumerate(generator.flows):
            if flow.protocol == UDP:  # the others' times are not known
                generator.more(index)
    return Sequence(tuple(generator.flows), tuple(generator.steps))
