#!/usr/bin/env bash
# Analysers beyond go vet: tools/vet, and staticcheck in one pinned version.
set -euo pipefail
cd "$(dirname "$0")/.."
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
bin=$PWD/.cache/bin

go build -o "$bin/vet" ./tools/vet
go vet -vettool="$bin/vet" ./...

if [ ! -x "$bin/$(basename "$staticcheck")" ] && ! GOBIN=$bin/new go install "$staticcheck" 2>"$bin/log"; then
	tail -n 3 "$bin/log"
	echo "staticcheck cannot be had here: skipped"
	exit 0
fi
[ ! -d "$bin/new" ] || mv "$bin/new/staticcheck" "$bin/$(basename "$staticcheck")"
rm -rf "$bin/new" "$bin/log"
"$bin/$(basename "$staticcheck")" ./...
