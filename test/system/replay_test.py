"""What `vswitchctl replay` says of packets is what becomes of them in the
running switch: the same packets go one by one through the daemons and through
replay, in the same configuration, and their verdicts, drop reasons and bytes
are compared.  What the switch chooses at random, the ports and identifications
of source NAT, is the same but for its names.
"""

import collections
import struct
import time

import harness
import replay_packets
from replay_switches import FORGOTTEN, PORTS, LiveSwitch, Received, Replay
from twin_packets import (CHECKSUM_AT, ICMP, ICMP6, QUERIES, TCP, UDP, checksum,
                          put, read)

CLUSTER = harness.RUNFILES / "test/system/replay_cluster.yaml"
# Addresses of source NAT.
POOL = {family: replay_packets.ends(family, "pool", "pool").source
        for family in (4, 6)}
NAT_PORTS = range(11000, 30000)
FRAGMENT = 44
PASSES = 6  # of replay, until answers answer to what it gives
SHOWN = 5   # differences


def changed_sum(field, before, after):
    """Returns a checksum after a word that it covers has changed (RFC 1624),
    0 as 0xffff."""
    total = (~field & 0xFFFF) + (~before & 0xFFFF) + after
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF) or 0xFFFF


class Names:
    """Numbers for random values, in the order in which they are met."""

    def __init__(self):
        self.names = {}

    def of(self, *value):
        """Returns the value's number."""
        return self.names.setdefault(value, len(self.names) + 1)

    def has(self, *value):
        """Whether it was met."""
        return value in self.names


class Normal:
    """Frames with names for what source NAT chose."""

    def __init__(self):
        self.ports, self.idents = Names(), Names()

    def frame(self, data):
        """Returns the frame with names."""
        if data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            return data
        return data[:14] + self._packet(data[14:])

    def _packet(self, data, is_quoted=False):
        packet = read(data)
        family = packet.ends.family
        start = len(data) - len(packet.payload) if not is_quoted else (
            (data[0] & 15) * 4 if family == 4 else
            48 if data[6] == FRAGMENT else 40)
        own = [packet.ends.source == POOL[family],
               packet.ends.target == POOL[family]]
        data = self._ident(data, packet, own)
        if packet.offset:
            return data
        for at, number in self._chosen(packet, own):
            data = self._word(data, start, at, number, packet)
        if packet.is_error() and not is_quoted:
            body = data[start:start + 8] + self._packet(data[start + 8:], True)
            # Right or wrong, but not of the values that have names.
            good = checksum(packet.ends.pseudo(
                packet.protocol, len(packet.payload)) + packet.payload) == 0
            data = data[:start] + put(body, 2, bytes([0, good]))
        return data

    def _ident(self, data, packet, own):
        """Names the identification, which source NAT may choose."""
        if packet.ends.family == 6:
            if data[6] != FRAGMENT or not own[0]:
                return data
            return put(data, 44, struct.pack(
                "!I", self.idents.of(packet.ends.source, packet.ident)))
        known = self.idents.has(packet.ends.source, packet.ident)
        if packet.dont_fragment and not known or not own[0]:
            return data
        name = self.idents.of(packet.ends.source, packet.ident)
        before, field = struct.unpack("!H4xH", data[4:12])[0], struct.unpack(
            "!H", data[10:12])[0]
        data = put(data, 4, struct.pack("!H", name))
        return put(data, 10, struct.pack(
            "!H", changed_sum(field, before, name)))

    def _chosen(self, packet, own):
        """Yields where a port of source NAT is, and its name."""
        ports = packet.ports()
        if ports is None:
            return
        if packet.protocol in QUERIES:
            if any(own) and ports[0] in NAT_PORTS:
                yield 4, self.ports.of(packet.protocol, ports[0])
            return
        for side in (0, 1):
            if own[side] and ports[side] in NAT_PORTS:
                yield 2 * side, self.ports.of(packet.protocol, ports[side])

    @staticmethod
    def _word(data, start, at, value, packet):
        """Returns the packet with a word of the L4 header, and the checksum,
        changed."""
        before = struct.unpack("!H", data[start + at:start + at + 2])[0]
        data = put(data, start + at, struct.pack("!H", value))
        place = start + CHECKSUM_AT.get(packet.protocol, 0)
        if packet.protocol not in (TCP, UDP, ICMP, ICMP6) or (
                len(data) < place + 2):
            return data
        field = struct.unpack("!H", data[place:place + 2])[0]
        return put(data, place, struct.pack(
            "!H", changed_sum(field, before, value)))


