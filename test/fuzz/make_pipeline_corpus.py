"""Writes seeds of the pipeline's fuzz target that come from ordinary traffic:
conversations, and what happens to them.

    make_pipeline_corpus.py FOLDER

An input is read byte by byte as choices (pipeline_session.cc); here they have
names.  What the fuzzer finds beyond these stands in the corpus as it is.
"""

import itertools
import pathlib
import sys

OPEN, CONTINUE, ERROR, TIME, FRAGMENTS, BURST, CHANGE = 0, 1, 3, 4, 5, 10, 11
AGAINST_MAPPING, CHUNK = 14, 15
PROTOCOLS = {"tcp": 0, "udp": 1, "icmp": 3, "sctp": 6, "udplite": 7, "esp": 8}
SOURCES = {"client": 0, "outside": 1, "server": 2, "guarded": 3, "jailed": 4,
           "host": 5, "outside77": 6}
TARGETS = {"outside": 0, "server": 1, "service": 2, "client": 3,
           "outside77": 4, "guarded": 5, "jailed": 6, "host": 7, "pool": 8,
           "guarded-service": 9, "guarded-dns": 11, "sticky": 20,
           "public": 21}
SERVER_PORTS = {80: 0, 53: 1, 8080: 2, 443: 3, 30080: 4, 30081: 5, 20000: 6}
DATA = {0: 0, 1: 1, 8: 2, 33: 3, 100: 4, 700: 5, 1300: 6, 18: 7}
SECONDS = {0.1: 0, 1: 1, 29: 2, 31: 3, 61: 4, 121: 5, 241: 6, 299: 7, 3: 8,
           601: 9, 33: 10, 7441: 11}
# Configurations (NodeChoices in fuzz_node.h), and the balance at the end.
TWO_PORTS, NO_NAT, CROWDED = 1, 2, 3
SHUT, RESET, NEEDS_SYN, NEW_CLIENT, LINUX, OTHER = 4, 8, 16, 32, 64, 128
THERE, BACK = 0, 1
FIN, RST, SYN, RST_ACK, SYN_ACK, ACK, PUSH, NONE = range(8)  # of odd segments
# Chunks, and tags by the numbers that they have in sctp_steps.cc.
(INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, CHUNK_DATA, HEARTBEAT, HEARTBEAT_ACK,
 SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE, ABORT) = range(11)
NO_TAG, DATA_TAG, TAG, OTHER_TAG = range(4)
SKIPS = {0: 0, 1: 4, 70000: 5, -1: 6, -70000: 7}
DONT_FRAGMENT, OPTIONS = 2, 1


class Seed:
    """One input."""

    def __init__(self, choices=0):
        self.bytes = bytearray([choices])
        self.is_tcp = False
        self.stage = 0

    def add(self, *numbers):
        """Adds bytes."""
        self.bytes += bytes(numbers)
        return self

    # pylint: disable=too-many-arguments,too-many-positional-arguments
    def open(self, protocol, source, target, port, client=0, family=4,
             data=8, dress=0, shape=0):
        """Sends the first packet of a flow."""
        self.add(OPEN, PROTOCOLS[protocol] | (family == 6) << 7,
                 SOURCES[source], TARGETS[target],
                 client | SERVER_PORTS[port] << 4)
        self.is_tcp = protocol == "tcp"
        self.stage = 1
        # TCP: the options of a SYN; others: how much data.
        return self.add(1 if self.is_tcp else DATA[data], dress, shape)

    def send(self, way=THERE, data=8, dress=0, shape=0):
        """Goes on with the last flow."""
        self.add(CONTINUE, 0)
        if self.is_tcp:
            self.add(1)
            if self.stage < 3:
                if self.stage == 1:
                    self.add(1)
                self.stage += 1
                return self.add(dress, shape)
        return self.add(way, DATA[data], dress, shape)

    def established(self, *words, **options):
        """Opens a connection and answers it."""
        self.open(*words, **options)
        if self.is_tcp:
            self.send().send()
        return self.send().send(BACK)

    def odd(self, way, flags, skip=0, options=0, data=False, window0=False):
        """Sends a segment that no end would send."""
        return self.add(CONTINUE, 0, 0, way, flags | SKIPS[skip] << 3 |
                        window0 << 6 | data << 7, options, 0, 0)

    def chunk(self, way, kind, tag, own=NO_TAG, reflected=False):
        """Sends a chunk of the last flow, which is SCTP's."""
        return self.add(CHUNK, way, kind | reflected << 4, tag | own << 2, 0, 0)

    def associated(self, *words, **options):
        """Opens an association; its client has DATA_TAG, its server TAG."""
        self.open("sctp", *words, **options)  # refused: not an INIT
        self.chunk(THERE, INIT, NO_TAG, DATA_TAG)
        self.chunk(BACK, INIT_ACK, DATA_TAG, TAG)
        self.chunk(THERE, COOKIE_ECHO, TAG)
        return self.chunk(BACK, COOKIE_ACK, DATA_TAG)

    def error(self, way, kind, dress=0, shape=0):
        """Sends an ICMP error about the last flow."""
        return self.add(ERROR, 0, way, kind, dress, shape)

    def fragments(self, way=THERE, order=0, shape=0):
        """Sends a datagram in fragments."""
        return self.add(FRAGMENTS, 0, way, order, shape)

    def wait(self, seconds):
        """Lets time pass."""
        return self.add(TIME, SECONDS[seconds])

    def change(self, choices):
        """Changes the configuration."""
        return self.add(CHANGE, choices)

    def against(self, choice):
        """Sends to what the last flow's client is known as outside."""
        self.add(AGAINST_MAPPING, 0, choice)
        if self.is_tcp:
            return self.add(1, 0, 0)
        return self.add(DATA[8], 0, 0)


