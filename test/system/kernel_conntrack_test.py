"""The running kernel's nf_conntrack and the switch's tracking see the same
segments: every cell of the table of states, and random conversations.

The kernel forwards between two TUN interfaces in a namespace of its own, which
ends with this process.  nftables drops what conntrack calls invalid.
"""

import ctypes
import fcntl
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import unittest

import harness
from twin_packets import checksum

TRACKER = harness.RUNFILES / "test/system/tcp_tracker"
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
CLIENT, SERVER = 0, 1
CLASSES = {"SYN": SYN, "SYN+ACK": SYN | ACK, "FIN": FIN | ACK, "ACK": ACK,
           "RST": RST, "none": 0}
# How a connection comes into each state: who sends what.
WAYS = {
    "NONE": [],
    "SYN_SENT": [(CLIENT, SYN)],
    "SYN_RECV": [(CLIENT, SYN), (SERVER, SYN | ACK)],
    "SYN_SENT2": [(CLIENT, SYN), (SERVER, SYN)],
}
WAYS["ESTABLISHED"] = WAYS["SYN_RECV"] + [(CLIENT, ACK)]
WAYS["FIN_WAIT"] = WAYS["ESTABLISHED"] + [(CLIENT, FIN | ACK)]
WAYS["CLOSE_WAIT"] = WAYS["FIN_WAIT"] + [(SERVER, ACK)]
WAYS["LAST_ACK"] = WAYS["CLOSE_WAIT"] + [(SERVER, FIN | ACK)]
WAYS["TIME_WAIT"] = WAYS["LAST_ACK"] + [(CLIENT, ACK)]
WAYS["CLOSE"] = WAYS["ESTABLISHED"] + [(CLIENT, RST)]
RULES = """
table inet tracking {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state invalid drop
  }
}
"""


def sysctl(name, value):
    """Sets a sysctl of this namespace."""
    pathlib.Path("/proc/sys", name).write_text(str(value), encoding="ascii")


class Segment:
    """One TCP segment between two ends."""

    def __init__(self, sender, flags, sequence, ack, window=1000, size=0):
        self.sender, self.flags = sender, flags
        self.sequence, self.ack = sequence % 2**32, ack % 2**32
        self.window, self.size = window, size

    def line(self):
        """For tcp_tracker."""
        return (f"{self.sender} {self.flags} {self.sequence} {self.ack} "
                f"{self.window} {self.size}\n")

    def packet(self, family, addresses, ports):
        """Returns the IP packet."""
        source, target = addresses[self.sender], addresses[1 - self.sender]
        tcp = struct.pack("!HHIIBBHHH", ports[self.sender],
                          ports[1 - self.sender], self.sequence, self.ack,
                          5 << 4, self.flags, self.window, 0, 0)
        tcp += bytes(self.size)
        pseudo = source + target + struct.pack("!II", len(tcp), 6)
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        if family == socket.AF_INET6:
            return struct.pack("!IHBB", 6 << 28, len(tcp), 6,
                               64) + source + target + tcp
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6,
                             0) + source + target
        return (header[:10] + struct.pack("!H", checksum(header)) +
                header[12:] + tcp)


class Kernel:
    """The kernel as a router that tracks."""

    names = {socket.AF_INET: ("10.9.0.2", "10.9.1.2"),
             socket.AF_INET6: ("fd09:0::2", "fd09:1::2")}

    def __init__(self):
        sysctl("net/ipv4/ip_forward", 1)
        sysctl("net/ipv6/conf/all/forwarding", 1)
        subprocess.run(["/usr/sbin/nft", "-f", "-"], input=RULES, text=True,
                       check=True)
        self.tuns = [self._tun(side) for side in (CLIENT, SERVER)]
        self.port = 10000

    def _tun(self, side):
        name = f"tun{side}"
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF,
                    struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
        sysctl(f"net/ipv6/conf/{name}/addr_gen_mode", 1)
        for command in (f"addr add 10.9.{side}.1/24 dev {name}",
                        f"-6 addr add fd09:{side}::1/64 dev {name} nodad",
                        f"link set {name} up"):
            subprocess.run(["ip", *command.split()], check=True)
        return tun

    def begin(self, family):
        """Takes ports that no connection has."""
        self.port += 1
        self.family = family
        self.ports = (self.port, 80)
        self.addresses = [socket.inet_pton(family, name)
                          for name in self.names[family]]

    def take(self, segment):
        """Sends a segment through; returns whether it came out."""
        packet = segment.packet(self.family, self.addresses, self.ports)
        os.write(self.tuns[segment.sender], packet)
        out = self.tuns[1 - segment.sender]
        while select.select([out], [], [], 0.03)[0]:
            got = os.read(out, 65536)
            # Behind the addresses: the kernel counts the TTL down.
            header = 20 if self.family == socket.AF_INET else 40
            if got[header:] == packet[header:]:
                return True
        return False

    def state(self):
        """Returns the connection's state, None if it is not known."""
        table = pathlib.Path("/proc/self/net/nf_conntrack").read_text(
            encoding="ascii")
        for line in table.splitlines():
            if f"port={self.port} " in line and " tcp " in line:
                return line.split()[5]
        return None


