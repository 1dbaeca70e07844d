#!/bin/bash
# fetch_imapflow.sh DIR: puts imapflow and what it needs into DIR/node_modules, from the npm registry.
#
# The versions and their digests are those of imapflow/package-lock.json; scripts of packages are not
# run. Nothing is done when DIR holds just these already.
set -euo pipefail

if [ $# -ne 1 ]; then
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
lock=$(cd "$(dirname "$0")" && pwd)/imapflow/package-lock.json

mkdir -p "$1"
dir=$(cd "$1" && pwd)
exec 9>"$dir/.lock"
flock 9   # two tests may ask at once
if cmp -s "$lock" "$dir/complete"; then exit 0; fi

if ! command -v npm >/dev/null; then
  echo "fetch_imapflow.sh: npm is not installed: run ./dev deps" >&2
  exit 1
fi
rm -rf "$dir/node_modules" "$dir/complete"
cp "${lock%/*}"/package*.json "$dir"
# Few packages: 15 s are usual. npm itself tries twice more when the network fails.
if ! (cd "$dir" && timeout 200 npm ci --ignore-scripts --no-audit --no-fund) >"$dir/fetch.log" 2>&1; then
  echo "fetch_imapflow.sh: cannot fetch imapflow from $(npm config get registry): is it reachable?" >&2
  tail -5 "$dir/fetch.log" >&2
  exit 1
fi
cp "$lock" "$dir/complete"
