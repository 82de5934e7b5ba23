"""Which rates the switch must reach, as ratios to its peers in the same run."""

SWITCH = "vswitch"

# (case, flows, peer, target, floor): the switch's rate over the peer's.
RATIOS = (
    ("ct+nat", 1, "ovs-dpdk", 3.0, 2.0),
    ("ct+nat", 10000, "ovs-dpdk", 8.0, 5.0),
    ("ct+nat", 10000, "testpmd-mac", 0.35, None),
    ("ct+nat", 100000, "ovs-dpdk", 10.0, 6.0),
    ("ct+nat", 100000, "testpmd-mac", 0.45, None),
)
# What the second may cost more than the first: target and floor.
SAME = 0.15
LEAST_SAME = 0.30


class Floors:
    """The figures of a run against targets and floors.  `kinds` are the
    switch's rates that were measured by turns: {(case, family, flows): Mpps}."""

    def __init__(self, rows, kinds):
        self.rates = {(row["case"], row["family"], row["flows"], row["peer"]):
                      row["mpps"] for row in rows}
        self.kinds = kinds
        self.holds = True

    def report(self):
        """Prints every figure that the run allows; returns whether all floors
        hold."""
        print(f"\n{'figure':52}{'value':>8}{'target':>9}{'floor':>8}")
        for case, flows, peer, target, floor in RATIOS:
            ours = self.rates.get((case, 4, flows, SWITCH))
            theirs = self.rates.get((case, 4, flows, peer))
            if ours is not None and theirs is not None:
                self._print(f"{case}, {flows} flows, over {peer}",
                            ours / theirs, target, floor)
        for (case, family, flows), rate in self.kinds.items():
            four = self.kinds.get((case, 4, flows))
            if family == 6 and four is not None:
                self._print(f"{case}, {flows} flows, IPv6 over IPv4",
                            rate / four, 1 - SAME, 1 - LEAST_SAME)
            udp = self.kinds.get((case.removesuffix("+tcp"), family, flows))
            if case.endswith("+tcp") and udp is not None:
                self._print(f"{case}, IPv{family}, {flows} flows, TCP over UDP",
                            rate / udp, 1 - SAME, 1 - LEAST_SAME)
        print("all floors hold" if self.holds else "a floor does NOT hold")
        return self.holds

    def _print(self, what, value, target, floor):
        good = floor is None or value >= floor
        self.holds = self.holds and good
        lower = "-" if floor is None else f"{floor:.2f}"
        note = "" if value >= target else "  below target"
        print(f"{what:52}{value:8.2f}{target:9.2f}{lower:>8}"
              f"{note if good else '  BELOW FLOOR'}")
