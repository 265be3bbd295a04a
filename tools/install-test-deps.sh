#!/usr/bin/env bash
# Installs the mail clients and tools that the tests use, on Debian and its kin.
# Says and does nothing when all of it is there.
set -euo pipefail

# command:package
needed=(curl:curl fetchmail:fetchmail mbsync:isync swaks:swaks neomutt:neomutt
	python3:python3 openssl:openssl gcc:gcc git:git)

missing=()
for pair in "${needed[@]}"; do
	command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
# The race detector links against the C library; swaks speaks TLS by this module.
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
perl -MNet::SSLeay -e 1 2>/dev/null || missing+=(libnet-ssleay-perl)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get -q update &&
	"${as_root[@]}" apt-get -qy -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
