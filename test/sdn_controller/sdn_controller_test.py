"""A foreign client drives the switch by its API alone."""

import pathlib
import sys

import grpc

sys.path[:0] = [str(pathlib.Path.cwd()),
                str(pathlib.Path.cwd() / "test/system"),
                str(pathlib.Path.cwd() / "test/sdn_controller")]

# pylint: disable=wrong-import-position
import harness  # noqa: E402
from harness import SwitchTest  # noqa: E402
from lab import wait_until  # noqa: E402
from proto.vswitch.v1 import resource_pb2  # noqa: E402
from sdn_controller import Controller, Refused  # noqa: E402

ADDRESS = {"client": ("10.210.0.11", "fd00:210::11"),
           "server": ("10.210.0.12", "fd00:210::12")}
GATEWAY = ("10.210.0.1", "fd00:210::1")


class SdnControllerTest(SwitchTest):
    """One controller, two pods."""

    @classmethod
    def start(cls):
        super().start()
        cls.controller = Controller(cls.lab.socket, "test", epoch=3)
        cls.controller.apply([
            resource_pb2.Resource(
                metadata=resource_pb2.Metadata(name="default"),
                settings=resource_pb2.Settings(gateway_ipv4=GATEWAY[0],
                                               gateway_ipv6=GATEWAY[1])),
            resource_pb2.Resource(
                metadata=resource_pb2.Metadata(name="sdn"),
                namespace=resource_pb2.Namespace())])
        for name, addresses in ADDRESS.items():
            netns = cls.lab.add_namespace(name)
            answer = cls.controller.add_pod(
                f"sdn/{name}", addresses, {"role": name}, f"/run/netns/{netns}")
            assert answer.port.ready, answer

    def ping(self, address):
        """Returns whether the client reaches the address."""
        done = self.lab.run("client", "ping", "-c", "1", "-W", "1", address)
        return done.returncode == 0

    def test_policy_is_enforced_and_drops_are_told(self):
        """In both families."""
        for address in ADDRESS["server"]:
            self.assertTrue(self.ping(address))
        answer = self.controller.isolate("sdn", "nobody", {"role": "server"},
                                         {"role": "nobody"})
        self.assertTrue(answer.HasField("accepted_time"))
        self.assertTrue(answer.HasField("enforced_time"))
        self.assertGreaterEqual(self.controller.status().enforced_generation,
                                answer.generation)
        for address in ADDRESS["server"]:
            before, _ = self.controller.drops("POLICY_DENIED")
            self.assertFalse(self.ping(address))
            count, records = self.controller.drops("POLICY_DENIED")
            self.assertGreater(count, before)
            # Records come over a ring, a moment later.
            wait_until(lambda address=address: any(
                record.flow.destination == address
                for record in self.controller.drops("POLICY_DENIED")[1]),
                       f"the drop record for {address}; have {records}")
        said = self.controller.explain("sdn/client", "sdn/server", 80)
        self.assertFalse(said.allowed)
        self.assertEqual(said.reason, "POLICY_DENIED")
        self.assertIn("sdn/nobody", said.summary)
        key = resource_pb2.ResourceKey(
            kind=resource_pb2.RESOURCE_KIND_NETWORK_POLICY, namespace="sdn",
            name="nobody")
        self.controller.apply(deletes=[key])
        for address in ADDRESS["server"]:
            self.assertTrue(self.ping(address))
        self.check_balance()

    def test_a_refusal_names_resource_and_field(self):
        """By the typed detail in the trailer."""
        bad = resource_pb2.Resource(
            metadata=resource_pb2.Metadata(name="bad", namespace="sdn"),
            pod=resource_pb2.Pod(pod_ips=["10.210.0.999"]))
        with self.assertRaises(Refused) as caught:
            self.controller.apply([bad])
        self.assertEqual(caught.exception.code,
                         grpc.StatusCode.INVALID_ARGUMENT)
        detail = caught.exception.details[0]
        self.assertEqual(detail.resource.name, "bad")
        self.assertIn("pod_ips", detail.field)

    def test_a_deposed_leader_is_refused(self):
        """Its epoch is lower than what the switch has seen."""
        deposed = Controller(self.lab.socket, "test", epoch=2)
        with self.assertRaises(Refused) as caught:
            deposed.isolate("sdn", "late", {"role": "server"},
                            {"role": "nobody"})
        self.assertEqual(caught.exception.code,
                         grpc.StatusCode.FAILED_PRECONDITION)


if __name__ == "__main__":
    harness.main()
