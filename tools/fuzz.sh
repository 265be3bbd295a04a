#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}

grep -roEH --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' internal | while IFS=: read -r file name; do
	name=${name#func }
	echo "== $(dirname "$file") $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")"
done
