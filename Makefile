# The chores of this project; `make help` lists them.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help

export CGO_ENABLED := 0
BIN     := $(CURDIR)/bin/restante
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# What shares memory between goroutines runs under the race detector too.
RACE    := ./internal/base/... ./internal/store/... ./internal/directory/... ./internal/flow/... ./internal/serve/... ./internal/app/...
# Tests that need the built binary find it here; without, they are skipped.
DRIVE   := RESTANTE_BIN=$(BIN) go test -count=1 -timeout 14m

.PHONY: help build run check test deps fmt vet lint unit race scenario interop internet crash bench corpus update fuzz generate

help: ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## ?/\t/' | expand -t 12

build: ## bin/restante, one static binary
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/restante

run: build ## a demo server with sample mail, and how to look at it
	@cat docs/look.txt
	@exec $(BIN) demo --sample

check: fmt vet lint unit ## what must pass before a change goes in; a minute or so

test: deps check race scenario interop internet crash ## everything; installs what the tests need first

deps: ## mail clients and tools that the tests use (Debian packages, imapflow and nodemailer from npm)
	@tools/install-test-deps.sh

fmt:
	@test -z "$$(gofmt -l cmd internal test tools | tee /dev/stderr)" || { echo 'run: gofmt -w cmd internal test tools' >&2; exit 1; }

vet: build
	go vet ./...
	@tools/analyse.sh

lint: ## the house rules
	go test ./tools/lint

unit: ## unit tests of all packages
	go test ./...

race: ## the packages that share memory, under the race detector
	CGO_ENABLED=1 go test -race -short $$(go list $(RACE) 2>/dev/null)

scenario: build ## scripts against the real binary
	$(DRIVE) ./test/scenario

interop: build ## real mail clients against the real binary
	$(DRIVE) ./test/interop

internet: build ## other mail servers: Postfix, Exim, and hosts that misbehave
	$(DRIVE) ./test/internet

crash: build ## kill -9 in the middle of deliveries, and nothing is lost
	$(DRIVE) ./test/crash

bench: build ## measurements, beside the machine's own limits; make bench ARGS=-growth
	go run ./test/bench -bin $(BIN) $(ARGS)

corpus: build ## the round trip over a folder of messages: make corpus DIR=...
	RESTANTE_CORPUS='$(abspath $(DIR))' $(DRIVE) -v -run RoundTrip ./test/interop

update: ## write the golden files anew, then show what changed
	@tools/update-golden.sh

fuzz: ## every fuzz target for T=60s
	@tools/fuzz.sh $(or $(T),60s)

generate: ## pages that programs write: docs/operators/config.md
	go test -count=1 ./internal/config -run Reference -update
