"""Either child is killed with -9 while traffic runs."""

import time

import harness
from checks import ADDRESS, SERVICE, fetch
from harness import DemoTest, Stream, kill
from lab import wait_until

UDP_PORT = 7000


class RestartTest(DemoTest):
    """One switch for all cases: they add up, as restarts do."""

    def process(self, name):
        """Returns the status of a process."""
        return next(process for process in self.lab.status()["processes"]
                    if process["name"] == name)

    def kill_and_wait(self, name):
        """Kills a child, waits for the next one; returns its status."""
        before = self.process(name)
        kill(before["pid"])

        def restarted():
            status = self.lab.ctl("status", "-o", "json", check=False)
            if status.returncode != 0:
                return None
            now = self.process(name)
            return now if (now["running"] and now["pid"] != before["pid"] and
                           now["lastGapMs"] > 0) else None

        now = wait_until(restarted, f"the next {name}", 20)
        self.assertEqual(now["restarts"], before["restarts"] + 1)
        return now

    def check_policy(self, family):
        """The policy and the service are those from before."""
        self.assertEqual(fetch(self.lab, "intruder",
                               ADDRESS["backend"][family])[0], None)
        said = self.lab.ctl_json("explain", "demo/intruder", "pod:demo/backend",
                                 "--port", "80", "--family", str(family))
        self.assertEqual(said["reason"], "POLICY_DENIED")

    def test_control_plane_killed_and_no_packet_is_lost(self):
        """The dataplane does not need it."""
        for family in (4, 6):
            with self.subTest(family=family):
                stream = Stream(self.lab, "udp", "backend", ["frontend"],
                                ADDRESS["frontend"][family], UDP_PORT, 1.0)
                time.sleep(0.3)
                generation = self.generation()
                status = self.kill_and_wait("controlplane")
                time.sleep(0.5)
                sent, received = stream.stop()
                self.assertGreater(len(sent), 300)
                self.assertEqual(sorted(set(sent) - set(received)), [])
                self.assertLess(status["lastGapMs"], 10_000)
                self.assertGreaterEqual(self.generation(), generation)
                self.check_policy(family)
                pods = self.lab.ctl_json("get", "pods")["items"]
                self.assertEqual(len(pods), len(self.pods))
        self.check_balance()

    def test_dataplane_killed_and_connections_live(self):
        """Traffic returns with the same policy and the same connections, also
        those that a service translates."""
        for family in (4, 6):
            with self.subTest(family=family):
                direct = Stream(self.lab, "tcp", "backend", ["frontend"],
                                ADDRESS["frontend"][family], UDP_PORT, 5)
                service = Stream(self.lab, "tcp", "frontend",
                                 ["backend", "backend-2"], SERVICE[family], 80,
                                 5)
                time.sleep(0.5)
                status = self.kill_and_wait("dataplane")
                self.assertLess(status["lastGapMs"], 10_000)
                self.check_policy(family)
                returned = time.monotonic()
                # TCP sends again after a doubled timeout.
                time.sleep(3)
                for stream in (direct, service):
                    self.assertIsNone(stream.sender.poll(),
                                      self.lab.log("streams.log"))
                    answered, _ = stream.stop()
                    self.assertTrue([at for at in answered.values()
                                     if at > returned])
        drops = self.lab.ctl("drops").stdout
        self.check_balance()
        self.assertNotIn("BUG", drops)

    def test_nothing_passes_that_must_not_while_the_dataplane_restarts(self):
        """The saved policy holds from the first packet."""
        stream = Stream(self.lab, "udp", "intruder", ["backend"],
                        ADDRESS["backend"][4], UDP_PORT, 1.0)
        time.sleep(0.2)
        self.kill_and_wait("dataplane")
        time.sleep(0.5)
        sent, received = stream.stop()
        self.assertGreater(len(sent), 300)
        self.assertEqual(received, {})


if __name__ == "__main__":
    harness.main()
