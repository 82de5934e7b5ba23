"""The running kernel's forwarding, with nftables' source NAT and services, and
the switch's packet path are given the same sequences of packets: whatever comes
out of any port must be the same, but for the rows of kernel_differences.py.

    kernel_differential_test [--minutes=M] [--seed=N]

runs for M minutes (half a one), beginning with sequence N.  A difference is
shown as the shortest sequence that still has it.  MINUTES and SEED in the
environment do the same: bazel test --test_env=MINUTES=10.
"""

import argparse
import collections
import json
import os
import random
import sys
import time
import unittest

import harness
import kernel_differences
import twin_packets
from kernel_differences import Case
from kernel_router import UPLINK_MTU, KernelRouter, SwitchRouter
from twin_sequence import WAIT_S, Sequence, View, make_sequence

DEFAULT_SEED = 20000
RECHECK_S = 33  # ConnectionTable::kRecheckSeconds, and a tick
# Behind that UDP's timeout might have passed on a slow machine.
LONGEST_S = 1.0


def options():
    """Returns the options, which unittest does not know."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float,
                        default=float(os.environ.get("MINUTES", "0.5")))
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("SEED", DEFAULT_SEED)))
    known, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return known


OPTIONS = options()


class Run:
    """One sequence in both routers."""

    def __init__(self, kernel, switch, sequence):
        self.kernel, self.switch = kernel, switch
        self.sequence = sequence
        self.views = [View(sequence.flows) for _ in range(2)]

    def cases(self):
        """Yields each step that comes out differently."""
        self.kernel.flush()
        self.switch.flush()
        said = {flow: [] for flow in self.sequence.flows}
        for step in self.sequence.steps:
            if step.kind == "wait":
                time.sleep(WAIT_S)
                # It looks for what is over that much later at most.
                self.switch.advance(WAIT_S + RECHECK_S)
                continue
            flow = self.sequence.flows[step.flow]
            is_sent = self.views[0].may_send(step)
            kernel = self._take(self.kernel, self.views[0], step)
            switch = self._take(self.switch, self.views[1], step)
            if kernel != switch:
                yield Case(step, flow, kernel, switch, self.switch.reason,
                           tuple(said[flow]))
            if is_sent:
                said[flow].append(step)

    def _take(self, router, view, step):
        """Sends a step's packets; returns what came out, normalised."""
        outputs = []
        for port, packet in view.packets(step):
            # The link outside carries no longer ones, whoever sends.
            if port != "uplink" or len(packet) <= UPLINK_MTU:
                outputs += router.take(port, packet)
        view.note(step, outputs)
        read = [(port, twin_packets.read(data)) for port, data in outputs]
        made = []
        for port, packet in twin_packets.reassemble(read):
            values = twin_packets.normal(packet, view.names)
            is_own = packet.is_error() and step.kind != "error"
            if is_own:  # from whichever of its addresses the router likes
                values["source"] = "router"
            made.append((port, values))
        return tuple(sorted(made, key=lambda one: json.dumps(one,
                                                             sort_keys=True)))


def explanation(case):
    """Returns the row that a case is of, or None."""
    for row in kernel_differences.ROWS:
        if row.matches(case):
            return row
    return None


class KernelDifferentialTest(unittest.TestCase):
    """Both routers do the same."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root, for a network namespace")
        try:
            cls.kernel = KernelRouter()
        except OSError as error:
            raise unittest.SkipTest(str(error)) from error
        cls.switch = SwitchRouter()
        cls.addClassCleanup(cls.switch.close)

    def unexplained(self, sequence, count=None):
        """Runs a sequence; returns its first case that no row is for."""
        for _ in range(5):
            began = time.monotonic()
            counts = collections.Counter()
            found = None
            for case in Run(self.kernel, self.switch, sequence).cases():
                row = explanation(case)
                if row is None:
                    found = case
                    break
                counts[row.name] += 1
                if not row.goes_on:
                    break
            waits = sum(step.kind == "wait" for step in sequence.steps)
            if time.monotonic() - began < LONGEST_S + waits * WAIT_S:
                break
        if count is not None:
            count.update(counts)
        return found

    def shortened(self, sequence):
        """Drops steps for as long as the sequence still has a difference."""
        steps, size = sequence.steps, len(sequence.steps) // 2
        while size >= 1:
            at = 0
            while at < len(steps):
                fewer = steps[:at] + steps[at + size:]
                if self.unexplained(Sequence(sequence.flows, fewer)):
                    steps = fewer
                else:
                    at += size
            size //= 2
        return Sequence(sequence.flows, steps)

    def test_the_table_is_short_and_says_why(self):
        """Not everything may be explained away."""
        rows = kernel_differences.ROWS
        self.assertLessEqual(len(rows), kernel_differences.MAX_ROWS)
        for row in rows:
            self.assertRegex(row.standard, "RFC [0-9]+|IEEE", row.name)
            self.assertTrue(row.why)

    def test_same_packets_same_results(self):
        """Sequences from the seed on, until the time is over."""
        until = time.monotonic() + OPTIONS.minutes * 60
        counts, number, packets = collections.Counter(), OPTIONS.seed, 0
        while time.monotonic() < until:
            sequence = make_sequence(random.Random(number), 1024 + number %
                                     18000)
            if self.unexplained(sequence, counts):
                # The kernel chooses ports by chance.
                if self.unexplained(sequence):
                    shorter = self.shortened(sequence)
                    if self.unexplained(shorter):
                        self.fail(self.report(number, shorter))
                counts["not every time"] += 1
            packets += len(sequence.steps)
            number += 1
        print(f"seeds {OPTIONS.seed} to {number - 1}: {packets} steps; "
              f"explained: {dict(counts)}", flush=True)

    def report(self, seed, sequence):
        """Returns what a difference looks like."""
        case = self.unexplained(sequence)
        lines = [f"seed {seed}: the routers differ"]
        lines += [f"flow {index}: {flow}"
                  for index, flow in enumerate(sequence.flows)]
        lines += [f"  {step}" for step in sequence.steps]
        if case is None:
            return "\n".join(lines + ["(not every time)"])
        lines.append(f"at {case.step}")
        for name, outputs in (("kernel", case.kernel),
                              ("switch", case.switch)):
            lines += [f"{name} sent by {port}: {values}"
                      for port, values in outputs] or [f"{name} sent nothing"]
        return "\n".join(lines + [f"the switch says {case.reason}"])


if __name__ == "__main__":
    harness.main()
