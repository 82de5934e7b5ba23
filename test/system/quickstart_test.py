"""What ./quickstart does, in a folder and namespaces of its own, and that it
leaves nothing behind."""

import io
import contextlib
import os
import pathlib
import shutil
import unittest

import harness
from harness import EXAMPLES, PROGRAMS, RUNFILES

import checks  # of tools/quickstart, by harness
from lab import Lab, children_of, start_time


class QuickstartTest(unittest.TestCase):
    """The demonstration, whole."""

    def test_every_check_is_ok_and_nothing_is_left(self):
        """Also takes down what it started."""
        if os.geteuid() != 0:
            self.skipTest("needs root, for network namespaces")
        before = set(os.listdir("/sys/class/net"))
        folder = f"/tmp/vswitch-demo-{os.getpid()}"
        with Lab(f"vsq{os.getpid()}", folder, f"{folder}/bin") as lab:
            lab.bin.mkdir()
            for name, path in PROGRAMS.items():
                shutil.copy(RUNFILES / path, lab.bin / name)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                passed = checks.demonstrate(lab, EXAMPLES)
            print(output.getvalue())
            family = [lab.switch.pid, *children_of(lab.switch.pid)]
            started = {pid: start_time(pid) for pid in family}
            self.assertTrue(passed, output.getvalue())
        self.assertNotIn("FAILED", output.getvalue())
        self.assertIn("ok  frontend -> service demo/backend:80  allowed by "
                      "demo/backend-from-frontend", output.getvalue())
        self.assertIn("ok  intruder -> demo/backend:80  denied: POLICY_DENIED, "
                      "isolated by demo/backend-from-frontend; nearest rule "
                      "wants role=frontend", output.getvalue())
        self.assertEqual([pid for pid in family
                          if start_time(pid) == started[pid]], [])
        self.assertEqual(list(pathlib.Path("/run/netns").glob(
            f"vsq{os.getpid()}-*")), [])
        self.assertEqual(set(os.listdir("/sys/class/net")), before)
        self.assertFalse(os.path.exists(folder))


if __name__ == "__main__":
    harness.main()
