"""./quickstart: builds the switch, runs it with four pods, checks it.

Prints one line a check, then what the switch itself has to say: drops,
connections, counters, throughput, balance.
"""

import argparse
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import checks
from lab import BINARIES, STOP_SIGNALS, Lab, LabError

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_FOLDER = pathlib.Path("/run/vswitch-quickstart")
LOCK_FILE = pathlib.Path("/run/vswitch-quickstart.lock")
NAME_PREFIX = "vswitch-quickstart"
TARGETS = {"vswitchd": "//dataplane/supervisor:vswitchd",
           "vswitch-controlplane": "//controlplane/daemon:vswitch-controlplane",
           "vswitch-dataplane": "//dataplane/main:vswitch-dataplane",
           "vswitchctl": "//controlplane/cli:vswitchctl"}


def bazel_runs():
    """Returns whether a Bazel server of this workspace is there already."""
    title = f"bazel({ROOT.name})".encode()
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(title):
                return True
        except OSError:
            pass
    return False


def build():
    """Builds the four programs; returns where each of them is."""
    began = time.monotonic()
    print("building (the first time takes minutes)...", flush=True)
    keep_server = bazel_runs()
    try:
        subprocess.run(["bazel", "build", "--config=opt", *TARGETS.values()],
                       cwd=ROOT, check=True)
        folder = subprocess.run(
            ["bazel", "info", "--config=opt", "bazel-bin"], cwd=ROOT,
            check=True, capture_output=True, text=True).stdout.strip()
    finally:
        if not keep_server:
            subprocess.run(["bazel", "shutdown"], cwd=ROOT, check=False)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    return {name: pathlib.Path(folder, label[2:].replace(":", "/"))
            for name, label in TARGETS.items()}


def install(programs, folder):
    """Copies the programs; a running one is replaced, not overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in programs.items():
        temporary = folder / f".{name}.new"
        shutil.copyfile(path, temporary)
        temporary.chmod(0o755)
        temporary.rename(folder / name)


def print_commands(ctl):
    """Prints five commands to try."""
    print(f"""
The switch runs.  Try:
  {ctl} status
  {ctl} explain demo/intruder demo/backend --protocol tcp --port 80
  ip netns exec {NAME_PREFIX}-frontend curl http://10.201.0.80/
  {ctl} drops
  {ctl} check balance
and take it down with ./quickstart --stop""")


def parse(arguments):
    """Returns the options."""
    parser = argparse.ArgumentParser(
        prog="./quickstart",
        description="Builds the switch, runs it with four pods in network "
                    "namespaces, and checks that it does what it should.")
    parser.add_argument("--keep", action="store_true",
                        help="leave it running, and print commands to try")
    parser.add_argument("--stop", action="store_true",
                        help="take down what --keep left, and nothing else")
    parser.add_argument("--install-dir", metavar="DIR", type=pathlib.Path,
                        help="leave the programs in DIR")
    return parser.parse_args(arguments)


def take_lock():
    """Returns the open lock file: there is one quickstart at a time."""
    lock = open(LOCK_FILE, "w", encoding="ascii")  # pylint: disable=R1732
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("quickstart: another ./quickstart is running")
    os.set_inheritable(lock.fileno(), False)
    return lock


def stop_by_exception(number, unused_frame):
    """Turns a signal into an exception, so that everything is taken down."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def ignore_signals():
    """Nothing interrupts the way down."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def run(options, lab):
    """Runs the demonstration; returns whether every check passed."""
    lab.clean()  # what an earlier run left, perhaps with --keep
    lab.prepare()
    programs = build()
    if options.install_dir is not None:
        install(programs, options.install_dir.resolve())
        print(f"the programs are in {options.install_dir}")
    install(programs, lab.bin)
    assert set(programs) == set(BINARIES)
    return checks.demonstrate(lab, ROOT / "deploy/examples/quickstart")


def main(arguments):
    """Returns the exit status."""
    options = parse(arguments)
    lock = take_lock()
    lab = Lab(NAME_PREFIX, RUN_FOLDER, RUN_FOLDER / "bin")
    for number in STOP_SIGNALS:
        signal.signal(number, stop_by_exception)
    keep = False
    try:
        if options.stop:
            was_there = RUN_FOLDER.exists()
            print("taken down" if was_there else "nothing was running")
            return 0
        passed = run(options, lab)
        keep = options.keep
        if keep:
            print_commands(lab.bin / "vswitchctl")
        return 0 if passed else 1
    except KeyboardInterrupt as interrupt:
        print(f"\nquickstart: stopped by {interrupt or 'Ctrl-C'}; "
              "taking everything down", file=sys.stderr)
        return 130
    except (LabError, subprocess.SubprocessError, OSError) as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    finally:
        ignore_signals()
        if not keep:
            lab.clean()
            LOCK_FILE.unlink(missing_ok=True)
        lock.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
