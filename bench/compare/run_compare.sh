#!/bin/sh
# Runs the comparison with the machine's own Python, from the runfiles.
if [ -d "$0.runfiles/vswitch" ]; then cd "$0.runfiles/vswitch" || exit 1; fi
exec /usr/bin/python3 bench/compare/compare.py "$@"
