#!/bin/sh
# The unit stays as closed as it is: systemd's own score (10 is wide open) may
# not grow, and an empty unit must fail the same check.
set -eu
unit="$PWD/deploy/systemd/vswitchd.service"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() {
  systemd-analyze security --offline=true --no-pager --threshold=35 "$1" \
    > "$folder/report" 2>&1
}

cp "$unit" "$folder/vswitchd.service"
if ! check "$folder/vswitchd.service"; then
  cat "$folder/report"
  echo "the unit's exposure is above 3.5" >&2
  exit 1
fi

printf '[Service]\nExecStart=/bin/true\n' > "$folder/open.service"
if check "$folder/open.service"; then
  echo "an empty unit passes: the check checks nothing" >&2
  exit 1
fi

# A program that exists, so that only the unit's own mistakes are reported.
sed 's#^ExecStart=.*#ExecStart=/bin/true#' "$unit" > "$folder/vswitchd.service"
systemd-analyze verify "$folder/vswitchd.service" > "$folder/mistakes" 2>&1 ||
  true
if grep -q 'vswitchd.service' "$folder/mistakes"; then
  cat "$folder/mistakes" >&2
  exit 1
fi
