"""Changes while traffic runs: ports that come and go, and policies."""

import pathlib
import time

import harness
from checks import ADDRESS, POLICY
from harness import EXAMPLES, DemoTest, Stream

EXTRA_POD = """
apiVersion: v1
kind: Pod
metadata: {name: extra, namespace: demo, labels: {role: extra}}
status: {podIPs: [{ip: 10.200.0.99}, {ip: "fd00:200::99"}]}
"""
UDP_PORT = 7000
# Past what is on its way when the answer comes.
SETTLE_SECONDS = 0.05


class ChangeTest(DemoTest):
    """One switch for all cases; each puts back what it changed."""

    def test_ports_come_and_go_without_loss(self):
        """Other ports' packets do not notice."""
        self.lab.ctl("apply", "-f", "-", text=EXTRA_POD)
        namespace = self.lab.add_namespace("extra")
        for family in (4, 6):
            with self.subTest(family=family):
                stream = Stream(self.lab, "udp", "backend", ["frontend"],
                                ADDRESS["frontend"][family], UDP_PORT)
                for _ in range(5):
                    self.lab.ctl("port", "add", "demo/extra", "--netns",
                                 namespace)
                    done = self.lab.run("extra", "ping", "-c", "1", "-W", "2",
                                        ADDRESS["frontend"][family])
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.lab.ctl("port", "delete", "demo/extra")
                    links = self.lab.run("extra", "ip", "-br", "link").stdout
                    self.assertNotIn("eth0", links)
                sent, received = stream.stop()
                self.assertGreater(len(sent), 100)
                self.assertEqual(sorted(set(sent) - set(received)), [])
        self.lab.delete_namespace("extra")
        self.lab.ctl("delete", "pod", "demo/extra")
        self.check_balance()

    def test_a_policy_holds_from_the_answer_on(self):
        """No packet that was sent after ENFORCED passes, and none that is
        allowed is lost."""
        for family in (4, 6):
            with self.subTest(family=family):
                self._change_policy(family)
        self.check_balance()

    def _change_policy(self, family):
        self.lab.ctl("delete", "networkpolicy", POLICY)
        denied = Stream(self.lab, "udp", "intruder", ["backend"],
                        ADDRESS["backend"][family], UDP_PORT)
        other = Stream(self.lab, "udp", "intruder", ["frontend"],
                       ADDRESS["frontend"][family], UDP_PORT)
        time.sleep(0.5)
        self.lab.ctl("apply", "-f", EXAMPLES / "policy.yaml")
        enforced = time.monotonic()
        time.sleep(0.7)
        before_delete = time.monotonic()
        self.lab.ctl("delete", "networkpolicy", POLICY)
        allowed_again = time.monotonic()
        time.sleep(0.5)
        sent, received = denied.stop()
        others_sent, others_received = other.stop()
        self.lab.ctl("apply", "-f", EXAMPLES / "policy.yaml")
        while_denied = [number for number, at in sent.items()
                        if enforced + SETTLE_SECONDS < at < before_delete]
        self.assertGreater(len(while_denied), 50)
        self.assertEqual([n for n in while_denied if n in received], [])
        after = [number for number, at in sent.items()
                 if at > allowed_again + SETTLE_SECONDS]
        self.assertGreater(len(after), 50)
        self.assertEqual([n for n in after if n not in received], [])
        self.assertEqual(sorted(set(others_sent) - set(others_received)), [])

    def test_an_established_connection_is_judged_again(self):
        """A TCP connection ends to work when the policy no longer lets it."""
        stream = Stream(self.lab, "tcp", "frontend", ["backend"],
                        ADDRESS["backend"][4], 80, interval_ms=5)
        time.sleep(0.3)
        text = pathlib.Path(EXAMPLES, "policy.yaml").read_text(
            encoding="utf-8")
        self.lab.ctl("apply", "-f", "-",
                     text=text.replace("role: frontend", "role: nobody"))
        enforced = time.monotonic()
        time.sleep(0.5)
        back = time.monotonic()
        self.lab.ctl("apply", "-f", EXAMPLES / "policy.yaml")
        # TCP sends again after a doubled timeout: it may take some seconds.
        time.sleep(2)
        answered, _ = stream.stop()
        while_denied = [at for at in answered.values()
                        if enforced + SETTLE_SECONDS < at < back]
        self.assertEqual(while_denied, [])
        self.assertTrue([at for at in answered.values() if at > back])


if __name__ == "__main__":
    harness.main()
