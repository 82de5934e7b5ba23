"""Runs Bazel's tests and closes with one line that counts their cases.

Tests tagged "tsan" look for data races, which only a ThreadSanitizer build can
see: when everything is tested they run a second time under --config=tsan.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree


class Totals:
    """Counts of test cases."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def add_report(self, path):
        """Adds the cases of one test.xml."""
        try:
            root = xml.etree.ElementTree.parse(path).getroot()
        except (OSError, xml.etree.ElementTree.ParseError):
            self.failed += 1
            return
        for case in root.iter("testcase"):
            if (case.find("failure") is not None or
                    case.find("error") is not None):
                self.failed += 1
            elif (case.find("skipped") is not None or
                  case.get("status") == "notrun"):
                self.skipped += 1
            else:
                self.passed += 1


def add_events(path, totals):
    """Adds what Bazel's build event file tells of each test."""
    for line in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if "testResult" not in event:
            continue
        failed_before = totals.failed
        for output in event["testResult"].get("testActionOutput", []):
            if output["name"] == "test.xml":
                uri = urllib.parse.urlparse(output["uri"])
                totals.add_report(urllib.parse.unquote(uri.path))
        if (event["testResult"].get("status") != "PASSED" and
                totals.failed == failed_before):
            totals.failed += 1


def run(flags, targets, totals):
    """Runs `targets` under `flags`; returns Bazel's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        events = pathlib.Path(folder) / "events.json"
        status = subprocess.run(
            ["bazel", "test", "--keep_going",
             "--build_event_json_file={}".format(events)] + flags +
            ["--"] + targets, check=False).returncode
        if events.exists():
            add_events(events, totals)
    return status


def main(arguments):
    """Runs the targets named on the command line, or every test."""
    totals = Totals()
    status = run([], arguments or ["//..."], totals)
    if not arguments:
        status = run(["--config=tsan"], ["//..."], totals) or status
    if status and not totals.failed:
        totals.failed = 1  # something did not build
    print("{} passed, {} failed, {} skipped".format(
        totals.passed, totals.failed, totals.skipped))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
