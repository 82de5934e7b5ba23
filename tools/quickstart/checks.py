"""What ./quickstart shows: real HTTP through the switch, in both families, and
what the switch says about it."""

import json
import re
import time

from lab import LabError, wait_until

POLICY = "demo/backend-from-frontend"
MISTAKE = "demo/frontend-egress"  # wants port 443
SERVICE = {4: "10.201.0.80", 6: "fd00:201::80"}
GATEWAY = {4: "10.200.0.1", 6: "fd00:200::1"}
ADDRESS = {
    "frontend": {4: "10.200.0.11", 6: "fd00:200::11"},
    "backend": {4: "10.200.0.12", 6: "fd00:200::12"},
    "backend-2": {4: "10.200.0.13", 6: "fd00:200::13"},
    "intruder": {4: "10.200.0.14", 6: "fd00:200::14"},
}
BACKENDS = ("backend", "backend-2")
HTTP_PORT = 80
IPERF_PORT = 5201
# A dropped SYN is answered by nobody; the kernel would send the next one
# after a second.
CONNECT_SECONDS = 0.9
HTTP_OK = "200"
SHADOW_SECONDS = 5


class Report:
    """Prints one line a check and counts them."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, holds, what, told):
        """Prints the outcome of one check."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if holds else 'FAILED'}  {what}  {told}", flush=True)


def host(address):
    """Returns the address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def fetch(lab, pod, address, port=HTTP_PORT):
    """Returns (HTTP status or None, body) of a request from a pod."""
    done = lab.run(pod, "curl", "--silent", "--show-error", "--noproxy", "*",
                   "--connect-timeout", str(CONNECT_SECONDS), "--max-time", "5",
                   "--write-out", "\n%{http_code}",
                   f"http://{host(address)}:{port}/")
    body, _, code = done.stdout.rpartition("\n")
    return (code if done.returncode == 0 else None), body.strip()


def set_up(lab, examples):
    """Starts the switch, the pods, and what runs in them."""
    lab.start_switch()
    lab.ctl("apply", "-f", examples)
    for pod in ADDRESS:
        lab.ctl("port", "add", f"demo/{pod}", "--netns", lab.add_namespace(pod))
    for pod in BACKENDS:
        pages = lab.folder / "www" / pod
        pages.mkdir(parents=True)
        (pages / "index.html").write_text(f"hello from {pod}\n",
                                          encoding="utf-8")
        # On :: Python's server takes both families.
        lab.spawn(["/usr/bin/python3", "-m", "http.server", str(HTTP_PORT),
                   "--bind", "::", "--directory", pages],
                  name=pod, log=f"http-{pod}.log")
    for pod in BACKENDS:
        wait_until(lambda pod=pod: fetch(lab, pod, "127.0.0.1")[0] == HTTP_OK,
                   f"the HTTP server of {pod}")


def explain(lab, source, destination, family, port=HTTP_PORT):
    """Returns what the switch says would happen."""
    return lab.ctl_json("explain", f"demo/{source}", destination,
                        "--protocol", "tcp", "--port", str(port),
                        "--family", str(family))


def check_allowed(lab, report, family, source, to, address, words):
    """One request that must be answered, by the rule that explain names."""
    status, body = fetch(lab, source, address)
    said = explain(lab, source, to, family)
    holds = (status == HTTP_OK and body.startswith("hello from backend") and
             said["allowed"] and POLICY in said["summary"])
    answer = f"HTTP {status}" if status else "no answer"
    report.check(holds, f"{source} -> {words}",
                 f"{said['summary']}  (IPv{family}, {answer})")


def check_denied(lab, report, family, source, to, address, words,
                 port=HTTP_PORT):
    """One request that must not be answered, for the reason that explain
    names."""
    status, _ = fetch(lab, source, address, port)
    said = explain(lab, source, to, family, port)
    holds = (status is None and not said["allowed"] and
             said["reason"] == "POLICY_DENIED" and POLICY in said["summary"])
    answer = f"HTTP {status}" if status else "no answer"
    report.check(holds, f"{source} -> {words}",
                 f"{said['summary']}  (IPv{family}, {answer})")


def check_gateway(lab, report, family):
    """The switch itself answers a ping."""
    done = lab.run("frontend", "ping", "-c", "3", "-i", "0.2", "-W", "1",
                   GATEWAY[family])
    times = re.search(r"= [\d.]+/([\d.]+)/", done.stdout)
    report.check(done.returncode == 0,
                 f"frontend -> gateway {GATEWAY[family]}",
                 f"ping  (IPv{family}, "
                 f"{times.group(1) + ' ms' if times else 'no answer'})")


def check_balancing(lab, report, family):
    """Both back ends get their share of the service's connections."""
    counts = dict.fromkeys(BACKENDS, 0)
    requests = 16
    for _ in range(requests):
        _, body = fetch(lab, "frontend", SERVICE[family])
        name = body.replace("hello from ", "")
        counts[name] = counts.get(name, 0) + 1
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    report.check(sum(counts[name] for name in BACKENDS) == requests and
                 all(counts[name] for name in BACKENDS),
                 "service demo/backend has two back ends",
                 f"{requests} requests: {told}  (IPv{family})")


