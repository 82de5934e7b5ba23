"""The two routers of kernel_differential_test.py: the running kernel, in a
network namespace of its own, and the switch's packet path, in kernel_twin.

    router = KernelRouter()
    outputs = router.take("client", ip_packet)   # [(port, ip_packet), ...]

The namespace belongs to this process alone and ends with it, however it ends.
"""

import ctypes
import os
import pathlib
import socket
import struct
import subprocess
import time

import harness
from twin_packets import UDP, Ends, make_ip, udp, with_checksum

TWIN = harness.RUNFILES / "test/system/kernel_twin"
CLONE_NEWNET = 0x40000000
PORTS = ("client", "server", "uplink")
PODS = {"client": ("10.0.0.2", "fd00::2"), "server": ("10.0.0.3", "fd00::3")}
HOSTS = ("203.0.113.9", "203.0.113.77", "203.0.113.1")
HOSTS6 = ("2001:db8::9", "2001:db8::77", "2001:db8::1")
UPLINK_MTU = 1400
ROUTER_MAC, HOST_MAC = "02:00:00:00:00:01", "02:00:00:00:00:99"
ETH_P_ALL = 3
PACKET_OUTGOING = 4
NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE = 1, 2
NETLINK_NETFILTER = 12

# A packet that passes untracked: what came out before it is all that comes.
MARKER_TARGET = "203.0.113.250"
RULES = """
table inet twin {
  chain untracked {
    type filter hook prerouting priority raw; policy accept;
    ip daddr 203.0.113.250 notrack
  }
  chain services {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 10.96.0.10 tcp dport 80 dnat ip to 10.0.0.3:8080
    ip daddr 10.96.0.10 udp dport 53 dnat ip to 10.0.0.3:5353
    ip6 daddr fd02::10 tcp dport 80 dnat ip6 to [fd00::3]:8080
    ip6 daddr fd02::10 udp dport 53 dnat ip6 to [fd00::3]:5353
  }
  chain tracked {
    type filter hook prerouting priority mangle; policy accept;
    ct state invalid drop
  }
  chain sources {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "uplink" ip saddr 10.0.0.0/24 ip protocol { tcp, udp, icmp } \
      snat ip to 198.51.100.7:20000-29999
    oifname "uplink" ip6 saddr fd00::/64 meta l4proto { tcp, udp, icmpv6 } \
      snat ip6 to [2001:db8:ffff::7]:20000-29999
  }
}
"""
SYSCTLS = {
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
    "net/ipv4/icmp_ratelimit": 0,
    "net/ipv4/icmp_msgs_per_sec": 1000000,
    "net/ipv4/icmp_msgs_burst": 1000000,
    "net/ipv6/icmp/ratelimit": 0,
    "net/netfilter/nf_conntrack_udp_timeout": 2,
    "net/netfilter/nf_conntrack_udp_timeout_stream": 2,
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/conf/all/send_redirects": 0,
    "net/ipv4/conf/default/send_redirects": 0,
}


def sysctl(name, value):
    """Sets a sysctl of this namespace."""
    pathlib.Path("/proc/sys", name).write_text(str(value), encoding="ascii")


def run(command):
    """Runs a command of iproute2."""
    subprocess.run(command.split(), check=True)


def is_reassembly_timeout(packet):
    """Whether it is an ICMP error about a datagram that was given up."""
    if packet[0] >> 4 == 6:
        return packet[6] == 58 and packet[40:42] == b"\x03\x01"
    start = (packet[0] & 15) * 4
    return packet[9] == 1 and packet[start:start + 2] == b"\x0b\x01"


