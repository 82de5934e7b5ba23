"""One end of a numbered stream; each end writes {number: time} as JSON when it
is told to stop (SIGTERM).

    stream.py udp-send ADDRESS PORT INTERVAL_MS FILE
    stream.py udp-receive PORT FILE
    stream.py tcp-send ADDRESS PORT INTERVAL_MS FILE    one connection; what
        counts as sent is what came back
    stream.py tcp-receive PORT FILE                     sends everything back
"""

import json
import pathlib
import signal
import socket
import struct
import sys
import time

NUMBER = struct.Struct("!Q")
BUFFER_BYTES = 8 << 20


class Stopped(Exception):
    """SIGTERM came."""


def stop(*unused):
    """Ends the loop of this end."""
    raise Stopped


def family(address):
    """Returns the socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_send(address, port, interval_ms, times):
    """Sends a number each interval."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.connect((address, int(port)))
        number = 0
        while True:
            now = time.monotonic()
            try:
                sock.send(NUMBER.pack(number))
            except ConnectionRefusedError:
                pass
            # After it was sent: the end may come in between.
            times[number] = now
            number += 1
            time.sleep(float(interval_ms) / 1e3)


def dual_stack(kind, port):
    """Returns a socket bound to the port in both families."""
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    sock.bind(("::", int(port)))
    return sock


def udp_receive(port, times):
    """Notes when each number came."""
    with dual_stack(socket.SOCK_DGRAM, port) as sock:
        while True:
            number, = NUMBER.unpack(sock.recv(NUMBER.size))
            times[number] = time.monotonic()


def receive_exactly(sock, size):
    """Returns `size` bytes, or fewer at the end of the connection."""
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def tcp_send(address, port, interval_ms, times):
    """Sends a number, waits until it is back, and so on, over one
    connection; a connection that ends is not made again."""
    with socket.create_connection((address, int(port)), timeout=60) as sock:
        number = 0
        while True:
            sock.sendall(NUMBER.pack(number))
            answer = receive_exactly(sock, NUMBER.size)
            if answer != NUMBER.pack(number):
                raise ConnectionError(f"number {number} came back as {answer}")
            times[number] = time.monotonic()
            number += 1
            time.sleep(float(interval_ms) / 1e3)


def tcp_receive(port, times):
    """Sends every number back, one connection after the other."""
    with dual_stack(socket.SOCK_STREAM, port) as listener:
        listener.listen()
        while True:
            sock, _ = listener.accept()
            with sock:
                while data := receive_exactly(sock, NUMBER.size):
                    number, = NUMBER.unpack(data)
                    times[number] = time.monotonic()
                    sock.sendall(data)


def main(role, *arguments):
    """Runs one end."""
    signal.signal(signal.SIGTERM, stop)
    *arguments, path = arguments
    times = {}
    ends = {"udp-send": udp_send, "udp-receive": udp_receive,
            "tcp-send": tcp_send, "tcp-receive": tcp_receive}
    try:
        ends[role](*arguments, times)
    except Stopped:
        pass
    finally:
        pathlib.Path(path).write_text(json.dumps(times), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
