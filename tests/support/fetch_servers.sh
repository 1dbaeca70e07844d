#!/bin/bash
# fetch_servers.sh DIR: unpacks Debian's Cyrus, Courier and mailutils IMAP servers below DIR.
#
# They cannot be installed beside dovecot-imapd (all provide "imap-server"), so their packages are
# downloaded with apt and unpacked, not installed; libraries that this machine lacks come along
# and are found by LD_LIBRARY_PATH (DIR/lib.path holds its value). Root is not needed.
# Nothing is done when DIR/complete names the same list of packages.
set -euo pipefail
trap 'echo "fetch_servers.sh: line $LINENO failed" >&2' ERR

if [ $# -ne 1 ]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

servers=(cyrus-imapd cyrus-common courier-imap courier-base courier-authlib courier-authdaemon
         courier-authlib-userdb gamin mailutils-imap4d mailutils-common)
# Raise this when the list or the way of unpacking changes, so that old folders are renewed.
revision=4

mkdir -p "$1"
dir=$(cd "$1" && pwd)
exec 9>"$dir/.lock"
flock 9   # two test runs may ask at once
if [ "$(cat "$dir/complete" 2>/dev/null)" = "$revision" ]; then exit 0; fi

# What apt would install for each server, but only libraries and only those not installed in some
# version already: the servers bring no mail transport, no database, no boot scripts.
missing_libraries() {
  for package in cyrus-imapd courier-imap mailutils-imap4d; do
    apt-get -s --no-install-recommends install "$package" 2>/dev/null |
      awk '$1 == "Inst" && $3 !~ /^\[/ && $2 ~ /^lib/ { print $2 }'
  done | sort -u
}

if ! apt-cache show cyrus-imapd >/dev/null 2>&1; then
  echo "fetch_servers.sh: apt does not know cyrus-imapd; run 'apt-get update' as root first" >&2
  exit 1
fi

rm -rf "$dir/debs" "$dir/root" "$dir/complete"
mkdir -p "$dir/debs" "$dir/root"
# apt drops to the user _apt when run as root, who cannot write below a private folder.
mapfile -t libraries < <(missing_libraries)
if ! (cd "$dir/debs" && apt-get -q -o APT::Sandbox::User=root download "${servers[@]}" \
        "${libraries[@]}") >"$dir/fetch.log" 2>&1; then
  tail -5 "$dir/fetch.log" >&2
  exit 1
fi
for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done

root=$dir/root
find "$root/usr/lib" "$root/lib" -name '*.so*' -printf '%h\n' | sort -u | grep -v -E '/(perl|python)' | paste -sd: >"$dir/lib.path"
export LD_LIBRARY_PATH
LD_LIBRARY_PATH=$(cat "$dir/lib.path")
broken=$(find "$root/usr/lib/cyrus/bin" "$root/usr/lib/courier" "$root/usr/sbin" "$root/usr/bin" -type f -executable -print0 |
  { xargs -0 -n1 ldd 2>/dev/null || true; } | awk '/not found/ { print $1 }' | sort -u)
if [ -n "$broken" ]; then
  echo "fetch_servers.sh: the unpacked servers lack libraries: ${broken//$'\n'/ }" >&2
  exit 1
fi
rm -rf "$dir/debs" "${root:?}/usr/share"   # manuals
echo "$revision" >"$dir/complete"
