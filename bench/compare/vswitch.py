"""Our switch as a peer: the real daemons, the whole pipeline.

A pod behind one DPDK port, the clients behind an uplink; a LoadBalancer service
before the pod, and a NetworkPolicy that lets the clients in and the pod not
out, so that a packet of the pod passes as an answer or not at all.
"""

import json
import time

import frames
from peers import MEASURED_CPU, PeerError

# pylint: disable=wrong-import-order
from lab import Lab, LabError, children_of, wait_until

SPARE_BUFFERS = 16384
LEAST_CONNECTIONS = 65536


def manifest(traffic, devices):
    """Returns the resources of the node, as JSON."""
    family = traffic.family
    protocol = traffic.protocol.upper()
    pod, service = frames.POD[family], frames.SERVICE[family]
    cluster_ip = {4: "10.96.0.1", 6: "fd96::1"}[family]
    port = {"name": "p", "protocol": protocol}
    labels = {"app": "server"}
    objects = [
        ("v1", "Node", {"name": "bench"}, {
            "spec": {"podCIDRs": ["10.0.0.0/16", "fd00::/64"]},
            "status": {"addresses": [
                {"type": "InternalIP", "address": "192.168.0.1"},
                {"type": "InternalIP", "address": "fd01::1"}]}}),
        # One direction's ring begins before the other's, which never answers
        # in time if what is not answered has little room.
        ("vswitch.dev/v1", "Settings", {"name": "default"}, {
            "spec": {"connectionLimits": {"halfOpen": 0}}}),
        ("v1", "Namespace", {"name": "bench"}, {}),
        ("v1", "Pod", {"name": "server", "namespace": "bench",
                       "labels": labels}, {
            "spec": {"nodeName": "bench"},
            "status": {"podIPs": [{"ip": pod}]}}),
        ("v1", "Service", {"name": "web", "namespace": "bench"}, {
            "spec": {
                "type": "LoadBalancer", "clusterIP": cluster_ip,
                "clusterIPs": [cluster_ip], "ipFamilies": [f"IPv{family}"],
                "allocateLoadBalancerNodePorts": False,
                "ports": [port | {"port": frames.SERVICE_PORT,
                                  "targetPort": frames.POD_PORT}]},
            "status": {"loadBalancer": {"ingress": [{"ip": service}]}}}),
        ("discovery.k8s.io/v1", "EndpointSlice", {
            "name": "web-1", "namespace": "bench",
            "labels": {"kubernetes.io/service-name": "web"}}, {
                "addressType": f"IPv{family}",
                "ports": [port | {"port": frames.POD_PORT}],
                "endpoints": [{"addresses": [pod], "nodeName": "bench",
                               "conditions": {"ready": True}}]}),
        ("networking.k8s.io/v1", "NetworkPolicy", {
            "name": "clients", "namespace": "bench"}, {
                "spec": {
                    "podSelector": {"matchLabels": labels},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{
                        "from": [{"ipBlock": {
                            "cidr": frames.CLIENT_NET[family]}}],
                        "ports": [{"protocol": protocol,
                                   "port": frames.POD_PORT}]}]}}),
    ]
    ports = [("uplink", {"kind": "Uplink", "device": devices[0],
                         "mac": frames.CLIENT_MAC}),
             ("bench/server", {"kind": "Pod", "pod": "bench/server",
                               "device": devices[1], "mac": frames.POD_MAC})]
    objects += [("vswitch.dev/v1", "Port", {"name": name},
                 {"spec": spec | {"driver": "DPDK"}}) for name, spec in ports]
    return "\n---\n".join(
        json.dumps({"apiVersion": version, "kind": kind,
                    "metadata": metadata} | rest)
        for version, kind, metadata, rest in objects)


class Vswitch:
    """vswitchd, vswitch-controlplane and vswitch-dataplane."""

    name = "vswitch"
    mode = "switch"

    def __init__(self, setup, programs):
        self.setup = setup
        self.lab = Lab("vswitch-compare", setup.folder / "vswitch", programs)

    def __enter__(self):
        setup = self.setup
        setup.parts = 1
        setup.write_rings()
        self.lab.prepare()
        try:
            self.lab.start_switch(
                workers=1, cpus=f"[{MEASURED_CPU}]", poll="busy",
                packet_buffers=2 * setup.traffic.packets + SPARE_BUFFERS,
                connections=max(LEAST_CONNECTIONS, 2 * setup.traffic.flows),
                node_name="bench")
            devices = [setup.device(0, 0, True), setup.device(1, 0, False)]
            self.lab.ctl("apply", "-f", "-",
                         text=manifest(setup.traffic, devices))
            wait_until(self._ready, "the ports", 60)
        except LabError as error:
            log = self.lab.log("vswitchd.log")
            self.lab.clean()
            raise PeerError(f"vswitch: {error}\n{log}") from None
        except BaseException:
            self.lab.clean()
            raise
        return self

    def _ready(self):
        return self.sent()[0] > 0

    def sent(self):
        """Returns packets sent so far, and when."""
        counters = self.lab.ctl_json("counters")
        now = time.monotonic()
        return sum(int(port.get("txPackets", 0))
                   for port in counters["ports"]), now

    def pids(self):
        """Returns the processes to be stopped while others are measured: the
        supervisor first, or it would miss its children."""
        supervisor = self.lab.switch.pid
        return [supervisor, *children_of(supervisor)]

    def megabytes(self):
        """Returns the huge pages that it takes, in MB."""
        traffic = self.setup.traffic
        buffers = 2 * traffic.packets + SPARE_BUFFERS
        connections = max(LEAST_CONNECTIONS, 2 * traffic.flows)
        return (buffers * 2560 + connections * 256) // (1 << 20) + 384

    def check_state(self):
        """Raises unless every flow has a connection of its own."""
        made = self.lab.ctl_json("counters")["totals"]["connectionsInserted"]
        if int(made) < self.setup.traffic.flows:
            raise PeerError(f"vswitch made {made} connections of "
                            f"{self.setup.traffic.flows}")

    def __exit__(self, *unused):
        self.lab.clean()

