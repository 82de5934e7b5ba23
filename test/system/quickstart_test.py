"""What ./quickstart does, in a folder and namespaces of its own, and that it
leaves nothing behind."""

import contextlib
import io
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
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

    def test_interrupted_it_leaves_nothing(self):
        """Whatever it was doing when Ctrl-C came."""
        if os.geteuid() != 0:
            self.skipTest("needs root, for network namespaces")
        for number, seconds in enumerate((0.3, 1.5, 5.0)):
            with self.subTest(seconds=seconds):
                self._interrupt(f"vsi{os.getpid()}-{number}", seconds)

    def _interrupt(self, prefix, seconds):
        folder = f"/tmp/{prefix}"
        programs = {name: str(RUNFILES / path)
                    for name, path in PROGRAMS.items()}
        # The script itself, but for the build and for where it runs.
        script = (f"import pathlib, quickstart as q, sys\n"
                  f"q.RUN_FOLDER = pathlib.Path({folder!r})\n"
                  f"q.LOCK_FILE = pathlib.Path({folder + '.lock'!r})\n"
                  f"q.NAME_PREFIX = {prefix!r}\n"
                  f"q.build = lambda: {programs!r}\n"
                  f"sys.exit(q.main([]))\n")
        with subprocess.Popen(
                [sys.executable, "-c", script], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                env=dict(os.environ, PYTHONPATH=str(
                    RUNFILES / "tools/quickstart"))) as child:
            time.sleep(seconds)
            os.killpg(child.pid, signal.SIGINT)  # as the terminal does
            output, _ = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130, output)
        self.assertIn("taking everything down", output)
        self.assertEqual(list(pathlib.Path("/run/netns").glob(f"{prefix}-*")),
                         [])
        self.assertFalse(os.path.exists(folder), output)
        self.assertEqual(self._processes_of(folder), [])

    @staticmethod
    def _processes_of(folder):
        """Returns the pids of programs that were started in the folder."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if folder in os.readlink(entry / "exe"):
                    found.append(entry.name)
            except OSError:
                pass
        return found


if __name__ == "__main__":
    harness.main()