class Tracker:
    """The switch's tracking."""

    def __init__(self):
        self.process = subprocess.Popen(
            [TRACKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)

    def begin(self):
        """Forgets the connection."""
        self.process.stdin.write("new\n")

    def take(self, segment):
        """Returns whether a segment passes, and the state behind it."""
        self.process.stdin.write(segment.line())
        self.process.stdin.flush()
        verdict, state = self.process.stdout.readline().split()
        return verdict == "pass", state

    def close(self):
        """Ends the process."""
        self.process.communicate()


class Talk:
    """Two ends that number their segments."""

    def __init__(self, numbers=(0xFFFFFFF0, 0x7FFFFFF0)):
        self.next = list(numbers)

    def segment(self, sender, flags, size=0, skip=0, skip_ack=0):
        """Returns the next segment of an end, its numbers moved by so much."""
        ack = self.next[1 - sender] + skip_ack if flags & ACK else 0
        made = Segment(sender, flags, self.next[sender] + skip, ack, size=size)
        if skip == 0:
            self.next[sender] += size + bool(flags & SYN) + bool(flags & FIN)
        return made


class KernelConntrackTest(unittest.TestCase):
    """Both see the same."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root, for a network namespace")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise unittest.SkipTest("this machine makes no namespaces")
        cls.kernel = Kernel()
        cls.tracker = Tracker()
        cls.addClassCleanup(cls.tracker.close)

    def begin(self, family):
        """A connection that nobody knows."""
        self.kernel.begin(family)
        self.tracker.begin()

    def take(self, segment):
        """Gives both a segment; returns what they say of it and then know."""
        passes = self.kernel.take(segment)
        state = self.kernel.state()
        # The kernel forgets at once what was reset before an answer came.
        if state is None:
            state = "CLOSE" if segment.flags & RST and passes else "NONE"
        return (passes, state), self.tracker.take(segment)

    def test_every_cell(self):
        """CT-01..120; there is no answer to nothing, which leaves 114."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for state, way in WAYS.items():
                for sender in (CLIENT, SERVER):
                    for name, flags in CLASSES.items():
                        if state == "NONE" and sender == SERVER:
                            continue
                        with self.subTest(family=family.name, state=state,
                                          sender=sender, flags=name):
                            self.check_cell(family, state, way, sender, flags)

    def check_cell(self, family, state, way, sender, flags):
        """Comes into a state and sends one segment more."""
        talk = Talk()
        self.begin(family)
        for who, what in way:
            kernel, ours = self.take(talk.segment(who, what))
            self.assertEqual(kernel, ours)
        if way:
            self.assertEqual(ours, (True, state))
        kernel, ours = self.take(talk.segment(sender, flags))
        self.assertEqual(kernel, ours)

    def test_numbers_out_of_the_window(self):
        """Too far ahead and behind, of data, acknowledgements and resets."""
        for flags in (ACK, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK):
            for skip, skip_ack in ((5000, 0), (-5000, 0), (0, 5000),
                                   (0, -100000), (500, 0), (2**31, 0)):
                with self.subTest(flags=flags, skip=skip, skip_ack=skip_ack):
                    talk = Talk((1000, 2000))
                    self.begin(socket.AF_INET)
                    for who, what in WAYS["ESTABLISHED"]:
                        self.take(talk.segment(who, what))
                    self.take(talk.segment(CLIENT, ACK, size=100))
                    self.take(talk.segment(SERVER, ACK, size=100))
                    kernel, ours = self.take(talk.segment(
                        CLIENT, flags, size=0 if flags & (SYN | RST) else 10,
                        skip=skip, skip_ack=skip_ack))
                    behind = min(skip, skip_ack if flags & ACK else 0)
                    self.check_same(flags, behind, kernel, ours)
                    kernel, ours = self.take(talk.segment(SERVER, ACK, 10))
                    self.assertEqual(kernel, ours)

    def check_same(self, flags, behind, kernel, ours):
        """Compares, but for a reset from behind the window, which the kernel
        lets the receiver judge and the switch drops."""
        if flags & RST and behind < 0:
            self.assertEqual(kernel[1], ours[1])
            self.assertFalse(ours[0])
        else:
            self.assertEqual(kernel, ours)

    def test_random_conversations(self):
        """Segments in and out of order, some of them lost."""
        for seed in range(60):
            with self.subTest(seed=seed):
                self.converse(random.Random(seed))

    def converse(self, dice):
        """One connection: opened, then data with gaps and repetitions, then
        perhaps closed."""
        talk = Talk((dice.randrange(2**32), dice.randrange(2**32)))
        self.begin(dice.choice((socket.AF_INET, socket.AF_INET6)))
        said = []
        for who, what in WAYS["ESTABLISHED"]:
            said.append(talk.segment(who, what))
        for _ in range(12):
            skip = dice.choice((0, 0, 0, -100, -1000, 50, 3000))
            # A segment beyond the window that ends before an earlier one makes
            # the kernel forget the earlier one's end, and drop what
            # acknowledges it; the switch does not.
            size = 900 if skip == -100 else dice.choice((0, 1, 100, 900))
            said.append(talk.segment(
                dice.choice((CLIENT, SERVER)),
                dice.choice((ACK, ACK, ACK, ACK | PSH, ACK | URG)),
                size=size, skip=skip,
                skip_ack=dice.choice((0, 0, 0, -50, 2000))))
        if dice.random() < 0.5:
            said.append(talk.segment(CLIENT, FIN | ACK))
            said.append(talk.segment(SERVER, FIN | ACK))
            said.append(talk.segment(CLIENT, ACK))
        for number, segment in enumerate(said):
            if number > 3 and dice.random() < 0.1:
                continue
            kernel, ours = self.take(segment)
            self.assertEqual(kernel, ours, f"segment {number}: "
                             f"{segment.line()}")


if __name__ == "__main__":
    harness.main()
