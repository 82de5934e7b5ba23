"""What kernel_differential_test.py lets pass: the differences between the
kernel's forwarding and the switch's that are meant, each with the line of a
standard that allows or asks for what the switch does, and a predicate as narrow
as it can be said.  At most 30 (spec/testing.md 6b.3).
"""

import dataclasses
import re
import typing

MAX_ROWS = 30


@dataclasses.dataclass(frozen=True)
class Case:
    """One step that came out differently."""

    step: typing.Any  # twin_sequence.Step
    flow: typing.Any  # twin_sequence.Flow
    kernel: tuple  # of (port, normal packet), sorted
    switch: tuple
    reason: str  # why the switch dropped what it last got, or NONE
    before: tuple = ()  # steps of the same flow


@dataclasses.dataclass(frozen=True)
class Row:
    """One difference that is meant."""

    name: str
    standard: str
    why: str
    matches: typing.Callable[[Case], bool]
    # Whether the two still know the same of the flow behind it.
    goes_on: bool = False


def sent(outputs, **wanted):
    """Whether one packet alone was sent, with such values."""
    return len(outputs) == 1 and all(
        outputs[0][1][name] == value for name, value in wanted.items())


def is_whole(outputs):
    """Whether one whole packet came out."""
    return sent(outputs, offset=0, more=False)


def differs_in_mss(kernel, switch):
    """Whether one packet alone was sent by both, the same but for its MSS."""
    if len(kernel) != 1 or len(switch) != 1:
        return False
    without = []
    for port, values in kernel + switch:
        payload = re.sub("0204(....)", "0204", values["payload"][40:], count=1)
        head = values["payload"][:40]
        without.append((port, values | {"payload": head + payload}))
    return without[0] == without[1]


NOBODY = ("0a000063", "fd000000000000000000000000000099")


def is_to_nobody(case):
    """Whether the flow is to an address that no pod has."""
    return case.flow.ends.target.hex() in NOBODY


def was_reset(case):
    """Whether an end has sent a reset before."""
    return any(step.flags & 4 for step in case.before)


def flags_of(step):
    """Returns a segment's flags as they were sent."""
    flags = step.flags
    for offset, value in step.damage:
        flags ^= value if offset == 13 else 0
    return flags


def was_reset_unanswered(case):
    """Whether an end has sent a reset before there was an answer that is one: to
    a SYN, SYN+ACK."""
    begins = None
    for step in case.before:
        if flags_of(step) & 4:
            return True
        if step.bad_checksum or step.damage:
            continue
        if begins is None:
            begins = step
        if step.way != begins.way and (
                begins.flags & 18 != 2 or step.flags & 18 == 18):
            return False
    return False


def differs_in_source(case):
    """Whether a packet came out of both, of one with another source."""
    return is_whole(case.kernel) and is_whole(case.switch) and (
        case.kernel[0][1]["source"] != case.switch[0][1]["source"])


def was_reopened(case):
    """Whether an end has sent a SYN after a reset."""
    resets = [number for number, step in enumerate(case.before)
              if flags_of(step) & 4]
    return resets != [] and any(
        step.flags & 18 == 2 for step in case.before[resets[0]:])


def first_was_too_long(case):
    """Whether the flow's first packet did not fit into the link outside."""
    return case.before != () and case.before[0].size > 1340


def answers_a_leap(case):
    """Whether the other end has sent a segment that lies out of every window
    ahead of what it had sent."""
    reached = None
    for step in case.before:
        if step.way == case.step.way:
            continue
        if reached is not None and 65535 < (
                step.sequence - reached) % 2**32 < 2**31:
            return True
        reached = step.sequence + step.size
    return False


def damages(step, *offsets):
    """Whether a byte at one of the offsets in the message was changed."""
    return any(offset % (8 + step.size) in offsets  # of UDP and ICMP
               for offset, _ in step.damage)


def is_icmp(outputs, kind, code):
    """Whether ICMP errors of that kind were sent, and nothing else."""
    return outputs != () and all(
        values["payload"].startswith(f"{kind:02x}{code:02x}") and
        values["quoted"] is not None for _, values in outputs)