def policies(family):
    """Connections that policy no longer allows, in each of its ways."""
    for name, choices in (("dropped", SHUT), ("reset", SHUT | RESET),
                          ("kept", SHUT | OTHER)):
        for protocol, port in (("tcp", 80), ("udp", 53)):
            for way in (THERE, BACK):
                seed = Seed().established(protocol, "client", "guarded", port,
                                          family=family)
                seed.change(choices).send(way).send(1 - way).send(way)
                seed.error(way, 0).fragments(way)
                seed.change(0).send(way).send(1 - way)
                yield f"policy-{name}-{protocol}-{way}", seed
    for target in ("guarded-service", "guarded-dns"):
        protocol = "udp" if target == "guarded-dns" else "tcp"
        seed = Seed().established(protocol, "client", target,
                                  53 if protocol == "udp" else 80,
                                  family=family)
        seed.change(SHUT | RESET).send().send(BACK).send()
        yield f"policy-{target}", seed


def services(family):
    """Services that remember clients, that move, that take some only."""
    for protocol in ("tcp", "udp"):
        seed = Seed()
        for client in range(4):
            for source in ("client", "server", "outside", "jailed"):
                seed.open(protocol, source, "sticky", 53, client, family)
        seed.change(OTHER)
        for client in range(4):
            seed.open(protocol, "server", "sticky", 53, client, family)
        seed.wait(61).open(protocol, "server", "sticky", 53, 5, family)
        seed.wait(299).open(protocol, "server", "sticky", 53, 6, family)
        yield f"service-sticky-{protocol}", seed
        seed = Seed().established(protocol, "server", "sticky", 53,
                                  family=family)
        seed.change(OTHER).send().send(BACK)
        yield f"service-moved-{protocol}", seed
    seed = Seed()
    for source in ("outside", "outside77", "client"):
        for port in (53, 80, 443):
            seed.open("udp", source, "public", port, family=family)
            seed.send(BACK)
    yield "service-ranges", seed


def sizes(family):
    """Packets that are cut, or may not be."""
    for protocol in ("udp", "icmp", "sctp", "udplite"):
        seed = Seed().established(protocol, "client", "outside", 53,
                                  family=family)
        for dress, shape in itertools.product(
                (0, OPTIONS, DONT_FRAGMENT), (0, 1, 8, 0x38)):
            seed.send(THERE, 1300, dress, shape)
        seed.send(BACK, 1300)
        yield f"size-{protocol}", seed
    seed = Seed().established("tcp", "client", "outside", 80, family=family)
    for dress in (0, OPTIONS, DONT_FRAGMENT):
        seed.send(THERE, 1300, dress).send(THERE, 1300, dress, 1)
        seed.send(BACK, 1300, dress)
    yield "size-tcp", seed


