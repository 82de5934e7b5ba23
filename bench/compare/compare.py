"""Compares the switch with testpmd and OVS-DPDK, on one core each.

    bazel run -c opt //bench/compare
    bazel run -c opt //bench/compare -- --case=ct+nat --flows=100000 --json=F

Every peer gets the same captures, with both directions of all flows, from
DPDK's net_pcap, and throws away what it sends.  Before it is timed, its output
is captured and looked at: each packet must leave by the right port, translated
as the case says, with right checksums.
"""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
RUNFILES = pathlib.Path.cwd()
sys.path[:0] = [str(HERE), str(RUNFILES / "tools/quickstart")]

# pylint: disable=wrong-import-position
import frames  # noqa: E402
from floors import Floors  # noqa: E402
from ovs import Ovs, install  # noqa: E402
from peers import PeerError, Setup, Testpmd, expected_output  # noqa: E402
from vswitch import Vswitch  # noqa: E402

PROGRAMS = {
    "vswitchd": "dataplane/supervisor/vswitchd",
    "vswitch-controlplane": "controlplane/daemon/vswitch-controlplane",
    "vswitch-dataplane": "dataplane/main/vswitch-dataplane",
    "vswitchctl": "controlplane/cli/vswitchctl",
}
PEERS = ("testpmd-io", "testpmd-mac", "ovs-dpdk", "vswitch")
CASES = ("ct", "ct+nat", "ct+tcp", "ct+nat+tcp")
FLOWS = (1, 10000, 100000, 500000)
HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
SAMPLED = 512  # packets of each direction whose bytes are looked at
WARM_UP_S = 1.0


def parse_arguments():
    """Returns the command line."""
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--case", action="append", choices=CASES,
                        help="ct: straight to the pod; ct+nat: through a "
                        "service; UDP, or +tcp. May be repeated; default all")
    parser.add_argument("--family", action="append", type=int, choices=(4, 6))
    parser.add_argument("--flows", action="append", type=int)
    parser.add_argument("--peer", action="append", choices=PEERS)
    parser.add_argument("--seconds", type=float, default=1.0,
                        help="of each of the measurements (default 1)")
    parser.add_argument("--repeat", type=int, default=3,
                        help="measurements of which the median counts")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--smoke", action="store_true",
                        help="whether it runs; checks no floors")
    options = parser.parse_args()
    for name, default in (("case", CASES), ("family", (4, 6)),
                          ("flows", FLOWS), ("peer", PEERS)):
        if getattr(options, name) is None:
            setattr(options, name, list(default))
    return options


class HugePages:
    """Huge pages for the peers; gives them back at the end."""

    def __init__(self, count):
        self.count = count
        self.before = int(HUGEPAGES.read_text())

    def __enter__(self):
        HUGEPAGES.write_text(str(self.before + self.count))
        return self

    def __exit__(self, *unused):
        HUGEPAGES.write_text(str(self.before))