class KernelRouter:
    """The kernel between two pods and the world outside."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "this machine makes no namespace")
        # What one processor hands over stays in order.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        # Makes nf_conntrack and its sysctls.
        subprocess.run(["/usr/sbin/nft", "-f", "-"], input=RULES, text=True,
                       check=True)
        for name, value in SYSCTLS.items():
            sysctl(name, value)
        run("ip link set lo up")
        self.sockets = {port: self._link(port) for port in PORTS}
        self._routes()
        ends = Ends(4, *(socket.inet_aton(name) for name in
                         (PODS["client"][0], MARKER_TARGET)))
        self.marker = make_ip(ends, UDP, with_checksum(
            ends, UDP, udp((9, 9), b"marker")))

    @staticmethod
    def _link(port):
        """Makes an interface whose peer nobody but the test listens to."""
        run(f"ip link add {port} address {ROUTER_MAC} type veth "
            f"peer name {port}-peer")
        for name in (port, f"{port}-peer"):
            sysctl(f"net/ipv6/conf/{name}/addr_gen_mode", 1)
            sysctl(f"net/ipv6/conf/{name}/accept_dad", 0)
        sysctl(f"net/ipv6/conf/{port}-peer/disable_ipv6", 1)
        for name in (port, f"{port}-peer"):
            run(f"ip link set {name} up")
            subprocess.run(["/usr/sbin/ethtool", "-K", name, "tx", "off", "gso",
                            "off", "gro", "off"], check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        own = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                            socket.htons(ETH_P_ALL))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        own.bind((f"{port}-peer", ETH_P_ALL))
        own.setblocking(False)
        return own

    def _routes(self):
        for port, addresses in PODS.items():
            for address in addresses:
                self._host(port, address)
        for address in HOSTS + HOSTS6 + (MARKER_TARGET,):
            self._host("uplink", address)
        run(f"ip link set uplink mtu {UPLINK_MTU}")
        run("ip addr add 10.0.0.1/32 dev client")
        run("ip -6 addr add fd00::1/128 dev client nodad")
        run("ip route add unreachable 10.0.0.0/24")
        run("ip -6 route add unreachable fd00::/64")
        # What is sent to an address of source NAT or of a service and belongs
        # to no connection.
        for address in ("198.51.100.7", "10.96.0.10"):
            run(f"ip route add blackhole {address}")
        for address in ("2001:db8:ffff::7", "fd02::10"):
            run(f"ip -6 route add blackhole {address}")

    @staticmethod
    def _host(port, address):
        """A host behind a port, whose MAC address nobody asks for.  It is not
        the peer's own, which would take the packet for itself."""
        family = "-6" if ":" in address else "-4"
        run(f"ip {family} route add {address} dev {port}")
        run(f"ip {family} neigh add {address} lladdr {HOST_MAC} "
            f"dev {port} nud permanent")

    def _send(self, port, packet):
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        self.sockets[port].send(
            bytes.fromhex((ROUTER_MAC + HOST_MAC).replace(":", "")) + kind +
            packet)

    def take(self, port, packet):
        """Sends a packet through; returns what came out."""
        self._send(port, packet)
        self._send("client", self.marker)
        outputs, until = [], time.monotonic() + 2
        while time.monotonic() < until:
            if self._collect(outputs):
                return outputs
        raise TimeoutError("the kernel forwards no marker")

    def _collect(self, outputs):
        """Takes what has come out; returns whether the marker has."""
        seen = False
        for port, own in self.sockets.items():
            while True:
                try:
                    frame, address = own.recvfrom(65536)
                except BlockingIOError:
                    break
                if address[2] == PACKET_OUTGOING or frame[0] & 1:
                    continue  # what we sent; groups of the kernel's own
                if is_reassembly_timeout(frame[14:]):
                    continue  # about a fragment of a minute ago
                if frame[14:].endswith(b"marker"):
                    seen = True
                else:
                    outputs.append((port, frame[14:]))
        return seen

    def flush(self):
        """Forgets all connections."""
        body = struct.pack("!BBH", socket.AF_UNSPEC, 0, 0)
        kind = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                           NETLINK_NETFILTER) as netlink:
            netlink.send(struct.pack("=IHHII", 16 + len(body), kind, 5, 1, 0) +
                         body)  # NLM_F_REQUEST, NLM_F_ACK
            error = struct.unpack("=i", netlink.recv(4096)[16:20])[0]
        if error != 0:
            raise OSError(-error, "the kernel does not forget connections")


class SwitchRouter:
    """The switch's packet path."""

    def __init__(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([TWIN], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.reason = ""

    def take(self, port, packet):
        """Sends a packet through; returns what came out."""
        self._say(f"in {port} {packet.hex()}")
        outputs = []
        while True:
            words = self.process.stdout.readline().split()
            if not words:
                raise RuntimeError("kernel_twin has ended")
            if words[0] == "end":
                self.reason = words[1]
                return outputs
            outputs.append((words[1], bytes.fromhex(words[2])))

    def _say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def flush(self):
        """Forgets all connections."""
        self._say("new")

    def advance(self, seconds):
        """Lets time pass."""
        self._say(f"time {int(seconds * 1000)}")

    def close(self):
        """Ends the process."""
        self.process.communicate()
