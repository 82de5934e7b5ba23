#!/bin/sh
# Runs a system test with the machine's own Python, whatever is first on PATH:
# only that one has Debian's gRPC.
exec /usr/bin/python3 "$1"
