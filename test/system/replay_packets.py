"""The packets of replay_test.py: what hosts, pods and a router say to each
other, and what nobody should.

A step's packet may depend on what came out before, as an answer does on the
port that source NAT has chosen.

    for step in script():
        frame = step.make(view)   # view(name): what left at the step `name`
"""

import dataclasses
import random
import socket
import struct
from typing import Callable

from twin_packets import (ACK, FIN, ICMP, ICMP6, PSH, RST, SYN, TCP, UDP, Ends,
                          fragments, icmp, make_ip, put, read, tcp, udp,
                          with_checksum)

GATEWAY_MAC = "02:76:73:77:00:01"
MACS = {"uplink": "02:00:00:00:00:99", "host": "02:00:00:00:00:01",
        "demo/web": "02:00:00:00:00:02", "demo/db": "02:00:00:00:00:03",
        "demo/free": "02:00:00:00:00:04", "demo/jail": "02:00:00:00:00:05"}
ADDRESSES = {
    "demo/web": {4: "10.1.0.2", 6: "fd00:1::2"},
    "demo/db": {4: "10.1.0.3", 6: "fd00:1::3"},
    "demo/free": {4: "10.1.0.4", 6: "fd00:1::4"},
    "demo/jail": {4: "10.1.0.5", 6: "fd00:1::5"},
    "host": {4: "192.168.0.1", 6: "fd01::1"},
    "gateway": {4: "10.1.0.1", 6: "fd00:1::1"},
    "outside": {4: "203.0.113.9", 6: "2001:db8::9"},
    "other": {4: "203.0.113.77", 6: "2001:db8::77"},
    "service": {4: "10.96.0.10", 6: "fd02::10"},
    "both": {4: "10.96.0.11", 6: "fd02::11"},
    "public": {4: "198.51.100.80", 6: "2001:db8:80::1"},
    "nobody": {4: "10.96.0.12", 6: "fd02::12"},
    "missing": {4: "10.1.0.99", 6: "fd00:1::99"},
    "loopback": {4: "127.0.0.1", 6: "::1"},
    "pool": {4: "198.51.100.7", 6: "2001:db8:ffff::7"},
    "group": {4: "224.0.0.5", 6: "ff02::5"},
}
DONT_FRAGMENT = 0x4000
DAMAGED = 60  # of each family
SEED = 4


@dataclasses.dataclass
class Step:
    """A packet that comes in; `make` returns None if it needs an output that
    there was not."""

    name: str
    port: str
    make: Callable


def mac(text):
    """Returns the bytes of a MAC address."""
    return bytes.fromhex(text.replace(":", ""))


def frame(port, packet, source=None, target=GATEWAY_MAC):
    """Returns the frame in which the peer of a port sends an IP packet."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return mac(target) + mac(source or MACS[port]) + kind + packet


def ends(family, source, target):
    """Returns the ends called so."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    return Ends(family, *(socket.inet_pton(kind, ADDRESSES[name][family])
                          for name in (source, target)))


def packet_of(left):
    """Returns the IP packet of the first of some outputs."""
    return read(left[0][1][14:])