ROWS = (
    Row("fragment twice",
        "RFC 5722 section 3 (RFC 8200 section 4.5): a datagram with "
        "overlapping fragments is dropped; exact duplicates may be ignored",
        "The switch keeps no data to compare, so that it takes a duplicate "
        "for an overlap; FRAG_OVERLAP.",
        lambda case: case.step.order == "twice" and case.step.cuts != () and
        case.reason == "FRAG_OVERLAP" and is_whole(case.kernel)),
    Row("fragment lost",
        "RFC 1812 section 5.2.6: a router must not reassemble before it "
        "forwards",
        "The kernel forwards whole datagrams only, since it tracks "
        "connections; the switch forwards each fragment.",
        lambda case: case.step.order == "lost" and case.step.cuts != () and
        case.kernel == () and (
            case.reason == "NONE" or
            is_to_nobody(case) and case.reason == "HOST_UNREACHABLE")),
    Row("segment size of a SYN",
        "RFC 9293 section 3.7.1: the MSS says what fits; RFC 4459 section 3.2 "
        "has routers lower it",
        "The switch lowers the MSS to what both links hold; the kernel does so "
        "only if nftables says so.",
        lambda case: case.flow.protocol == 6 and case.step.flags & 2 != 0 and
        differs_in_mss(case.kernel, case.switch),
        goes_on=True),
    Row("reset behind the window",
        "RFC 5961 section 3.2: a reset whose number is outside of the window "
        "is dropped",
        "The kernel lets its receiver judge; the switch drops it.",
        lambda case: case.step.kind == "packet" and case.step.flags & 4 != 0
        and case.switch == () and case.reason == "CONNECTION_RST_WINDOW"),
    Row("unreachable rate of IPv4",
        "RFC 1812 section 4.3.2.8: a router should limit its ICMP errors",
        "The kernel's limit for unreachable routes cannot be lifted in a "
        "namespace.",
        lambda case: is_to_nobody(case) and case.kernel == () and
        is_icmp(case.switch, 3, 1),
        goes_on=True),
    Row("code of unreachable IPv6 hosts",
        "RFC 4443 section 3.1: code 3 if no other one fits, 0 if no route "
        "is there",
        "The kernel has a route that says unreachable and answers code 0; "
        "the switch knows the range but no such host, and answers code 3.",
        lambda case: is_to_nobody(case) and is_icmp(case.kernel, 1, 0) and
        is_icmp(case.switch, 1, 3),
        goes_on=True),
    Row("later fragments of a first one that was dropped",
        "RFC 1858 section 2.1: without their first fragment no host puts "
        "them together",
        "The switch gives later fragments their ports, and drops the first "
        "one alone for what its TCP header says.",
        lambda case: case.step.cuts != () and case.kernel == () and
        case.switch != () and all(values["offset"] != 0
                                  for _, values in case.switch)),
    Row("code of an echo",
        "RFC 792 and RFC 4443 section 4.2: sent as 0, and nothing is said "
        "about others",
        "The kernel tracks an echo by type, code and identifier, so that it "
        "knows neither an answer nor an error about one with another code; the "
        "switch leaves the code to the receiver.",
        lambda case: case.flow.protocol in (1, 58) and (
            damages(case.step, 1) or any(
                step.way == 0 and damages(step, 1) for step in case.before)) and
        case.kernel == () and is_whole(case.switch)),
    Row("after a reset before any answer",
        "RFC 7857 section 2.2: a connection is kept for a while after a reset",
        "The kernel forgets at once what was reset before an answer came that "
        "was one; the switch knows it as closed.",
        lambda case: case.flow.protocol == 6 and was_reset(case) and (
            case.reason == "CONNECTION_INVALID" and case.switch == () and
            is_whole(case.kernel) or
            (case.step.kind == "error" or case.step.flags & 18 == 18) and
            case.kernel == () and is_whole(case.switch)) or
        case.flow.protocol == 6 and (
            was_reset_unanswered(case) or
            was_reset(case) and any(step.damage for step in case.before)) and (
            differs_in_source(case) or case.kernel == () and (
                is_whole(case.switch) or case.reason == "MTU_EXCEEDED"))),
    Row("SYN after a reset",
        "RFC 9293 sections 3.5.1 and 3.10.7.1: it opens a connection, and an "
        "acknowledgment that answers it lets its sender reset",
        "The kernel notes such a SYN and takes no answer to it but SYN+ACK; to "
        "the switch it is the first of another connection.",
        lambda case: case.flow.protocol == 6 and was_reopened(case) and (
            case.kernel == () and is_whole(case.switch) or
            is_whole(case.kernel) and case.switch == () and
            case.reason == "CONNECTION_INVALID")),
    Row("reset behind a first packet that was too long",
        "RFC 1191 section 3: who sent it sends it again in shorter ones",
        "The kernel notes no connection for it; the switch does.",
        lambda case: case.flow.protocol == 6 and case.step.flags & 4 != 0 and
        first_was_too_long(case) and case.kernel == () and
        is_whole(case.switch)),
    Row("port that another connection has",
        "RFC 1812 section 5.2.7.1: unreachable is sent for what cannot be "
        "delivered",
        "A client's port before one end, reached both by a service and "
        "without: the kernel gives the later connection another port, the "
        "switch none, as pods keep theirs.",
        lambda case: case.reason == "NAT_PORTS_EXHAUSTED" and
        is_whole(case.kernel) and (is_icmp(case.switch, 3, 1) or
                                   is_icmp(case.switch, 1, 3))),
    Row("window of TCP in fragments",
        "RFC 1812 section 5.2.6: a router does not put fragments together",
        "A first fragment does not say where its segment ends, so that the "
        "switch lets the receiver look at the window.",
        lambda case: case.flow.protocol == 6 and case.kernel == () and (
            case.step.cuts != () or any(step.cuts for step in case.before)) and
        any(values["offset"] == 0 for _, values in case.switch)),
    Row("segment that begins nothing, to nobody",
        "RFC 1812 section 5.2.7.1: unreachable is sent for a host that is not "
        "there",
        "The kernel drops what is invalid before it looks for a route; the "
        "switch finds that nobody is there first.",
        lambda case: is_to_nobody(case) and case.flow.protocol == 6 and
        flags_of(case.step) & 23 not in (2, 16) and case.kernel == () and
        is_icmp(case.switch, 1, 3)),
    Row("answer from another UDP port",
        "RFC 4787 REQ-1 and REQ-8: mappings hold for every remote end, and "
        "whom the client has written to may answer from any port",
        "The kernel's source NAT knows connections only.",
        lambda case: case.flow.protocol == 17 and case.step.way == 1 and
        damages(case.step, 0, 1) and case.kernel == () and
        is_whole(case.switch)),
    Row("port that a service does not have",
        "RFC 1122 section 3.2.2.1: port unreachable is sent where nobody "
        "listens",
        "The kernel has no route to a service's address but the translation of "
        "its port; the switch knows that nobody listens there.",
        lambda case: case.reason == "SERVICE_NO_PORT" and
        case.flow.protocol == 17 and damages(case.step, 2, 3) and
        case.kernel == () and (is_icmp(case.switch, 3, 3) or
                               is_icmp(case.switch, 1, 4)),
        goes_on=True),
    Row("answer to a segment far ahead",
        "RFC 9293 section 3.10.7.4: what is not acceptable is answered with an "
        "acknowledgment",
        "What the segment says of its sender's numbers is news to the kernel, "
        "which then takes the answer for one of long ago.",
        lambda case: case.flow.protocol == 6 and answers_a_leap(case) and
        case.step.flags & 22 == 16 and case.kernel == () and
        is_whole(case.switch)),
    Row("reset after a SYN in the middle",
        "RFC 9293 section 3.5.1: an end that knows of no connection answers a "
        "SYN's answer with a reset, whose number is of that connection",
        "The kernel holds it against the windows of the connection that it "
        "knows; the switch lets the receiver look.",
        lambda case: case.flow.protocol == 6 and case.step.flags & 4 != 0 and
        any(step.way != case.step.way and step.flags & 18 == 2
            for step in case.before[1:]) and
        case.kernel == () and is_whole(case.switch)),
    Row("port of tunnels",
        "RFC 7348 section 7: nobody but tunnel end points may send into an "
        "overlay",
        "The switch takes nothing from a pod that looks like a tunnel's packet.",
        lambda case: case.reason == "TUNNEL_FROM_POD" and case.switch == () and
        is_whole(case.kernel)),
    Row("UDP datagram shorter than its packet",
        "RFC 768: the checksum covers as much as the length says",
        "The kernel takes all of the packet for covered.",
        lambda case: case.flow.protocol == 17 and damages(case.step, 4, 5) and
        case.kernel != () and case.switch == () and
        case.reason == "UDP_CSUM"),
    Row("numbers behind a client's SYN+ACK",
        "RFC 9293 section 3.5.2: such a segment ends the connection at its "
        "receiver",
        "Where the client's window lies behind it is a guess, and the two "
        "guess otherwise.",
        lambda case: case.flow.protocol == 6 and any(
            step.way == 0 and step.flags & 18 == 18 for step in case.before) and (
                case.kernel == () and is_whole(case.switch) or
                is_whole(case.kernel) and case.switch == () and
                case.reason == "CONNECTION_INVALID")),
    Row("a client's SYN+ACK in the middle",
        "RFC 9293 section 3.10.7.4: a SYN is no part of an open connection",
        "To the kernel the client may still answer a SYN of the server's that "
        "it has not seen.",
        lambda case: case.flow.protocol == 6 and case.step.way == 0 and
        case.step.flags & 18 == 18 and is_whole(case.kernel) and
        case.switch == () and case.reason == "CONNECTION_INVALID"),
    Row("numbers half of all numbers apart",
        "RFC 1982 section 3.2: which of them is the later one is not defined",
        "A sequence or acknowledgement number whose highest bit was changed is "
        "ahead to the kernel and behind to the switch.",
        lambda case: case.flow.protocol == 6 and any(
            (offset, 128) in step.damage
            for step in case.before + (case.step,) for offset in (4, 8)) and
        case.kernel == () and is_whole(case.switch)),
    Row("messages of the link that come from elsewhere",
        "RFC 2710 section 3 and RFC 4861 section 7.1: their hop limit is 1 or "
        "255, and all others are dropped",
        "The kernel leaves that to their receiver.",
        lambda case: case.flow.protocol == 58 and damages(case.step, 0) and
        case.switch == () and case.reason in ("MLD_INVALID", "ND_MALFORMED")),
)