def check_family(lab, report, family):
    """All checks of one family."""
    check_gateway(lab, report, family)
    check_allowed(lab, report, family, "frontend", "service:demo/backend",
                  SERVICE[family], "service demo/backend:80")
    check_allowed(lab, report, family, "frontend", "pod:demo/backend",
                  ADDRESS["backend"][family], "demo/backend:80")
    check_denied(lab, report, family, "intruder", "pod:demo/backend",
                 ADDRESS["backend"][family], "demo/backend:80")
    check_denied(lab, report, family, "intruder", "service:demo/backend",
                 SERVICE[family], "service demo/backend:80")
    check_denied(lab, report, family, "frontend", "pod:demo/backend",
                 ADDRESS["backend"][family], "demo/backend:81", port=81)
    check_balancing(lab, report, family)


def throughput(lab, family, seconds=2):
    """Returns bits a second of one TCP connection between two pods."""
    server = lab.spawn(["iperf3", "--server", "--one-off", "--port",
                        str(IPERF_PORT)], name="frontend",
                       log=f"iperf3-{family}.log")
    wait_until(lambda: f":{IPERF_PORT} " in
               lab.run("frontend", "ss", "-Hltn").stdout, "iperf3's server")
    done = lab.run("backend", "iperf3", "--client",
                   ADDRESS["frontend"][family], "--port", str(IPERF_PORT),
                   "--time", str(seconds), "--json")
    server.wait(timeout=10)
    try:
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]
    except (ValueError, KeyError):
        raise LabError(f"iperf3: {done.stdout[-300:]}{done.stderr}") from None


def check_throughput(lab, report):
    """Bulk TCP in both families, and what the switch counted."""
    for family in (4, 6):
        rate = throughput(lab, family)
        report.check(rate > 0, "backend -> demo/frontend:5201",
                     f"{rate / 1e9:.2f} Gbit/s of TCP  (IPv{family}, iperf3)")
    ports = lab.ctl_json("counters")["ports"]
    forwarded = sum(port["forwardedPackets"] for port in ports)
    dropped = sum(port["rxDroppedPackets"] + port["txDroppedPackets"]
                  for port in ports)
    report.check(forwarded > 0, "packets",
                 f"{forwarded} forwarded, {dropped} dropped")


def check_diff(lab, report, folder):
    """What manifests would change is told before they are applied."""
    for words, path, status in (
            ("policy diff, the policies in force",
             folder.parent / "quickstart/policy.yaml", 0),
            ("policy diff, a policy with the wrong port",
             folder / "frontend-egress.yaml", 3)):
        done = lab.ctl("policy", "diff", "--manifests", path, "-o", "json",
                       check=False)
        pairs = json.loads(done.stdout)["pairs"] if done.stdout else []
        denied = [f"demo/frontend -> {name} {pair['traffic']}"
                  for pair in pairs for name in pair["to"]
                  if "demo/frontend" in pair["from"] and
                  pair["after"] == "deny"]
        # Only the mistaken policy changes anything, also for the back ends.
        found = any("demo/backend " in line for line in denied)
        told = (f"would deny {denied[0]}, and {len(denied) - 1} pairs more"
                if denied else "nothing would change")
        report.check(done.returncode == status and found == (status == 3),
                     words, f"{told}  (exit status {done.returncode})")


def check_shadow(lab, report, folder):
    """A policy in shadow mode counts, and drops nothing."""
    lab.ctl("apply", "-f", folder / "frontend-egress-shadow.yaml")
    answers = [fetch(lab, "frontend", SERVICE[family])[0] for family in (4, 6)]
    report.check(answers == [HTTP_OK] * 2,
                 "frontend -> service demo/backend:80",
                 f"HTTP {answers[0]} and {answers[1]}, though the shadow "
                 f"policy {MISTAKE} wants port 443")
    began = time.monotonic()
    connections = 0
    # The workers tell of connections soon after they forwarded them.
    while connections < 2 and time.monotonic() - began < SHADOW_SECONDS:
        time.sleep(0.05)
        denials = lab.ctl_json("policy", "shadow", MISTAKE).get("denials", [])
        connections = sum(int(row["connections"]) for row in denials)
    pairs = ", ".join(sorted({
        f"{row['source']['name']} -> {row['destination']['name']} "
        f"{row['latest']['protocolName']} {row['latest']['destinationPort']}"
        for row in denials}))
    report.check(connections == 2, f"policy shadow {MISTAKE}",
                 f"would have dropped {connections} connections: {pairs}")


def check_books(lab, report):
    """Drops are named, and every packet is accounted for."""
    drops = lab.ctl_json("drops")["drops"]
    denied = sum(row["packets"] for row in drops
                 if row["reason"] == "POLICY_DENIED")
    report.check(denied > 0, "drops", f"{denied} packets as POLICY_DENIED")
    balance = lab.ctl("check", "balance", check=False)
    lines = balance.stdout.strip().splitlines()
    report.check(balance.returncode == 0, "balance",
                 lines[-1] if lines else balance.stderr.strip())


def demonstrate(lab, examples):
    """Runs everything; returns whether every check passed."""
    began = time.monotonic()
    set_up(lab, examples)
    report = Report()
    for family in (4, 6):
        check_family(lab, report, family)
    check_throughput(lab, report)
    check_diff(lab, report, examples.parent / "what-if")
    check_shadow(lab, report, examples.parent / "what-if")
    for title, words in (("drops", ("drops", "--records", "3")),
                         ("connections", ("connections", "--limit", "10")),
                         ("counters", ("counters",))):
        print(f"\n{title}:\n{lab.ctl(*words).stdout}", flush=True)
    check_books(lab, report)
    print(f"\n{report.passed} checks ok, {report.failed} failed, in "
          f"{time.monotonic() - began:.0f} s")
    return report.failed == 0
