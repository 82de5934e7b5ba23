"""OVS-DPDK of Debian, in a private folder: unpacked, started, stopped.

The packages are fetched from Debian's mirror and unpacked, never installed:
nothing of the machine changes.
"""

import pathlib
import re
import subprocess
import time

import frames
from peers import MEASURED_CPU, OTHER_CPU, PATIENCE_S, PeerError, end

PACKAGES = ("openvswitch-switch-dpdk", "openvswitch-switch",
            "openvswitch-common")
BRIDGE = "br0"
# OVS makes at most this many buffers for all ports of one MTU.
MOST_BUFFERS = 250000


def install(folder):
    """Unpacks OVS into `folder` unless it is there; returns the root."""
    root = pathlib.Path(folder) / "root"
    if (root / "done").exists():
        return root
    downloads = pathlib.Path(folder) / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["apt-get", "-qq", "download", *PACKAGES],
                          cwd=downloads, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise PeerError(f"cannot fetch {', '.join(PACKAGES)}: {done.stderr}")
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    (root / "done").touch()
    return root


class Ovs:
    """One ovsdb-server and one ovs-vswitchd with a userspace bridge."""

    name = "ovs-dpdk"
    mode = "switch"

    def __init__(self, setup, root):
        self.setup = setup
        self.root = pathlib.Path(root)
        self.folder = setup.folder / "ovs"
        self.processes = []
        # Each port has an MTU of its own, and so buffers of its own.
        setup.parts = max(1, -(-setup.traffic.packets // MOST_BUFFERS))

    def _tool(self, name, *words):
        program = next(path for path in (self.root / "usr/bin" / name,
                                         self.root / "usr/sbin" / name)
                       if path.exists())
        done = subprocess.run([program, *map(str, words)], check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S,
                              env=self._environment())
        if done.returncode != 0:
            raise PeerError(f"{name} {' '.join(map(str, words))}: "
                            f"{done.stderr}{self._log()}")
        return done.stdout

    def _environment(self):
        return {"OVS_RUNDIR": str(self.folder), "OVS_LOGDIR": str(self.folder),
                "OVS_DBDIR": str(self.folder),
                "OVS_PKGDATADIR": str(self.root / "usr/share/openvswitch"),
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def _log(self):
        path = self.folder / "ovs-vswitchd.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def _spawn(self, program, *words):
        with open(self.folder / "output.log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [program, *map(str, words)], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, env=self._environment(),
                start_new_session=True))

    def _vsctl(self, *words):
        return self._tool("ovs-vsctl", f"--db=unix:{self.folder}/db.sock",
                          *words)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        self.setup.write_rings()
        self.folder.mkdir(exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        self._tool("ovsdb-tool", "create", self.folder / "conf.db",
                   self.root / "usr/share/openvswitch/vswitch.ovsschema")
        socket = self.folder / "db.sock"
        self._spawn(self.root / "usr/sbin/ovsdb-server",
                    self.folder / "conf.db", f"--remote=punix:{socket}",
                    "--pidfile", "--log-file")
        deadline = time.monotonic() + PATIENCE_S
        while not socket.exists():
            if time.monotonic() > deadline:
                raise PeerError("ovsdb-server does not start")
            time.sleep(0.02)
        self._configure()
        self._spawn(self.root /
                    "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
                    f"unix:{socket}", "--pidfile", "--log-file")
        self._vsctl("--timeout=60", "add-br", BRIDGE, "--", "set", "bridge",
                    BRIDGE, "datapath_type=netdev", "fail-mode=secure")
        self._add_flows()
        self._add_ports()

    def _devices(self):
        """Yields (port, OpenFlow number, device) of every port."""
        for part in range(self.setup.parts):
            for to_server in (True, False):
                number = 2 * part + (0 if to_server else 1)
                yield (number, number + 1,
                       self.setup.device(number, part, to_server))

    def _configure(self):
        vdevs = " ".join(f"--vdev={device}"
                         for _, _, device in self._devices())
        self._vsctl("--no-wait", "init")
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".",
                    "other_config:dpdk-init=true",
                    f"other_config:dpdk-lcore-mask={1 << OTHER_CPU:#x}",
                    f"other_config:pmd-cpu-mask={1 << MEASURED_CPU:#x}",
                    f"other_config:dpdk-alloc-mem={self.megabytes()}",
                    "other_config:dpdk-extra=\"--no-pci --in-memory "
                    f"{vdevs}\"")

    def _add_ports(self):
        for number, of_port, device in self._devices():
            name = f"p{number}"
            self._vsctl("--timeout=60", "add-port", BRIDGE, name, "--", "set",
                        "Interface", name, "type=dpdk",
                        f"ofport_request={of_port}",
                        f"mtu_request={1500 + 1024 * number}",
                        f"options:dpdk-devargs={device.split(',')[0]}")
            error = self._vsctl("get", "Interface", name, "error").strip()
            if error != "[]":
                raise PeerError(f"OVS: port {name}: {error}\n{self._log()}")

    def _add_flows(self):
        traffic = self.setup.traffic
        six = "6" if traffic.family == 6 else ""
        kind = traffic.protocol + six
        ip = "ipv6" if six else "nw"
        pod, service = frames.POD[traffic.family], frames.SERVICE[traffic.family]
        nat = ",nat" if self.setup.translated else ""
        target = f"[{pod}]:{frames.POD_PORT}" if six else \
            f"{pod}:{frames.POD_PORT}"
        commit = f"ct(commit,nat(dst={target}),table=3)" if nat else \
            "ct(commit,table=3)"
        gateway = f"mod_dl_src:{frames.GATEWAY_MAC}"
        to_pod = f"dec_ttl,{gateway},mod_dl_dst:{frames.POD_MAC}"
        to_client = f"dec_ttl,{gateway},mod_dl_dst:{frames.CLIENT_MAC}"
        arrives = service if nat else pod
        port = frames.SERVICE_PORT if nat else frames.POD_PORT
        leaves = service if nat else pod
        flows = []
        for part in range(self.setup.parts):
            client, server = 2 * part + 1, 2 * part + 2
            flows += [
                f"table=0,in_port={client},{kind},{ip}_dst={arrives},"
                f"tp_dst={port},actions=ct(table=1{nat})",
                f"table=0,in_port={server},{kind},{ip}_src={pod},"
                f"tp_src={frames.POD_PORT},actions=ct(table=2{nat})",
                f"table=1,in_port={client},ct_state=+trk+new,{kind},"
                f"actions={commit}",
                f"table=1,in_port={client},ct_state=+trk+est,{kind},"
                "actions=resubmit(,3)",
                # Only what was translated goes on.
                f"table=2,in_port={server},ct_state=+trk+est,{kind},"
                f"{ip}_src={leaves},actions={to_client},output:{client}",
                f"table=3,in_port={client},{kind},{ip}_dst={pod},"
                f"tp_dst={frames.POD_PORT},actions={to_pod},output:{server}"]
        path = self.folder / "flows"
        path.write_text("\n".join(flows) + "\n", encoding="ascii")
        self._tool("ovs-ofctl", "add-flows", self.folder / f"{BRIDGE}.mgmt",
                   path)

    def pids(self):
        """Returns the processes to be stopped while others are measured."""
        return [self.processes[-1].pid]

    def megabytes(self):
        """Returns the huge pages that it takes, in MB."""
        # 262144 buffers for each port, whose MTU no other has.
        return sum((2 + number) * 1280 * 262144 // (1 << 20)
                   for number in range(2 * self.setup.parts)) + 512

    def sent(self):
        """Returns packets sent so far, and when."""
        text = self._tool("ovs-ofctl", "dump-ports",
                          self.folder / f"{BRIDGE}.mgmt")
        now = time.monotonic()
        counts = re.findall(r"port +\d+: rx[^\n]*\n +tx pkts=(\d+)",
                            text)
        if len(counts) != 2 * self.setup.parts:
            raise PeerError(f"OVS: no counters in\n{text}")
        return sum(map(int, counts)), now

    def check_state(self):
        """Raises unless OVS tracks as many connections as there are flows."""
        text = self._tool("ovs-appctl", "-t",
                          self._control_socket(), "dpctl/ct-get-nconns")
        if int(text) < self.setup.traffic.flows:
            raise PeerError(f"OVS tracks {int(text)} connections of "
                            f"{self.setup.traffic.flows}")

    def _control_socket(self):
        sockets = list(self.folder.glob("ovs-vswitchd*.ctl"))
        if not sockets:
            raise PeerError(f"OVS: no control socket in {self.folder}")
        return sockets[0]

    def __exit__(self, *unused):
        for process in reversed(self.processes):
            end(process)
