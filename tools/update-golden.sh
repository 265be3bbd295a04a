#!/usr/bin/env bash
# Writes all golden files anew and shows what changed. Look at every line: a
# difference is a change of behaviour, or of what is on people's disks.
set -euo pipefail
cd "$(dirname "$0")/.."

packages() { grep -rlE "$1" --include='*_test.go' internal tools test cmd 2>/dev/null | xargs -r -n1 dirname | sort -u | sed 's|^|./|'; }
update=$(packages 'flag\.Bool\("update"')
rewrite=$(packages '"github.com/cockroachdb/datadriven"')
[ -z "$update" ] || go test -count=1 $update -update
[ -z "$rewrite" ] || go test -count=1 $rewrite -rewrite
git diff --stat -- '*testdata*' docs
