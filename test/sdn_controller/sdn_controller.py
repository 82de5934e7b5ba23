"""A small SDN controller that knows the switch only by its published API.

It shows that the API stands alone: nothing here is shared with the switch but
proto/vswitch/v1, whose Python stubs any build makes.  It adds a port with its
pod, sets a policy, waits until the policy is enforced, and reads drops.
"""

import grpc

from proto.vswitch.v1 import (admin_pb2, admin_pb2_grpc, config_pb2,
                              config_pb2_grpc, error_pb2, observe_pb2,
                              observe_pb2_grpc, port_pb2, port_pb2_grpc,
                              resource_pb2)

DETAILS_KEY = "grpc-status-details-bin"


class Refused(Exception):
    """The switch refused something; `details` names resource and field."""

    def __init__(self, error):
        super().__init__(error.details())
        self.code = error.code()
        self.details = []
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS_KEY:
                status = error_pb2.RpcStatus.FromString(value)
                for packed in status.details:
                    detail = error_pb2.ErrorDetail()
                    if packed.Unpack(detail):
                        self.details.append(detail)


class Controller:
    """One controller, with its name and its epoch."""

    def __init__(self, socket, name, epoch):
        # Environment's proxies have no business on a unix socket.
        self.channel = grpc.insecure_channel(
            f"unix:{socket}", options=[("grpc.enable_http_proxy", 0)])
        self.manager = config_pb2.Manager(name=f"controller/{name}",
                                          epoch=epoch)
        self.config = config_pb2_grpc.ConfigServiceStub(self.channel)
        self.ports = port_pb2_grpc.PortServiceStub(self.channel)
        self.observe = observe_pb2_grpc.ObserveServiceStub(self.channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)

    @staticmethod
    def call(method, request, timeout=20):
        """Calls a method; an error becomes Refused."""
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def apply(self, upserts=(), deletes=()):
        """Applies one transaction and waits until it is enforced."""
        return self.call(self.config.Apply, config_pb2.ApplyRequest(
            upserts=upserts, deletes=deletes, manager=self.manager,
            wait_for=config_pb2.WAIT_FOR_ENFORCED))

    def add_pod(self, name, addresses, labels, netns):
        """Adds a pod and its port, in one transaction."""
        namespace, _, short = name.partition("/")
        pod = resource_pb2.Resource(
            metadata=resource_pb2.Metadata(name=short, namespace=namespace,
                                           labels=labels),
            pod=resource_pb2.Pod(pod_ips=addresses))
        port = resource_pb2.Port(
            kind=resource_pb2.PORT_KIND_POD,
            driver=resource_pb2.PORT_DRIVER_TAP, pod_namespace=namespace,
            pod_name=short, netns=netns)
        return self.call(self.ports.AddPort, port_pb2.AddPortRequest(
            name=name, port=port, manager=self.manager, resources=[pod]))

    def delete_port(self, name):
        """Deletes a port."""
        return self.call(self.ports.DeletePort, port_pb2.DeletePortRequest(
            name=name, manager=self.manager))

    def isolate(self, namespace, name, who, from_whom):
        """Lets only pods labelled `from_whom` reach those labelled `who`."""
        policy = resource_pb2.NetworkPolicy(
            pod_selector=resource_pb2.LabelSelector(match_labels=who),
            policy_types=[resource_pb2.POLICY_TYPE_INGRESS])
        rule = policy.ingress.add()
        rule.peers.add().pod_selector.match_labels.update(from_whom)
        return self.apply([resource_pb2.Resource(
            metadata=resource_pb2.Metadata(name=name, namespace=namespace),
            network_policy=policy)])

    def explain(self, source, destination, port):
        """Asks what would happen to a TCP flow."""
        return self.call(self.observe.Explain, observe_pb2.ExplainRequest(
            source=observe_pb2.ExplainPeer(pod=source),
            destination=observe_pb2.ExplainPeer(pod=destination),
            protocol=6, destination_port=port))

    def drops(self, reason):
        """Returns how many packets were dropped for a reason, and the latest
        records of them."""
        answer = self.call(self.observe.GetDrops,
                           observe_pb2.GetDropsRequest(max_records=100))
        return (sum(row.packets for row in answer.drops
                    if row.reason == reason),
                [record for record in answer.records
                 if record.reason == reason])

    def status(self):
        """Returns the switch's status."""
        return self.call(self.admin.GetStatus, admin_pb2.GetStatusRequest())
