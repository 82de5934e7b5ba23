"""A switch and pods of its own: what ./quickstart and the system tests share.

A Lab starts a vswitchd in a folder of its own, makes network namespaces as
pods, runs programs in them, and takes everything down again: processes first,
then namespaces, then the folder.  Everything that it made is written to the
folder before it exists, so that a later Lab.clean() finds it even if this
process was killed.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

BINARIES = ("vswitchd", "vswitch-controlplane", "vswitch-dataplane",
            "vswitchctl")


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def unblock_signals():
    """Lets the signals that stop a program through."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class LabError(Exception):
    """Something that the lab needs did not work; the text is for people."""


def start_time(pid):
    """Returns when the process was started, or None if there is none: a pid
    and its start time together are never reused."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def children_of(pid):
    """Returns the pids of the process's children."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in entry.read_text().split()]
        except OSError:
            pass
    return found


def wait_until(condition, what, seconds=10.0, interval=0.02):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:g} s")
        time.sleep(interval)


class Lab:
    """One switch, its namespaces and its processes."""

    def __init__(self, prefix, folder, bin_folder):
        self.prefix = prefix  # of the namespaces' names
        self.folder = pathlib.Path(folder)
        self.bin = pathlib.Path(bin_folder)
        self.switch = None
        self.processes = []

    # --- the switch ---

    @property
    def socket(self):
        """Returns the path of the API's socket."""
        return self.folder / "vswitch.sock"

    def prepare(self):
        """Makes the folder."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    def start_switch(self, **options):
        """Starts vswitchd and waits until its API answers."""
        config = {"run-dir": self.folder, "state-dir": self.folder / "state",
                  "table-memory-mb": 64}
        config.update({name.replace("_", "-"): value
                       for name, value in options.items()})
        path = self.folder / "vswitch.yaml"
        path.write_text("".join(f"{name}: {value}\n"
                                for name, value in config.items()),
                        encoding="utf-8")
        (self.folder / "state").mkdir(exist_ok=True)
        self.switch = self.spawn([self.bin / "vswitchd", f"--config={path}"],
                                 log="vswitchd.log")
        try:
            wait_until(self._answers, "vswitchd's first answer", 30)
        except LabError as error:
            raise LabError(f"{error}\n{self.log('vswitchd.log')}") from None

    def _answers(self):
        if self.switch.poll() is not None:
            raise LabError(f"vswitchd exited with {self.switch.returncode}")
        if not self.socket.exists():
            return False
        status = self.ctl("status", "-o", "json", check=False)
        if status.returncode != 0:
            return False
        processes = json.loads(status.stdout)["processes"]
        return all(process["running"] for process in processes)

    def ctl(self, *words, check=True, text=None, timeout=60):
        """Runs vswitchctl."""
        done = subprocess.run(
            [self.bin / "vswitchctl", f"--socket={self.socket}", *words],
            input=text, capture_output=True, text=True, timeout=timeout,
            check=False)
        if check and done.returncode != 0:
            raise LabError(f"vswitchctl {' '.join(map(str, words))} exited "
                           f"with {done.returncode}:\n{done.stderr}"
                           f"{done.stdout}")
        return done

    def ctl_json(self, *words):
        """Runs vswitchctl and returns what it prints as JSON."""
        return json.loads(self.ctl(*words, "-o", "json").stdout)

    def status(self):
        """Returns vswitchctl status."""
        return self.ctl_json("status")

    def pid_of(self, name):
        """Returns the pid of a process of the switch."""
        for process in self.status()["processes"]:
            if process["name"] == name and process["running"]:
                return process["pid"]
        raise LabError(f"{name} is not running")

    def log(self, name, lines=30):
        """Returns the end of a log."""
        try:
            text = (self.folder / name).read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    # --- namespaces and programs in them ---

    def namespace(self, name):
        """Returns the full name of the namespace called `name`."""
        return f"{self.prefix}-{name}"

    def add_namespace(self, name):
        """Makes a network namespace with its loopback up."""
        full = self.namespace(name)
        self._note("namespaces", full)
        subprocess.run(["ip", "netns", "add", full], check=True)
        subprocess.run(["ip", "-n", full, "link", "set", "lo", "up"],
                       check=True)
        return full

    def delete_namespace(self, name):
        """Deletes a namespace and what is in it."""
        subprocess.run(["ip", "netns", "delete", self.namespace(name)],
                       check=True)

    def inside(self, name, words):
        """Returns the command line that runs `words` in a namespace."""
        return ["ip", "netns", "exec", self.namespace(name), *words]

    def run(self, name, *words, timeout=60):
        """Runs a program in a namespace; returns what became of it."""
        return subprocess.run(self.inside(name, words), capture_output=True,
                              text=True, timeout=timeout, check=False)

    def spawn(self, words, log=None, name=None, **options):
        """Starts a program that outlives this one until clean()."""
        if name is not None:
            words = self.inside(name, words)
        output = subprocess.DEVNULL
        if log is not None:
            output = open(self.folder / log, "ab")  # pylint: disable=R1732
        options.setdefault("stdout", output)
        options.setdefault("stderr", output)
        # Ctrl-C must not come between the start and the note of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            process = subprocess.Popen(  # pylint: disable=R1732,W1509
                [str(word) for word in words], stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=unblock_signals, **options)
            self._note("processes", f"{process.pid} {start_time(process.pid)}")
            self.processes.append(process)
        finally:
            unblock_signals()
        return process

    # --- taking it down ---

    def _note(self, kind, line):
        with open(self.folder / kind, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _noted(self, kind):
        try:
            return (self.folder / kind).read_text(encoding="utf-8").split("\n")
        except OSError:
            return []

    def clean(self):
        """Takes down everything that is noted in the folder, also what an
        earlier Lab left there, and removes the folder."""
        pids = []
        for line in self._noted("processes"):
            pid, _, started = line.partition(" ")
            if pid and start_time(int(pid)) == started:
                pids.append((int(pid), started))
        # The first one is the switch, which must take its interfaces down
        # before the namespaces go; it has time to.
        for pid, started in pids:
            family = [(pid, started)]
            family += [(child, start_time(child)) for child in children_of(pid)]
            self._end(family)
        for process in self.processes:
            process.wait()
        for name in self._noted("namespaces"):
            if name and pathlib.Path("/run/netns", name).exists():
                subprocess.run(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, family):
        """Ends a process, and kills it and its children if it does not."""
        def alive():
            for process in self.processes:
                process.poll()  # reaps
            return [pid for pid, started in family
                    if started is not None and start_time(pid) == started]

        pid = family[0][0]
        if pid in alive():
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 8
        while alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        for left in alive():
            os.kill(left, signal.SIGKILL)

    def __enter__(self):
        self.prepare()
        return self

    def __exit__(self, *unused):
        self.clean()
