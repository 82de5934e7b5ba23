"""The layers of ARCHITECTURE.md, checked on the whole dependency graph."""

import pathlib
import re
import subprocess
import unittest

FOLDER = pathlib.Path("test/layering")

# graph -> what it must not reach (regular expressions on labels).
FORBIDDEN = {
    "controlplane_deps": [
        r"^@system//:dpdk", r"^//dataplane/pipeline", r"^//dataplane/worker",
        r"^//dataplane/main", r"^//dataplane/packet", r"^//nic-drivers/dpdk"],
    "cli_deps": [
        r"^@system//:dpdk$", r"^//dataplane/worker", r"^//dataplane/main",
        r"^//nic-drivers/dpdk"],
    "dataplane_deps": [
        r"^@system//:(grpc|protobuf|grpc_reflection)$", r"^//proto/",
        r"^//controlplane/"],
    "supervisor_deps": [
        r"^@system//:(grpc|protobuf|grpc_reflection|dpdk)$", r"^//proto/",
        r"^//controlplane/", r"^//dataplane/pipeline"],
    "pipeline_deps": [
        r"^@system//:(dpdk|grpc|protobuf)$", r"^//nic-drivers/(dpdk|tap)",
        r"^//dataplane/(worker|main|supervisor)"],
    "packet_deps": [
        r"^//dataplane/(tables|memory|stats|conntrack|policy|nat|forwarding)"],
}


def labels(graph):
    """Returns the labels of one dependency graph."""
    return (FOLDER / graph).read_text(encoding="utf-8").split()


class LayeringTest(unittest.TestCase):
    """Each layer reaches only what it may."""

    def test_no_forbidden_dependency(self):
        for graph, patterns in FORBIDDEN.items():
            for label in labels(graph):
                for pattern in patterns:
                    self.assertIsNone(
                        re.search(pattern, label),
                        "{}: {} is forbidden by {}".format(
                            graph, label, pattern))

    def test_graphs_are_what_they_claim(self):
        # Guards the test itself: an empty graph would pass everything.
        self.assertIn("@system//:grpc", labels("controlplane_deps"))
        self.assertIn("@system//:dpdk", labels("dataplane_deps"))
        self.assertIn("@system//:dpdk_headers", labels("pipeline_deps"))

    def test_control_plane_binaries_need_no_dpdk_symbol(self):
        for binary in ("controlplane/daemon/vswitch-controlplane",
                       "controlplane/cli/vswitchctl"):
            symbols = subprocess.run(
                ["nm", "--dynamic", "--undefined-only", binary],
                stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assertIn("grpc", symbols)
            self.assertIsNone(re.search(r"\brte_", symbols), binary)


if __name__ == "__main__":
    unittest.main()