class ReplayTest(harness.SwitchTest):
    """The same packets in both."""

    options = {"node_name": "n1"}

    @classmethod
    def start(cls):
        super().start()
        cls.live = LiveSwitch(cls.lab, CLUSTER)
        cls.steps = replay_packets.script()

    def _live(self):
        """Returns what the running switch makes of each step, and when it was
        sent."""
        outputs, outcomes, times = {}, [], []
        for step in self.steps:
            data = step.make(lambda name: outputs.get(name, []))
            self.assertIsNotNone(data, f"{step.name} answers to nothing")
            times.append(time.time_ns() // 1000)
            outcomes.append(self.live.take(step.port, data))
            outputs[step.name] = outcomes[-1].outputs
        return outcomes, times

    def _replayed(self, replay, times):
        """Returns what replay makes of them.  Answers must be to what it gives
        itself, so it is run until they are."""
        outputs, before = {}, None
        for _ in range(PASSES):
            frames = [step.make(lambda name: outputs.get(name, []))
                      for step in self.steps]
            kept = [index for index, data in enumerate(frames)
                    if data is not None]
            packets = [Received(times[index], self.steps[index].port,
                                frames[index]) for index in kept]
            outcomes, everything = replay.run(packets)
            if packets == before:
                self.assertEqual(len(kept), len(self.steps))
                return outcomes, everything, packets
            before = packets
            outputs = {self.steps[index].name: outcome.outputs
                       for index, outcome in zip(kept, outcomes)}
        return self.fail("replay does not come to an end")

    def test_replay_is_the_running_switch(self):
        """Step by step, and in sum."""
        live, times = self._live()
        replay = Replay(self.lab, self.live.manifest)
        replayed, everything, packets = self._replayed(replay, times)
        self.assertEqual(replay.run(packets)[1], everything,
                         "the same input gives the same bytes")
        normals = Normal(), Normal()
        differences = []
        for step, *outcomes in zip(self.steps, live, replayed):
            told = [(outcome.drop, outcome.policy, self._by_port(
                outcome.outputs, normal))
                for outcome, normal in zip(outcomes, normals)]
            if told[0] != told[1]:
                differences.append(f"{step.name}\n  live   {told[0]}\n"
                                   f"  replay {told[1]}")
        self.assertEqual(differences, [], f"{len(differences)} differ:\n" +
                         "\n".join(differences[:SHOWN]))
        self._check_sums(replay.report, replayed)
        self._check_variety(live)
        self.check_balance()

    @staticmethod
    def _by_port(outputs, normal):
        found = {}
        for port, data in outputs:
            found.setdefault(port, []).append(normal.frame(data).hex())
        return found

    def _check_sums(self, report, replayed):
        """The counters say the same as replay's report."""
        drops = {reason: count for reason, count in self.live.drops.items()
                 if reason not in FORGOTTEN}
        self.assertEqual(drops, {
            reason: count for reason, count in report["drops"].items()
            if reason not in FORGOTTEN})
        sent = collections.Counter(port for outcome in replayed
                                   for port, _ in outcome.outputs)
        for port in PORTS:
            self.assertEqual(self.live.counters[port].get("txPackets", 0),
                             sent[port], port)
        found = self.lab.ctl_json("counters")["totals"]
        self.assertEqual(int(found["connectionsActive"]) > 0,
                         report["connections"] > 0)

    def _check_variety(self, outcomes):
        """What was compared is not all of one kind."""
        reasons = {outcome.drop for outcome in outcomes}
        self.assertGreater(len(reasons), 30, reasons)
        for reason in ("POLICY_DENIED", "NAT_FILTERED", "NAT_NO_MAPPING", "TTL",
                       "FRAG_OVERLAP", "ICMP_NO_FLOW", "MTU_EXCEEDED",
                       "CONNECTION_INVALID", "SERVICE_NO_BACKEND"):
            self.assertIn(reason, reasons)
        sent = collections.Counter(port for outcome in outcomes
                                   for port, _ in outcome.outputs)
        for port in ("uplink", "host", "demo/web", "demo/db", "demo/free"):
            self.assertGreater(sent[port], 3, port)


if __name__ == "__main__":
    harness.main()
