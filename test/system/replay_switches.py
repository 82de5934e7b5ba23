"""The two switches of replay_test.py: the daemons, with DPDK ports on pairs of
interfaces, and `vswitchctl replay`.

    live = LiveSwitch(lab, manifest)
    outcome = live.take("demo/web", frame)   # Outcome(drop, policy, outputs)
    outcomes = Replay(lab, manifest).run([Received(time_us, port, frame), ...])
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import socket
import struct
import subprocess

from lab import wait_until

PORTS = ("uplink", "host", "demo/web", "demo/db", "demo/free", "demo/jail")
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_OUTGOING = 4
LONGEST_FRAME = 2048
# Why a packet is forgotten that waited in the switch: not at a packet's time.
FORGOTTEN = ("FRAG_NO_FIRST", "FRAG_TIMEOUT")
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


@dataclasses.dataclass
class Outcome:
    """What became of a packet: why it was dropped and by which policy, or
    None, and what left because of it, as (port, frame)."""

    drop: str = None
    policy: str = None
    outputs: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Received:
    """A packet that a port received."""

    time_us: int
    port: str
    frame: bytes


def socket_in(namespace, interface):
    """Returns a socket for whole frames on an interface of another network
    namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as own, \
            open(namespace, "rb") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                 socket.htons(ETH_P_ALL))
            made.bind((interface, ETH_P_ALL))
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)
    made.setblocking(False)
    return made


class LiveSwitch:
    """Takes packets one by one through the switch of a lab, which runs."""

    def __init__(self, lab, cluster):
        self.lab = lab
        self.namespace = f"/run/netns/{lab.add_namespace('far')}"
        self.sockets = {}
        self.counters = {}
        self.sent = 0                      # by this test
        self.seen = dict.fromkeys(PORTS, 0)  # frames read
        self.drops = {}
        text = cluster.read_text(encoding="utf-8")
        for number, port in enumerate(PORTS):
            near = f"vs{os.getpid()}n{number}"
            self._link(port, near)
            # Not net_af_packet, for which the kernel puts fragments together.
            text = text.replace(
                f"DEVICE-{number}", f'"net_pcap{number},rx_iface_in={near},'
                f'tx_iface={near}"')
        self.manifest = lab.folder / "cluster.yaml"
        self.manifest.write_text(text, encoding="utf-8")
        lab.ctl("apply", "-f", self.manifest)
        wait_until(self._is_up, "the ports", 30)

    def _link(self, port, near):
        """Makes a pair of interfaces on which the kernel says nothing, one end
        for the switch and one for the test."""
        subprocess.run(["ip", "link", "add", near, "mtu", "1600", "type",
                        "veth", "peer", "name", near, "mtu", "1600", "netns",
                        pathlib.Path(self.namespace).name], check=True)
        command = (f"echo 1 >/proc/sys/net/ipv6/conf/{near}/disable_ipv6 && "
                   f"ip link set {near} arp off up")
        subprocess.run(["sh", "-c", command], check=True)
        self.lab.run("far", "sh", "-c", command)
        self.sockets[port] = socket_in(self.namespace, near)

    def _is_up(self):
        ports = self.lab.ctl_json("port", "list")["ports"]
        return len(ports) == len(PORTS) and all(
            port["state"] == "UP" for port in ports)

    def _settled(self):
        """Returns the counters of all ports once no packet is on its way."""
        ports = {port["port"]: {name: int(value)
                                for name, value in port.items()
                                if name.endswith("Packets")}
                 for port in self.lab.ctl_json("counters")["ports"]}

        def total(*names):
            return sum(port.get(name, 0) for port in ports.values()
                       for name in names)

        received = total("rxPackets")
        ended = total("forwardedPackets", "localPackets", "heldPackets",
                      "rxDroppedPackets")
        return ports if received == ended == self.sent else None

    def take(self, port, frame):
        """Sends a frame to the port; returns what became of it."""
        self.sockets[port].send(frame)
        self.sent += 1
        self.counters = wait_until(self._settled, f"the end of {frame.hex()}")
        outputs = []
        for name in PORTS:
            count = self.counters[name].get("txPackets", 0)
            wait_until(lambda name=name, count=count: self._collect(
                name, count, outputs), f"{count} frames of {name}")
        drop, policy = self._drop()
        return Outcome(drop, policy, outputs)

    def _collect(self, port, count, outputs):
        """Reads what a port has sent; returns whether that is all."""
        while self.seen[port] < count:
            try:
                frame, address = self.sockets[port].recvfrom(LONGEST_FRAME)
            except BlockingIOError:
                return False
            if address[2] == PACKET_OUTGOING:
                continue
            self.seen[port] += 1
            outputs.append((port, frame))
        return True

    def _drop(self):
        """Returns the reason of the last packet's drop, and its policy."""
        told = self.lab.ctl_json("drops", "--records", "1")
        drops = {}
        for row in told.get("drops", []):
            if row["reason"] in FORGOTTEN:
                continue
            drops[row["reason"]] = (drops.get(row["reason"], 0) +
                                    int(row["packets"]))
        added = [reason for reason, count in drops.items()
                 for _ in range(count - self.drops.get(reason, 0))]
        self.drops = drops
        if not added:
            return None, None
        record = (told.get("records") or [{}])[-1]
        policy = record.get("policy") or ", ".join(
            record.get("isolatingPolicies", []))
        return " ".join(added), policy or None


def write_capture(path, packets):
    """Writes packets of one port."""
    with open(path, "wb") as file:
        file.write(PCAP_HEADER)
        for packet in packets:
            file.write(struct.pack("<IIII", *divmod(packet.time_us, 1_000_000),
                                   len(packet.frame), len(packet.frame)))
            file.write(packet.frame)


def read_capture(path):
    """Returns the frames of a capture."""
    data, at, frames = path.read_bytes(), len(PCAP_HEADER), []
    while at < len(data):
        size = struct.unpack("<I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return frames


class Replay:
    """`vswitchctl replay` on the manifest of a live switch."""

    def __init__(self, lab, manifest):
        self.lab = lab
        self.manifest = manifest
        self.report = {}

    def run(self, packets):
        """Returns the outcomes of the packets, whose times go up, and every
        byte that was printed and written."""
        out = self.lab.folder / "replayed"
        words = []
        for port in PORTS:
            path = self.lab.folder / f"{port.replace('/', '_')}.in.pcap"
            write_capture(path, [packet for packet in packets
                                 if packet.port == port])
            words += ["--in", f"{port}={path}"]
        printed = self.lab.ctl("replay", "--manifests", self.manifest, "--json",
                               "--node", "n1", "--out", out, *words).stdout
        self.report = json.loads(printed)
        files = {port: out / f"{port.replace('/', '_')}.pcap"
                 for port in PORTS}
        sent = {port: read_capture(path) for port, path in files.items()}
        places = [list(packet["out"]) for packet in self.report["packets"]]
        for made in self.report["generated"]:
            places[made["cause"]].append(made)
        everything = printed.encode() + b"".join(
            files[port].read_bytes() for port in PORTS)
        return [Outcome(packet["drop"], packet["policy"],
                        [(place["port"], sent[place["port"]][place["index"]])
                         for place in sorted(own, key=lambda place:
                                             place["index"])])
                for packet, own in zip(self.report["packets"], places)
                ], everything