def cycles_per_second():
    """Returns the rate of the time-stamp counter, from the kernel's log or
    from two readings of cpuinfo's figure."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("bogomips"):
            return float(line.split(":")[1]) * 1e6 / 2
    raise PeerError("/proc/cpuinfo has no bogomips")


def make_peer(name, setup, tools):
    """Returns the peer, not started."""
    if name.startswith("testpmd"):
        return Testpmd(setup, name.partition("-")[2])
    if name == "ovs-dpdk":
        return Ovs(setup, tools["ovs"])
    return Vswitch(setup, tools["programs"])


def check_output(name, setup, tools):
    """Runs a peer on few flows with its output captured; raises PeerError
    unless every packet is what it should be."""
    few = frames.Traffic(setup.traffic.family, setup.traffic.protocol, 8,
                         setup.translated)
    sample = Setup(setup.folder / "sample", few, setup.translated)
    sample.folder.mkdir(exist_ok=True)
    sample.outputs = [sample.folder / "to-client.pcap",
                      sample.folder / "to-server.pcap"]
    with make_peer(name, sample, tools) as peer:
        mode = peer.mode
        time.sleep(0.5)
    for to_server, path in ((False, sample.outputs[0]),
                            (True, sample.outputs[1])):
        wanted = {expected_output(sample, mode, flow, to_server)
                  for flow in range(few.flows)}
        tuples = {item[0] for item in wanted}
        macs = {item[1] for item in wanted}
        sent = frames.read_capture(path, SAMPLED)
        if len(sent) < SAMPLED:
            raise PeerError(f"{name}: sent {len(sent)} packets to {path.name}")
        seen = set()
        for frame in sent:
            try:
                found = frames.tuple_of(frame)
            except ValueError as error:
                raise PeerError(f"{name}: {path.name}: {error}") from None
            if found is None:
                continue  # neighbour discovery of the peer's own
            if found not in tuples or (None not in macs and
                                       frame[:12] not in macs):
                raise PeerError(f"{name}: {path.name}: unexpected {found}, "
                                f"MAC {frame[:12].hex()}")
            seen.add(found)
        if seen != tuples:
            raise PeerError(f"{name}: {path.name}: {len(seen)} of "
                            f"{len(tuples)} flows came through")
    shutil.rmtree(sample.folder)


def measure(name, setup, tools, options):
    """Returns the median rate of a peer, Mpps."""
    check_output(name, setup, tools)
    with make_peer(name, setup, tools) as peer:
        wait = WARM_UP_S + setup.traffic.packets * 4e-6
        time.sleep(0.2 if options.smoke else wait)
        rates = []
        for _ in range(options.repeat):
            count, begun = peer.sent()
            time.sleep(options.seconds)
            later, ended = peer.sent()
            rates.append((later - count) / (ended - begun) / 1e6)
        peer.check_state()
    if min(rates) <= 0:
        raise PeerError(f"{name}: forwards nothing")
    return statistics.median(rates)


def traffic_of(case, family, flows):
    """Returns the Traffic of a case."""
    protocol = "tcp" if case.endswith("+tcp") else "udp"
    return frames.Traffic(family, protocol, flows, "+nat" in case)


def run(options, tools, folder):
    """Measures everything; returns the rows."""
    rows = []
    rate = cycles_per_second()
    for case, family, flows in itertools.product(options.case, options.family,
                                                 options.flows):
        captures = folder / "run"
        captures.mkdir()
        for name in options.peer:
            setup = Setup(captures, traffic_of(case, family, flows),
                          "+nat" in case)
            mpps = measure(name, setup, tools, options)
            rows.append({"case": case, "family": family, "flows": flows,
                         "peer": name, "mpps": round(mpps, 3),
                         "cycles_per_packet": round(rate / mpps / 1e6, 1)})
            print(f"{case:11} IPv{family} {flows:>7} flows  {name:12}"
                  f"{mpps:8.2f} Mpps {rows[-1]['cycles_per_packet']:8.1f} "
                  "cycles a packet", flush=True)
        shutil.rmtree(captures)
    return rows


def print_table(rows):
    """Prints a line for each case, a column for each peer."""
    peers = [peer for peer in PEERS
             if any(row["peer"] == peer for row in rows)]
    print(f"\n{'Mpps':11} {'':4} {'flows':>7}" +
          "".join(f"{peer:>13}" for peer in peers))
    keys = dict.fromkeys((row["case"], row["family"], row["flows"])
                         for row in rows)
    for key in keys:
        found = {row["peer"]: row["mpps"] for row in rows
                 if (row["case"], row["family"], row["flows"]) == key}
        print(f"{key[0]:11} IPv{key[1]} {key[2]:>7}" +
              "".join(f"{found[peer]:13.2f}" if peer in found else f"{'-':>13}"
                      for peer in peers))


def main():
    """Returns the exit status: 1 if a floor does not hold."""
    options = parse_arguments()
    if os.geteuid() != 0:
        print("compare: needs root, for huge pages and cores", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vswitch-compare-"))
    try:
        programs = folder / "bin"
        programs.mkdir()
        for name, path in PROGRAMS.items():
            shutil.copy(RUNFILES / path, programs / name)
        tools = {"programs": programs, "ovs": None}
        if "ovs-dpdk" in options.peer:
            tools["ovs"] = install(folder / "ovs-packages")
        most = max(options.flows)
        pages = 3072 if most > 100000 else 1024 + most // 50
        with HugePages(pages):
            rows = run(options, tools, folder)
    except (PeerError, subprocess.CalledProcessError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_table(rows)
    if options.json:
        pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."),
                     options.json).write_text(json.dumps(rows, indent=1) + "\n")
    if options.smoke:
        return 0
    return 0 if Floors(rows).report() else 1


if __name__ == "__main__":
    sys.exit(main())