class Script:
    """The steps of one family."""

    def __init__(self, family):
        self.family = family
        self.steps = []
        self.ident = 100

    def add(self, name, port, make):
        """Adds a step; `make` is what it sends or a function of the view."""
        if isinstance(make, bytes):
            made = make
            make = lambda view: made  # noqa: E731  pylint: disable=C3001
        name = f"{self.family}-{len(self.steps)}-{name}"
        self.steps.append(Step(name, port, make))
        return name

    def send(self, name, port, source, target, protocol, l4, **header):
        """Adds a whole packet with its checksums."""
        between = ends(self.family, source, target)
        if protocol == ICMP and self.family == 6:
            protocol = ICMP6
        header.setdefault("fragment", DONT_FRAGMENT)
        return self.add(name, port, frame(port, make_ip(
            between, protocol, with_checksum(between, protocol, l4), **header)))

    def answer(self, name, port, to, protocol, build, ends_of=None):
        """Adds the answer to what left at step `to`; `build` makes the L4
        message of ports."""
        def make(view):
            left = view(to)
            if not left:
                return None
            asked = packet_of(left)
            back = (ends_of or (lambda found: found))(asked.ends.reversed())
            l4 = build(tuple(reversed(asked.ports() or (0, 0))))
            return frame(port, make_ip(
                back, asked.protocol, with_checksum(back, asked.protocol, l4),
                fragment=DONT_FRAGMENT))
        return self.add(name, port, make)

    def echo(self, reply=False):
        """Returns the type of an echo request or reply."""
        return {4: (8, 0), 6: (128, 129)}[self.family][reply]

    # --- conversations ---

    def tcp(self, name, port, source, target, ports, back_port):
        """A connection from SYN to the last ACK; `back_port` answers."""
        def there(what, flags, sequence, ack, data=b""):
            return self.send(f"{name}-{what}", port, source, target, TCP,
                             tcp(ports, flags, sequence, ack, data=data))

        def back(what, flags, sequence, ack, data=b""):
            self.answer(f"{name}-{what}", back_port, first, TCP,
                        lambda back_ports: tcp(back_ports, flags, sequence,
                                               ack, data=data))

        first = there("syn", SYN, 1000, 0)
        back("syn-ack", SYN | ACK, 5000, 1001)
        there("ack", ACK, 1001, 5001)
        there("data", ACK | PSH, 1001, 5001, b"question")
        back("data-back", ACK | PSH, 5001, 1009, b"answer")
        there("far-outside-the-window", ACK, 1009 + (1 << 30), 5007, b"x")
        back("reset-outside-the-window", RST, 5001 + (1 << 30), 0)
        there("fin", FIN | ACK, 1009, 5007)
        back("fin-back", FIN | ACK, 5007, 1010)
        there("last-ack", ACK, 1010, 5008)

    def udp(self, name, port, source, target, ports, back_port):
        """A datagram and its answer; returns the first step's name."""
        first = self.send(name, port, source, target, UDP,
                          udp(ports, b"question"))
        self.answer(f"{name}-back", back_port, first, UDP,
                    lambda back: udp(back, b"answer"))
        return first

    def ping(self, name, port, source, target, back_port):
        """An echo request and its reply."""
        first = self.send(name, port, source, target, ICMP,
                          icmp(self.echo(), 0, 7 << 16 | 1, b"ping"))
        if back_port is not None:
            self.answer(f"{name}-back", back_port, first, ICMP,
                        lambda back: icmp(self.echo(True), 0,
                                          back[0] << 16 | 1, b"ping"))

    def error(self, name, port, about, kind, sender=None):
        """An ICMP error about what left at step `about`, from whom it was for
        or from `sender`."""
        def make(view):
            left = view(about)
            if not left:
                return None
            quoted = left[0][1][14:]
            asked = read(quoted)
            back = asked.ends.reversed()
            if sender is not None:
                back = Ends(self.family, ends(self.family, sender,
                                              sender).source, back.target)
            protocol = ICMP if self.family == 4 else ICMP6
            return frame(port, make_ip(back, protocol, with_checksum(
                back, protocol, icmp(*kind, 0, quoted[:128]))))
        self.add(name, port, make)

    # --- scenes ---

    def allowed(self):
        """What policy lets pass, between pods, the node and the world."""
        self.tcp("pods", "demo/web", "demo/web", "demo/free", (4001, 80),
                 "demo/free")
        self.udp("pods-udp", "demo/web", "demo/web", "demo/free", (4001, 53),
                 "demo/free")
        self.ping("pods-ping", "demo/free", "demo/free", "demo/web", "demo/web")
        self.udp("node", "host", "host", "demo/db", (4002, 9), "demo/db")
        self.udp("to-node", "demo/free", "demo/free", "host", (4003, 9), "host")
        self.udp("from-outside", "uplink", "outside", "demo/free", (4004, 9),
                 "demo/free")

    def denied(self):
        """What it does not."""
        for name, port, target in (
                ("closed-port", "demo/web", "demo/db"),
                ("stranger", "demo/free", "demo/db"),
                ("jailed", "demo/jail", "demo/free"),
                ("jailed-outside", "demo/jail", "outside")):
            self.send(name, port, port, target, TCP, tcp((4100, 81), SYN, 1, 0))
            self.send(f"{name}-udp", port, port, target, UDP,
                      udp((4100, 81), b"no"))
        self.send("outside-isolated", "uplink", "outside", "demo/db", TCP,
                  tcp((4101, 5432), SYN, 1, 0))

    def services(self):
        """Services for pods and for clients outside."""
        self.tcp("sql", "demo/web", "demo/web", "service", (4200, 5432),
                 "demo/db")
        self.udp("dns", "demo/web", "demo/web", "service", (4200, 53),
                 "demo/db")
        self.send("sql-denied", "demo/free", "demo/free", "service", TCP,
                  tcp((4201, 5432), SYN, 1, 0))
        self.send("no-such-port", "demo/web", "demo/web", "service", TCP,
                  tcp((4202, 81), SYN, 1, 0))
        self.send("no-backend", "demo/web", "demo/web", "nobody", TCP,
                  tcp((4203, 80), SYN, 1, 0))
        for number in range(8):
            self.send(f"node-{number}", "host", "host", "both", TCP,
                      tcp((4210 + number, 80), SYN, 1, 0))
            self.send(f"public-{number}", "uplink", "outside", "public", TCP,
                      tcp((4220 + number, 80), SYN, 1, 0))
            self.send(f"own-{number}", "demo/free", "demo/free", "both", TCP,
                      tcp((4230 + number, 80), SYN, 1, 0))

    def nat(self):
        """Source NAT, and who may answer to its ports."""
        self.tcp("out", "demo/web", "demo/web", "outside", (4300, 80), "uplink")
        self.tcp("same-port", "demo/free", "demo/free", "outside", (4300, 80),
                 "uplink")
        first = self.udp("out-udp", "demo/web", "demo/web", "outside",
                         (4301, 53), "uplink")
        self.udp("out-udp-other", "demo/free", "demo/free", "outside",
                 (4301, 53), "uplink")
        self.answer("filtered", "uplink", first, UDP,
                    lambda back: udp(back, b"me too"),
                    lambda back: Ends(self.family,
                                      ends(self.family, "other",
                                           "other").source, back.target))
        self.send("no-mapping", "uplink", "outside", "pool", UDP,
                  udp((53, 11999), b"?"))
        self.ping("out-ping", "demo/web", "demo/web", "outside", "uplink")
        self.ping("out-ping-other", "demo/free", "demo/free", "outside",
                  "uplink")

    def errors(self):
        """ICMP errors: about connections, translated or not, and others."""
        unreachable = {4: (3, 3), 6: (1, 4)}[self.family]
        exceeded = {4: (11, 0), 6: (3, 0)}[self.family]
        direct = self.udp("asked", "demo/web", "demo/web", "demo/free",
                          (4400, 9), "demo/free")
        self.error("port-closed", "demo/free", direct, unreachable)
        service = self.udp("asked-service", "demo/web", "demo/web", "service",
                           (4401, 53), "demo/db")
        self.error("backend-closed", "demo/db", service, unreachable)
        outside = self.udp("asked-outside", "demo/web", "demo/web", "outside",
                           (4402, 53), "uplink")
        self.error("host-says", "uplink", outside, unreachable)
        self.error("router-says", "uplink", outside, exceeded, "other")
        stream = self.send("asked-tcp", "demo/web", "demo/web", "outside", TCP,
                           tcp((4403, 80), SYN, 7, 0))
        self.error("router-says-tcp", "uplink", stream, exceeded, "other")
        stray = make_ip(ends(self.family, "demo/free", "demo/web"), UDP,
                        udp((1, 2), b"never"))
        self.send("about-nothing", "demo/web", "demo/web", "demo/free", ICMP,
                  icmp(*unreachable, 0, stray))

    def sizes(self):
        """Packets that are too long for their way."""
        for name, port, target, size in (
                ("fits", "demo/web", "demo/db", 1200),
                ("db-too-long", "host", "demo/db", 1290),
                ("uplink-too-long", "demo/web", "outside", 1390)):
            source = port
            for word in (DONT_FRAGMENT, 0):
                self.send(f"{name}-{word}", port, source, target, UDP,
                          udp((4500, 5353), bytes(range(250)) * 5 +
                              bytes(size - 1250) if size > 1250 else
                              bytes(size)), fragment=word, ident=9)

    def hops(self):
        """Packets whose time is over."""
        for ttl in (0, 1, 2):
            for target in ("demo/free", "outside", "service"):
                self.send(f"ttl-{ttl}", "demo/web", "demo/web", target, UDP,
                          udp((4600 + ttl, 53), b"ttl"), ttl=ttl)

    def in_fragments(self, name, port, source, target, order, sizes=(48, 48),
                     size=120):
        """A datagram in fragments that come in an order."""
        between = ends(self.family, source, target)
        l4 = with_checksum(between, UDP, udp((4700, 53), bytes(range(size))))
        self.ident += 1
        pieces = fragments(between, UDP, l4, self.ident, sizes)
        for index in order:
            self.add(f"{name}-{index}", port,
                     frame(port, pieces[index % len(pieces)]))

    def fragmented(self):
        """Datagrams in fragments."""
        for name, order in (("in-order", (0, 1, 2)), ("last-first", (2, 1, 0)),
                            ("twice", (0, 1, 1, 2)), ("again", (0, 1, 2, 0))):
            self.in_fragments(name, "demo/web", "demo/web", "demo/free", order)
            self.in_fragments(f"{name}-service", "demo/web", "demo/web",
                              "service", order)
            self.in_fragments(f"{name}-outside", "demo/web", "demo/web",
                              "outside", order)
        self.in_fragments("tiny", "demo/web", "demo/web", "demo/free", (0, 1),
                          (8, 8), 20)
        between = ends(self.family, "demo/web", "demo/free")
        l4 = with_checksum(between, UDP, udp((4701, 53), bytes(80)))
        for name, offset in (("begin", 0), ("overlap", 40), ("rest", 48)):
            more = 0x2000 if offset < 48 else 0
            part = l4[offset:offset + 48]
            self.add(f"overlapping-{name}", "demo/web", frame(
                "demo/web", make_ip(between, UDP, part, 64, 99,
                                    more | offset // 8)))

    def neighbours(self):
        """Who asks for the gateway, for a pod, for nobody."""
        for name in ("gateway", "demo/free", "missing"):
            between = ends(self.family, "demo/web", name)
            if self.family == 4:
                self.add(f"arp-{name}", "demo/web", mac("ff:ff:ff:ff:ff:ff") +
                         mac(MACS["demo/web"]) + b"\x08\x06" +
                         struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) +
                         mac(MACS["demo/web"]) + between.source + bytes(6) +
                         between.target)
                continue
            group = Ends(6, between.source, bytes.fromhex(
                "ff0200000000000000000001ff") + between.target[13:])
            body = icmp(135, 0, 0, between.target + b"\1\1" +
                        mac(MACS["demo/web"]))
            packet = make_ip(group, ICMP6, with_checksum(group, ICMP6, body),
                             ttl=255)
            target = "33:33:" + ":".join(f"{byte:02x}" for byte in
                                         group.target[12:])
            self.add(f"ns-{name}", "demo/web",
                     frame("demo/web", packet, target=target))
        self.ping("gateway-ping", "demo/web", "demo/web", "gateway", None)
        self.ping("gateway-ping-outside", "uplink", "outside", "gateway", None)

    def wrong(self):
        """What no peer should send."""
        between = ends(self.family, "demo/web", "demo/free")
        l4 = with_checksum(between, UDP, udp((4800, 53), b"payload"))
        good = make_ip(between, UDP, l4)
        size_at = 2 if self.family == 4 else 4
        cases = {
            "spoofed-mac": frame("demo/web", good, source=MACS["demo/db"]),
            "other-host": frame("demo/web", good, target="02:00:00:00:00:77"),
            "type": frame("demo/web", good)[:12] + b"\x88\xb5" + good,
            "llc": frame("demo/web", good)[:12] + b"\x00\x20" + good,
            "short": frame("demo/web", good)[:30],
            "cut": frame("demo/web", good)[:-3],
            "padded": frame("demo/web", good) + bytes(9),
            "version": frame("demo/web", put(good, 0, b"\x35")),
            "length": frame("demo/web", put(good, size_at, b"\xff\xff")),
            "ttl-flipped": frame("demo/web", put(good, 8, b"\x07")),
            "checksum": frame("demo/web", good[:-1] + b"\x00"),
        }
        for name, data in cases.items():
            self.add(name, "demo/web", data)
        for name, source, target in (
                ("spoofed", "demo/db", "demo/free"),
                ("land", "demo/web", "demo/web"),
                ("martian", "loopback", "demo/free"),
                ("to-loopback", "demo/web", "loopback"),
                ("to-group", "demo/web", "group"),
                ("to-missing", "demo/web", "missing")):
            self.send(name, "demo/web", source, target, UDP,
                      udp((4801, 53), b"wrong"))
        for name, l4 in (
                ("udp-length", udp((4802, 53), b"x")[:4] + b"\0\x40\0\0x"),
                ("port-zero", udp((0, 53), b"x"))):
            self.send(name, "demo/web", "demo/web", "demo/free", UDP, l4)
        for name, l4 in (
                ("no-flags", tcp((4803, 80), 0, 1, 0)),
                ("syn-fin", tcp((4803, 80), SYN | FIN, 1, 0)),
                ("offset", put(tcp((4803, 80), SYN, 1, 0), 12, b"\xf0")),
                ("option", tcp((4803, 80), SYN, 1, 0, options=b"\2\0\0\0"))):
            self.send(name, "demo/web", "demo/web", "demo/free", TCP, l4)

    def damaged(self):
        """Good packets with bytes changed behind the Ethernet header."""
        choose = random.Random(SEED + self.family)
        between = [ends(self.family, "demo/web", name)
                   for name in ("demo/free", "service", "outside")]
        for number in range(DAMAGED):
            to = choose.choice(between)
            protocol, l4 = choose.choice((
                (UDP, udp((4900, 53), b"damaged")),
                (TCP, tcp((4900, 80), SYN, 1, 0, options=b"\2\4\5\xb4"))))
            data = make_ip(to, protocol, with_checksum(to, protocol, l4))
            for _ in range(choose.randint(1, 2)):
                data = put(data, choose.randrange(len(data)),
                           bytes([choose.randrange(256)]))
            if self.family == 4 and choose.randrange(2):
                data = repaired(data)
            self.add(f"damaged-{number}", "demo/web", mac(GATEWAY_MAC) + mac(
                MACS["demo/web"]) + (b"\x08\0" if self.family == 4 else
                                     b"\x86\xdd") + data)


def repaired(data):
    """Returns an IPv4 packet with its header's checksum, as if it had 20
    bytes."""
    header = put(data[:20], 10, b"\0\0")
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return put(data, 10, struct.pack("!H", ~total & 0xFFFF))


def script():
    """Returns all steps, of both families."""
    steps = []
    for family in (4, 6):
        own = Script(family)
        for scene in (own.allowed, own.denied, own.services, own.nat,
                      own.errors, own.sizes, own.hops, own.neighbours,
                      own.wrong, own.fragmented, own.damaged):
            scene()
        steps += own.steps
    return steps
