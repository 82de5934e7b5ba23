"""Compares the switch with testpmd and OVS-DPDK, on one core each.

    bazel run -c opt //bench/compare
    bazel run -c opt //bench/compare -- --case=ct+nat --flows=100000 --json=F

Every peer gets the same captures, with both directions of all flows, from
DPDK's net_pcap, and throws away what it sends.  Before it is timed, its output
is captured and looked at: each packet must leave by the right port, translated
as the case says, with right checksums.

What is compared is measured by turns, each peer stopped while another has the
core: a machine that is slow for a while is so for all of them.
"""

import argparse
import contextlib
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
from peers import (PeerError, Setup, Testpmd, expected_output,  # noqa: E402
                   freeze, thaw)
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
SETTLE_S = 0.1  # from a peer's thaw to its measurement
SAMPLE_MB = 3072  # for one peer with few flows
# Of these many flows all kinds of traffic fit into the memory at once.
MOST_SAME_FLOWS = 100000


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
    parser.add_argument("--seconds", type=float, default=0.4,
                        help="of each of the measurements (default 0.4)")
    parser.add_argument("--repeat", type=int, default=7,
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

    def __init__(self, megabytes):
        self.count = megabytes // 2
        self.before = int(HUGEPAGES.read_text())

    def __enter__(self):
        wanted = self.before + self.count
        HUGEPAGES.write_text(str(wanted))
        if int(HUGEPAGES.read_text()) < wanted:
            # Memory is there, but in pieces, or holds files.
            os.sync()
            (HUGEPAGES.parent / "drop_caches").write_text("3")
            (HUGEPAGES.parent / "compact_memory").write_text("1")
            HUGEPAGES.write_text(str(wanted))
        if (found := int(HUGEPAGES.read_text())) < wanted:
            HUGEPAGES.write_text(str(self.before))
            raise PeerError(f"the peers need {wanted} huge pages of 2 MB; the "
                            f"kernel has {found}")
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
    sample.folder.mkdir()
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


def megabytes_of(peers):
    """Returns the huge pages that the peers take, in MB, and some to spare."""
    return sum(peer.megabytes() + 64 for peer in peers)


def measure(peers, options):
    """Returns the median rate of each peer, Mpps; none of them is started."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(HugePages(megabytes_of(peers)))
        for peer in peers:
            stack.enter_context(peer)
            warm_up = WARM_UP_S + peer.setup.traffic.packets * 4e-6
            time.sleep(0.2 if options.smoke else warm_up)
            freeze(peer)
            stack.callback(thaw, peer)
        rates = [[] for _ in peers]
        for _ in range(options.repeat):
            for peer, found in zip(peers, rates):
                thaw(peer)
                time.sleep(SETTLE_S)
                count, begun = peer.sent()
                time.sleep(options.seconds)
                later, ended = peer.sent()
                freeze(peer)
                found.append((later - count) / (ended - begun) / 1e6)
        for peer, found in zip(peers, rates):
            if min(found) <= 0:
                raise PeerError(f"{peer.name}: forwards nothing")
            thaw(peer)
            peer.check_state()
            freeze(peer)
    return [statistics.median(found) for found in rates]


def traffic_of(case, family, flows):
    """Returns the Traffic of a case."""
    protocol = "tcp" if case.endswith("+tcp") else "udp"
    return frames.Traffic(family, protocol, flows, "+nat" in case)


def new_setup(folder, case, family, flows):
    """Returns a Setup with a folder of its own."""
    place = folder / f"{case}-{family}-{flows}"
    place.mkdir(exist_ok=True)
    return Setup(place, traffic_of(case, family, flows), "+nat" in case)


def run(options, tools, folder):
    """Measures everything; returns the rows."""
    rows = []
    rate = cycles_per_second()
    for case, family, flows in itertools.product(options.case, options.family,
                                                 options.flows):
        setups = [new_setup(folder, case, family, flows)
                  for _ in options.peer]
        with HugePages(SAMPLE_MB):
            for name, setup in zip(options.peer, setups):
                check_output(name, setup, tools)
        peers = [make_peer(name, setup, tools)
                 for name, setup in zip(options.peer, setups)]
        for peer, mpps in zip(peers, measure(peers, options)):
            rows.append({"case": case, "family": family, "flows": flows,
                         "peer": peer.name, "mpps": round(mpps, 3),
                         "cycles_per_packet": round(rate / mpps / 1e6, 1)})
            print(f"{case:11} IPv{family} {flows:>7} flows  {peer.name:12}"
                  f"{mpps:8.2f} Mpps {rows[-1]['cycles_per_packet']:8.1f} "
                  "cycles a packet", flush=True)
        shutil.rmtree(setups[0].folder)
    return rows


def compare_kinds(options, tools, folder):
    """Measures the switch alone with every kind of traffic that is asked for,
    by turns; returns {(case, family, flows): Mpps}."""
    rates = {}
    for flows in options.flows:
        kinds = list(itertools.product(
            [case for case in options.case if "+nat" in case], options.family))
        if len(kinds) < 2 or flows > MOST_SAME_FLOWS:
            continue
        setups = [new_setup(folder, *kind, flows) for kind in kinds]
        # Of as many packets each: a longer ring costs the ports more.
        rounds = max(setup.traffic.rounds for setup in setups)
        for setup in setups:
            setup.traffic.rounds = rounds
        peers = [Vswitch(setup, tools["programs"]) for setup in setups]
        for kind, mpps in zip(kinds, measure(peers, options)):
            rates[(*kind, flows)] = mpps
        for setup in setups:
            shutil.rmtree(setup.folder)
    return rates


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
        rows = run(options, tools, folder)
        kinds = compare_kinds(options, tools, folder)
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
    return 0 if Floors(rows, kinds).report() else 1


if __name__ == "__main__":
    sys.exit(main())
