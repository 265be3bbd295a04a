#!/usr/bin/env bash
# Installs the mail clients and tools that the tests use, on Debian and its kin, and imapflow and nodemailer from npm.
# Says and does nothing when all of it is there. Nothing that it installs is started.
set -euo pipefail

# command:package
needed=(curl:curl fetchmail:fetchmail mpop:mpop mbsync:isync swaks:swaks neomutt:neomutt
	offlineimap:offlineimap3 getmail:getmail6 alpine:alpine perl:perl node:nodejs npm:npm
	msmtp:msmtp python3:python3 openssl:openssl gcc:gcc git:git)

missing=()
for pair in "${needed[@]}"; do
	command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
# The race detector links against the C library; swaks speaks TLS by this module.
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
# Dovecot, the server that people move from.
[ -x /usr/lib/dovecot/imap ] || missing+=(dovecot-imapd)
[ -x /usr/lib/dovecot/pop3 ] || missing+=(dovecot-pop3d)
perl -MNet::SSLeay -e 1 2>/dev/null || missing+=(libnet-ssleay-perl)
perl -MIO::Socket::SSL -e 1 2>/dev/null || missing+=(libio-socket-ssl-perl)
perl -MMail::IMAPClient -e 1 2>/dev/null || missing+=(libmail-imapclient-perl)
# A mail server of others, to send with; only where there is no other that it would push out. It is not started.
[ -e /usr/sbin/sendmail ] || missing+=(exim4-daemon-light)
# A resolver that validates DNSSEC, and the program alone: the tests start it themselves.
[ -x /usr/sbin/unbound ] || missing+=(unbound)
# Second opinions on what is signed and who may send.
[ -x /usr/sbin/opendkim ] || missing+=(opendkim)
for module in dkim:python3-dkim nacl:python3-nacl spf:python3-spf; do
	/usr/bin/python3 -c "import ${module%%:*}" 2>/dev/null || missing+=("${module##*:}")
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
	"$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

if [ ${#missing[@]} -gt 0 ]; then
	as_root=()
	[ "$(id -u)" -eq 0 ] || as_root=(sudo --preserve-env=DEBIAN_FRONTEND,RUNLEVEL)
	echo "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # nothing is started
	quietly "${as_root[@]}" apt-get -q update
	quietly "${as_root[@]}" apt-get -qy -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}"
fi

# Postfix, which would push out Exim if it were installed: it is only unpacked, and the tests run it where it lies.
cd "$(dirname "$0")/.."
if [ ! -x .cache/postfix/usr/lib/postfix/sbin/master ]; then
	echo "unpacking: postfix"
	mkdir -p .cache/postfix
	(cd .cache && quietly apt-get -q download postfix && quietly dpkg-deb -x postfix_*.deb postfix && rm postfix_*.deb)
fi

# imapflow and nodemailer, of the versions that its lockfile has.
cd test/interop/imapflow
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	echo "installing: imapflow, nodemailer"
	quietly npm ci --ignore-scripts --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
