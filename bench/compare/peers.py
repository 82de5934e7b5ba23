"""The switches that are compared, each as a process of its own on one core.

Every peer gets the same two ports: DPDK's net_pcap, playing a capture again and
again.  What a port has to send it throws away (as net_null does), or writes to
a capture when the output is looked at.

    with Testpmd(setup, "mac") as peer:
        before = peer.sent()
        freeze(peer)  # others have the core
"""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import frames

MEASURED_CPU = 1
OTHER_CPU = 0
PATIENCE_S = 60


class PeerError(Exception):
    """A peer does not do what it should; the text is for people."""


class Setup:
    """What a peer is started with."""

    def __init__(self, folder, traffic, translated):
        self.folder = pathlib.Path(folder)
        self.traffic = traffic
        self.translated = translated
        self.outputs = None  # where ports write what they send: two paths
        self.parts = 1       # port pairs, each with its share of the flows

    def ring(self, part, to_server):
        """Returns the path of a port's capture."""
        name = "to-server" if to_server else "to-client"
        return self.folder / f"{name}-{part}-{self.parts}.pcap"

    def write_rings(self):
        """Writes the captures of all ports."""
        share = -(-self.traffic.flows // self.parts)
        for part in range(self.parts):
            for to_server in (True, False):
                path = self.ring(part, to_server)
                if not path.exists():
                    self.traffic.write(path, to_server, part * share, share)

    def device(self, number, part, to_server):
        """Returns the device arguments of a port, named net_pcap<number>."""
        text = f"net_pcap{number},rx_pcap={self.ring(part, to_server)}," \
               "infinite_rx=1"
        if self.outputs is not None:
            text += f",tx_pcap={self.outputs[0 if to_server else 1]}"
        return text


def end(process):
    """Ends a process, by force if need be."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def freeze(peer):
    """Stops all of a peer that runs on the measured core."""
    for pid in peer.pids():
        os.kill(pid, signal.SIGSTOP)


def thaw(peer):
    """Lets it go on."""
    for pid in reversed(peer.pids()):
        os.kill(pid, signal.SIGCONT)


class Testpmd:
    """DPDK's own forwarder: the speed of receiving and sending alone."""

    name_format = "testpmd-{}"

    def __init__(self, setup, mode):
        self.setup = setup
        self.mode = mode
        self.name = self.name_format.format(mode)
        self.process = None
        self.master = None

    def __enter__(self):
        setup = self.setup
        setup.write_rings()
        buffers = 2 * setup.traffic.packets + 16384
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            ["dpdk-testpmd", f"--lcores={OTHER_CPU},{MEASURED_CPU}",
             f"--main-lcore={OTHER_CPU}", "--in-memory", "--no-pci",
             "--no-telemetry", "-m", str(self.megabytes()),
             f"--vdev={setup.device(0, 0, True)}",
             f"--vdev={setup.device(1, 0, False)}", "--",
             "-i", "--nb-cores=1", f"--forward-mode={self.mode}",
             f"--total-num-mbufs={buffers}", "--burst=64",
             "--port-topology=paired"],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._await(r"testpmd> ")
        self._command("start", r"packet forwarding [^\n]*\n")
        return self

    def _await(self, pattern):
        """Returns what testpmd prints, up to the pattern."""
        got = ""
        deadline = time.monotonic() + PATIENCE_S
        while re.search(pattern, got, re.DOTALL) is None:
            readable, _, _ = select.select([self.master], [], [], 1)
            if readable:
                got += os.read(self.master, 65536).decode(errors="replace")
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PeerError(f"testpmd: no \"{pattern}\" in\n{got[-2000:]}")
        return got

    def _command(self, text, pattern):
        os.write(self.master, text.encode() + b"\n")
        return self._await(pattern)

    def pids(self):
        """Returns the processes to be stopped while others are measured."""
        return [self.process.pid]

    def megabytes(self):
        """Returns the huge pages that it takes, in MB."""
        buffers = 2 * self.setup.traffic.packets + 16384
        return buffers * 2560 // (1 << 20) + 128

    def sent(self):
        """Returns packets sent so far, and when."""
        text = self._command("show port stats all",
                             r"Tx-pps.*Tx-pps[^\n]*\n")
        counts = re.findall(r"TX-packets: +(\d+)", text)
        if len(counts) != 2:
            raise PeerError(f"testpmd: no counters in\n{text}")
        return sum(map(int, counts)), time.monotonic()

    def check_state(self):
        """Returns nothing: testpmd knows no connections."""

    def __exit__(self, *unused):
        if self.process.poll() is None:
            os.write(self.master, b"quit\n")
            deadline = time.monotonic() + 10
            while self.process.poll() is None and time.monotonic() < deadline:
                if select.select([self.master], [], [], 0.1)[0]:
                    try:
                        os.read(self.master, 65536)
                    except OSError:  # the other end is closed
                        break
        end(self.process)
        os.close(self.master)


def expected_output(setup, peer_mode, flow, to_server):
    """Returns the tuple that a packet must leave with, and its MAC addresses
    (None: not looked at)."""
    traffic = setup.traffic
    arrived = frames.tuple_of(traffic.frame(flow, 0, to_server))
    if peer_mode == "io":
        return arrived, traffic.frame(flow, 0, to_server)[:12]
    if peer_mode == "mac":
        return arrived, None
    source, source_port, destination, port, ttl = arrived
    gateway = frames.mac_bytes(frames.GATEWAY_MAC)
    if to_server:
        macs = frames.mac_bytes(frames.POD_MAC) + gateway
        destination, port = (frames.POD[traffic.family], frames.POD_PORT)
    else:
        macs = frames.mac_bytes(frames.CLIENT_MAC) + gateway
        if setup.translated:
            source = frames.SERVICE[traffic.family]
            source_port = frames.SERVICE_PORT
    return (source, source_port, destination, port, ttl - 1), macs