def mappings(family):
    """Source NAT: strangers, other pods, no port left, a client that goes."""
    for protocol in ("udp", "tcp", "udplite", "sctp"):
        seed = Seed().established(protocol, "client", "outside", 53,
                                  family=family)
        for choice in (0, 1, 2, 0x0a, 0x12, 0x32, 0x33, 0x11):
            seed.against(choice)
        seed.change(NEW_CLIENT).open(protocol, "client", "outside", 53,
                                     family=family)
        seed.open(protocol, "client", "outside77", 53, family=family)
        yield f"mapping-{protocol}", seed
        seed = Seed(TWO_PORTS)
        for client in range(4):
            seed.open(protocol, "client", "outside", 53, client, family)
            seed.open(protocol, "server", "outside", 53, client, family)
        yield f"mapping-full-{protocol}", seed
    for choices in (0, TWO_PORTS, LINUX, LINUX | TWO_PORTS):
        seed = Seed(choices)
        for flags in (RST, FIN):
            seed.established("tcp", "client", "outside", 80, 1, family)
            seed.odd(THERE, flags).odd(BACK, flags).odd(THERE, ACK)
            for client in range(2, 5):
                seed.open("tcp", "server", "outside", 80, client, family)
            seed.wait(121)
        yield f"mapping-over-{choices}", seed


def errors(family):
    """ICMP errors of each kind about each protocol."""
    for protocol, (source, target) in itertools.product(
            PROTOCOLS, (("client", "outside"), ("client", "service"),
                        ("client", "server"))):
        seed = Seed().established(protocol, source, target, 80, family=family)
        for kind in (0, 1, 2, 3, 4, 0x45, 0x86, 0xc6, 0x7f, 0x36):
            seed.error(THERE, kind).error(BACK, kind)
        yield f"error-{protocol}-{target}", seed


def fragments(family):
    """Datagrams in fragments, in each order."""
    for protocol, target in itertools.product(
            ("udp", "icmp", "tcp", "sctp", "esp"),
            ("outside", "service", "server")):
        seed = Seed().established(protocol, "client", target,
                                  80 if target == "service" else 53,
                                  family=family)
        for order in (0, 1, 2, 3, 4, 5, 0x13, 0x80, 8, 0x0a, 0x40, 0x41):
            seed.fragments(THERE, order, 0x17)
        seed.wait(3).fragments(BACK, 1, 3).wait(31).fragments(BACK, 4)
        yield f"fragments-{protocol}-{target}", seed


def segments(family):
    """TCP segments in and out of order, window and state."""
    for way, skip in itertools.product((THERE, BACK), SKIPS):
        seed = Seed().established("tcp", "client", "server", 80, family=family)
        for flags in range(8):
            for data in (False, True):
                seed.odd(way, flags, skip, flags & 3, data)
            seed.send(1 - way)
        yield f"segments-{way}-{skip}", seed
    # One end has forgotten the connection.
    seed = Seed().established("tcp", "client", "server", 80, family=family)
    for way in (THERE, BACK):
        seed.odd(way, SYN, 70000).odd(1 - way, ACK).odd(way, RST)
    yield "segments-challenge", seed
    seed = Seed(LINUX).established("tcp", "client", "outside", 80,
                                   family=family)
    for _ in range(5):
        seed.odd(THERE, PUSH, -1, data=True)
    seed.wait(299).send(BACK)
    yield "segments-again", seed
    for first, second in itertools.product((FIN, RST, RST_ACK), repeat=2):
        seed = Seed().established("tcp", "client", "server", 80, family=family)
        seed.odd(THERE, first).odd(BACK, ACK).odd(BACK, second)
        seed.odd(THERE, ACK).wait(241)
        seed.open("tcp", "client", "server", 80, family=family)
        yield f"segments-end-{first}-{second}", seed
    # Both begin; one is picked up in its middle.
    seed = Seed().open("tcp", "client", "server", 80, family=family)
    seed.odd(BACK, SYN).odd(THERE, SYN_ACK).odd(BACK, SYN_ACK).odd(THERE, ACK)
    yield "segments-both-begin", seed


def lives(family):
    """Connections that are used until late, and forgotten."""
    for protocol in PROTOCOLS:
        seed = Seed(LINUX if family == 6 else 0)
        for target in ("outside", "server", "service"):
            seed.established(protocol, "client", target, 80, family=family)
        for seconds in (29, 31, 61, 121, 241, 601, 7441):
            seed.wait(seconds).send().send(BACK)
        yield f"lives-{protocol}", seed


