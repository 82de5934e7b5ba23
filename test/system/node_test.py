"""The node itself: it reaches its pods, whatever isolates them, and is
reached by them."""

import harness
from checks import ADDRESS
from harness import DemoTest

NODE = {4: "192.0.2.1", 6: "2001:db8::1"}
# The node reaches its pods' ranges through the switch.
NODE_RESOURCE = """
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.200.0.0/24, "fd00:200::/64"]}
"""


class NodeTest(DemoTest):
    """A host port in a namespace that plays the node."""

    pods = ("frontend", "backend")

    @classmethod
    def start(cls):
        super().start()
        cls.lab.ctl("apply", "-f", "-", text=NODE_RESOURCE)
        cls.lab.ctl("port", "add", "node", "--kind", "host", "--netns",
                    cls.lab.add_namespace("node"), "--interface", "vswitch0",
                    "--address", NODE[4], "--address", NODE[6])

    def ping(self, name, address):
        """Returns whether the address answers."""
        return self.lab.run(name, "ping", "-c", "2", "-i", "0.2", "-W", "2",
                            address)

    def test_node_reaches_pods_and_is_reached(self):
        """Also the pod that a policy isolates."""
        for family in (4, 6):
            for source, to in (("node", ADDRESS["frontend"][family]),
                               ("node", ADDRESS["backend"][family]),
                               ("frontend", NODE[family])):
                with self.subTest(source=source, to=to):
                    done = self.ping(source, to)
                    self.assertEqual(done.returncode, 0, done.stdout)
        self.check_balance()

    def test_pods_still_do_not_reach_the_isolated_one(self):
        """The node's right is not the pods'."""
        done = self.ping("frontend", ADDRESS["backend"][4])
        self.assertNotEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    harness.main()
