"""Bad input: each a clear error that names object and field, and the running
generation stays as it was."""

import harness
from harness import DemoTest, SwitchTest

USAGE, INVALID, CONFLICT, NOT_FOUND, FULL = 2, 4, 5, 6, 7


def pod(name, address, namespace="demo"):
    """Returns the YAML of a pod."""
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: "
            f"{namespace}}}\nstatus: {{podIPs: [{{ip: \"{address}\"}}]}}\n")


def policy(selector):
    """Returns the YAML of a policy."""
    return ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            "metadata: {name: bad, namespace: demo}\n"
            f"spec:\n  podSelector: {selector}\n")


class BadInputTest(DemoTest):
    """One switch; nothing may change it."""

    pods = ("frontend", "backend")

    def refused(self, status, words, *texts, stdin=None):
        """The command fails with that exit status, says all of `texts`, and
        the generation stays."""
        before = self.generation()
        done = self.lab.ctl(*words, check=False, text=stdin)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(self.generation(), before)

    def apply_refused(self, status, yaml, *texts):
        """Likewise, for apply."""
        self.refused(status, ["apply", "-f", "-"], *texts, stdin=yaml)

    def test_broken_yaml(self):
        """Names the line."""
        self.apply_refused(USAGE, "kind: [Pod\nmetadata: {", "standard input:")

    def test_unknown_field(self):
        """Names line and field."""
        self.apply_refused(USAGE, pod("x", "10.200.0.50") + "specs: {}\n",
                           "standard input:5:1", "Pod demo/x", "specs")

    def test_unknown_kind(self):
        """Names line and kind."""
        self.apply_refused(
            USAGE, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\n",
            "standard input:2:7", "Deployment")

    def test_unknown_operator(self):
        """Names object and field."""
        self.apply_refused(
            USAGE, policy("{matchExpressions: [{key: a, operator: Near}]}"),
            "NetworkPolicy demo/bad",
            "spec.podSelector.matchExpressions[0].operator", "Near", "NotIn")

    def test_bad_address(self):
        """The switch itself refuses it."""
        self.apply_refused(INVALID, pod("x", "10.200.0.300"), "Pod demo/x",
                           "10.200.0.300")

    def test_overlapping_addresses(self):
        """Both pods are named, in both families."""
        for address in ("10.200.0.11", "fd00:200::11"):
            with self.subTest(address=address):
                self.apply_refused(INVALID, pod("twin", address), "demo/twin",
                                   "demo/frontend", address)

    def test_a_bad_object_refuses_the_whole_transaction(self):
        """The good one of the two is not there."""
        self.apply_refused(
            INVALID, pod("good", "10.200.0.60") + "---\n" +
            pod("twin", "10.200.0.11"), "demo/twin")
        self.assertEqual(
            self.lab.ctl("get", "pod", "demo/good", check=False).returncode,
            NOT_FOUND)

    def test_port_name_exists(self):
        """Names the port."""
        self.refused(CONFLICT, ["port", "add", "demo/frontend", "--netns",
                                self.lab.namespace("frontend")],
                     "demo/frontend", "exists")

    def test_namespace_vanished(self):
        """Names the namespace; nothing is left of the port."""
        self.lab.ctl("apply", "-f", "-", text=pod("late", "10.200.0.70"))
        self.lab.add_namespace("late")
        self.lab.delete_namespace("late")
        done = self.lab.ctl("port", "add", "demo/late", "--netns",
                            self.lab.namespace("late"), check=False)
        self.assertIn(done.returncode, (NOT_FOUND, CONFLICT), done.stderr)
        self.assertIn(self.lab.namespace("late"), done.stderr)
        names = [port["resource"]["metadata"]["name"]
                 for port in self.lab.ctl_json("port", "list")["ports"]]
        self.assertNotIn("demo/late", names)

    def test_lower_epoch(self):
        """A second controller with a lower epoch is refused by name."""
        self.lab.ctl("apply", "-f", "-", "--manager", "controller/a",
                     "--epoch", "7", text=pod("owned", "10.200.0.80"))
        self.refused(CONFLICT, ["apply", "-f", "-", "--manager", "controller/a",
                                "--epoch", "6"], "controller/a", "7",
                     stdin=pod("owned", "10.200.0.81"))

    def test_another_owner(self):
        """The owner is named; force takes over."""
        self.lab.ctl("apply", "-f", "-", "--manager", "controller/b",
                     text=pod("theirs", "10.200.0.90"))
        changed = pod("theirs", "10.200.0.91")
        self.refused(CONFLICT, ["apply", "-f", "-"], "demo/theirs",
                     "controller/b", stdin=changed)
        self.lab.ctl("apply", "-f", "-", "--force", text=changed)

    def test_dry_run_changes_nothing(self):
        """It answers as the real one would."""
        before = self.generation()
        self.lab.ctl("apply", "--dry-run", "-f", "-",
                     text=pod("dry", "10.200.0.95"))
        self.assertEqual(self.generation(), before)
        self.assertEqual(
            self.lab.ctl("get", "pod", "demo/dry", check=False).returncode,
            NOT_FOUND)


class FullTableTest(SwitchTest):
    """A switch with room for few addresses."""

    options = {"identities": 1024, "table_memory_mb": 8}

    def test_a_full_table_is_refused_with_numbers(self):
        """And what fitted stays."""
        self.lab.ctl("apply", "-f", "-", text=pod("first", "10.200.0.2"))
        before = self.generation()
        many = "---\n".join(
            pod(f"p{i}", f"10.{100 + i // 250}.0.{1 + i % 250}")
            for i in range(3000))
        done = self.lab.ctl("apply", "-f", "-", text=many, check=False)
        self.assertEqual(done.returncode, FULL, done.stderr[:500])
        self.assertRegex(done.stderr, r"\d")
        self.assertEqual(self.generation(), before)
        self.lab.ctl("get", "pod", "demo/first")


if __name__ == "__main__":
    harness.main()
