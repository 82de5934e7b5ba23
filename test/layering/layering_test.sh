#!/bin/sh
# Runs layering_test.py with the machine's own Python.
exec /usr/bin/python3 test/layering/layering_test.py
