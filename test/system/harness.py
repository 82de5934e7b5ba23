"""What the system tests share: a switch of its own for each test class, built
programs from the runfiles, and a report of the cases for Bazel.

    class PingTest(SwitchTest):
        def test_ping(self): self.lab.run("frontend", "ping", ...)

    if __name__ == "__main__":
        main()
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

RUNFILES = pathlib.Path.cwd()  # Bazel starts tests there
sys.path.insert(0, str(RUNFILES / "tools/quickstart"))

# pylint: disable=wrong-import-position
from lab import Lab, start_time, wait_until  # noqa: E402

PROGRAMS = {
    "vswitchd": "dataplane/supervisor/vswitchd",
    "vswitch-controlplane": "controlplane/daemon/vswitch-controlplane",
    "vswitch-dataplane": "dataplane/main/vswitch-dataplane",
    "vswitchctl": "controlplane/cli/vswitchctl",
}
EXAMPLES = RUNFILES / "deploy/examples/quickstart"
STREAM = RUNFILES / "test/system/stream.py"


class SwitchTest(unittest.TestCase):
    """One running switch for the cases of a class."""

    options = {}  # of vswitchd
    lab = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root, for network namespaces")
        # A unix socket's path is short: not TEST_TMPDIR.
        folder = tempfile.mkdtemp(prefix="vswitch-test-", dir="/tmp")
        cls.lab = Lab(f"vst{os.getpid()}", folder, f"{folder}/bin")
        cls.addClassCleanup(cls.lab.clean)
        cls.lab.bin.mkdir()
        for name, path in PROGRAMS.items():
            shutil.copy(RUNFILES / path, cls.lab.bin / name)
        cls.start()

    @classmethod
    def start(cls):
        """Starts the switch; a class with pods adds them here."""
        cls.lab.start_switch(**cls.options)

    def generation(self):
        """Returns the enforced generation."""
        return self.lab.status()["enforcedGeneration"]

    def check_balance(self):
        """Every packet is accounted for."""
        balance = self.lab.ctl("check", "balance", check=False)
        self.assertEqual(balance.returncode, 0, balance.stdout)


class DemoTest(SwitchTest):
    """The pods, the service and the policy of deploy/examples/quickstart."""

    pods = ("frontend", "backend", "backend-2", "intruder")

    @classmethod
    def start(cls):
        super().start()
        cls.lab.ctl("apply", "-f", EXAMPLES)
        for pod in cls.pods:
            cls.lab.ctl("port", "add", f"demo/{pod}", "--netns",
                        cls.lab.add_namespace(pod))


class Stream:
    """A numbered stream from one pod to another; see stream.py."""

    count = 0

    def __init__(self, lab, kind, source, destination, address, port,
                 interval_ms=2.0):
        Stream.count += 1
        self.lab = lab
        self.files = {role: lab.folder / f"stream-{Stream.count}-{role}.json"
                      for role in ("send", "receive")}
        python = ["/usr/bin/python3", STREAM]
        # The receiver listens on the port that a service translates to.
        self.receivers = [lab.spawn(
            python + [f"{kind}-receive", str(port), self._receive_file(pod)],
            name=pod, log="streams.log") for pod in destination]
        for pod in destination:
            flag = "-Hlnu" if kind == "udp" else "-Hlnt"
            wait_until(lambda pod=pod: f":{port} " in
                       lab.run(pod, "ss", flag).stdout, "the receiver")
        self.destination = destination
        self.sender = lab.spawn(
            python + [f"{kind}-send", address, str(port), str(interval_ms),
                      self.files["send"]], name=source, log="streams.log")

    def _receive_file(self, pod):
        return f"{self.files['receive']}-{pod}"

    def stop(self):
        """Ends both; returns ({number: time sent}, {number: time received})."""
        self.sender.send_signal(signal.SIGTERM)
        self.sender.wait(timeout=20)
        time.sleep(0.3)  # what is on its way
        received = {}
        for pod, receiver in zip(self.destination, self.receivers):
            receiver.send_signal(signal.SIGTERM)
            receiver.wait(timeout=20)
            received.update(self._read(self._receive_file(pod)))
        return self._read(self.files["send"]), received

    @staticmethod
    def _read(path):
        return {int(number): at for number, at in
                json.loads(pathlib.Path(path).read_text()).items()}


def kill(pid):
    """Kills a process, and waits until it is gone."""
    started = start_time(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: start_time(pid) != started, f"end of {pid}")


class Report(unittest.TextTestResult):
    """Keeps every case for the XML report."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []
        self.began = 0.0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def _add(self, test, outcome=None, text=""):
        self.cases.append((test.id(), time.monotonic() - self.began, outcome,
                           text))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._add(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add(test, "failure", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._add(test, "error", self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._add(test, "skipped", reason)

    def write(self, path):
        """Writes the report that Bazel and tools/run_tests.py read."""
        suite = ElementTree.Element("testsuite", name="system",
                                    tests=str(len(self.cases)))
        for name, seconds, outcome, text in self.cases:
            case = ElementTree.SubElement(suite, "testcase", name=name,
                                          time=f"{seconds:.3f}")
            if outcome is not None:
                ElementTree.SubElement(case, outcome).text = text
        ElementTree.ElementTree(suite).write(path)


def main():
    """Runs the cases of the calling module."""
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    program = unittest.main(
        exit=False, testRunner=unittest.TextTestRunner(
            resultclass=Report, verbosity=2))
    if "XML_OUTPUT_FILE" in os.environ:
        program.result.write(os.environ["XML_OUTPUT_FILE"])
    sys.exit(not program.result.wasSuccessful())
