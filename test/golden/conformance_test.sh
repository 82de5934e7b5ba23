#!/bin/sh
# Runs conformance_test.py with the machine's own Python.
exec /usr/bin/python3 test/golden/conformance_test.py