def associations(family):
    """SCTP's own life: opened, restarted, closed, reset, lost half-way."""
    for target in ("server", "service", "outside"):
        seed = Seed(NEEDS_SYN).associated("client", target, 80, family=family)
        seed.send(BACK).chunk(THERE, CHUNK_DATA, TAG)
        seed.chunk(THERE, HEARTBEAT, TAG).chunk(BACK, HEARTBEAT_ACK, DATA_TAG)
        seed.chunk(THERE, SHUTDOWN, TAG).chunk(BACK, SHUTDOWN_ACK, DATA_TAG)
        seed.chunk(THERE, SHUTDOWN_COMPLETE, TAG).wait(31)
        seed.chunk(THERE, INIT, NO_TAG, OTHER_TAG).wait(121)
        yield f"sctp-life-{target}", seed
    for way, reflected in itertools.product((THERE, BACK), (False, True)):
        seed = Seed(NEEDS_SYN).associated("client", "server", 80, family=family)
        tags = (TAG, DATA_TAG) if way == THERE else (DATA_TAG, TAG)
        for kind in (ABORT, SHUTDOWN_COMPLETE):
            for tag in (NO_TAG, OTHER_TAG):
                seed.chunk(way, kind, tag, reflected=reflected)
        seed.chunk(way, SHUTDOWN_COMPLETE, tags[reflected], reflected=reflected)
        seed.chunk(way, ABORT, tags[reflected], reflected=reflected)
        seed.chunk(THERE, INIT, NO_TAG, OTHER_TAG).wait(61)
        yield f"sctp-abort-{way}-{reflected}", seed
        # One end begins anew within the association.
        seed = Seed(NEEDS_SYN).associated("client", "server", 80, family=family)
        if reflected:
            seed.chunk(way, SHUTDOWN, tags[0])
        seed.chunk(way, INIT, NO_TAG, OTHER_TAG)
        seed.chunk(1 - way, INIT_ACK, OTHER_TAG, TAG)
        seed.chunk(1 - way, INIT_ACK, NO_TAG, TAG)
        seed.chunk(1 - way, CHUNK_DATA, tags[1])
        seed.chunk(way, COOKIE_ECHO, TAG).chunk(1 - way, COOKIE_ACK, OTHER_TAG)
        seed.chunk(way, CHUNK_DATA, TAG).chunk(way, SHUTDOWN, TAG)
        seed.chunk(1 - way, SHUTDOWN, OTHER_TAG).wait(241)
        yield f"sctp-anew-{way}-{reflected}", seed
    for steps in range(4):
        seed = Seed(NEEDS_SYN).open("sctp", "client", "server", 80,
                                    family=family)
        for way, kind, tag, own in (
                (THERE, INIT, NO_TAG, DATA_TAG), (BACK, INIT_ACK, DATA_TAG, TAG),
                (THERE, COOKIE_ECHO, TAG, NO_TAG))[:steps]:
            seed.chunk(way, kind, tag, own)
        seed.chunk(BACK, INIT, NO_TAG, OTHER_TAG)
        for way in (THERE, BACK):
            for kind in range(16):
                seed.chunk(way, kind, kind & 3, kind >> 2 & 3, kind % 3 == 0)
        seed.wait(3).wait(61).wait(241)
        yield f"sctp-half-{steps}", seed
    for way in (THERE, BACK):
        seed = Seed().established("sctp", "client", "server", 80, family=family)
        seed.chunk(way, ABORT, DATA_TAG).chunk(1 - way, CHUNK_DATA, DATA_TAG)
        seed.chunk(way, INIT, NO_TAG, TAG).wait(31)
        yield f"sctp-middle-{way}", seed


def crowds(family):
    """More connections than there is room for."""
    for protocol, target in itertools.product(
            ("tcp", "udp", "icmp", "sctp"), ("server", "outside", "service")):
        seed = Seed(CROWDED)
        for source in ("client", "outside", "host", "server"):
            for client in range(6):
                seed.open(protocol, source, target, 80, client, family)
                if client == 3:
                    seed.send(BACK)
        seed.established(protocol, "client", target, 80, 7, family)
        for client in range(8, 12):
            seed.open(protocol, "outside", target, 80, client, family)
        seed.send(THERE).send(BACK).wait(31)
        yield f"crowd-{protocol}-{target}", seed
    # Picked up in the middle, some with answers.
    seed = Seed(CROWDED)
    for client in range(12):
        seed.open("tcp", "outside", "server", 80, client, family)
        seed.odd(THERE, RST).odd(THERE, ACK)
        if client % 2:
            seed.odd(BACK, ACK)
    seed.wait(31).wait(241)
    yield "crowd-middle", seed


SCENES = (associations, crowds, policies, services, sizes, mappings, errors,
          fragments, segments, lives)


def main():
    """Writes one file for each scene and family."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    for family, scene in itertools.product((4, 6), SCENES):
        for name, seed in scene(family):
            (folder / f"{name}-ip{family}").write_bytes(seed.bytes)


if __name__ == "__main__":
    main()
