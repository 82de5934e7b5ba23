"""A switch with nothing to do costs next to nothing."""

import os
import pathlib
import time

import harness
from harness import DemoTest

WATCHED_SECONDS = 30
MOST_PERCENT = 2.0


def cpu_seconds(pid):
    """Returns the CPU time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(
        encoding="ascii").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class IdleTest(DemoTest):
    """Four pods that say nothing."""

    def test_all_processes_together_stay_under_the_limit(self):
        """Over 30 s; and status shows how the workers wait."""
        status = self.lab.status()
        self.assertEqual(status["pollMode"], "adaptive")
        pids = [process["pid"] for process in status["processes"]]
        self.assertEqual(len(pids), 3)
        time.sleep(2)
        before = sum(map(cpu_seconds, pids))
        time.sleep(WATCHED_SECONDS)
        used = sum(map(cpu_seconds, pids)) - before
        percent = 100 * used / WATCHED_SECONDS
        print(f"an idle switch uses {percent:.2f} % of a core")
        self.assertLess(percent, MOST_PERCENT)


if __name__ == "__main__":
    harness.main()
