# Everything that is done to this repository by hand or by CI, in few verbs.
# `make` alone lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build run test fuzz compat faults race lint generate bench clean ci

# Packages in which several goroutines share state. The others gain nothing
# from the race detector and cost minutes under it.
CONCURRENT := ./cluster/... ./rpc/... ./sdk/... ./statemachine/...

# How long each fuzz target runs.
FUZZTIME ?= 10m

# What runs of clusters leave behind, on a real disk: a tmpfs can lose no power.
FAULTS_OUT ?= runs

TOOL := go tool -modfile=tools/go.mod
BUF  := tools/buf/node_modules/.bin/buf

# Own code, without what is generated or installed.
GOFILES = $$(find . -name '*.go' -not -path './proto/gen/*' -not -path '*/node_modules/*')

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the static binary bin/conclave
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/conclave ./cmd/conclave

run: ## Start a single node that keeps its data in ./default.conclave
	go run ./cmd/conclave server

# test/process mostly waits for other processes, so it begins first and the other
# packages run beside it. Nothing is printed before it has ended.
test: ## Run all tests
	go test -p 2 -timeout 8m ./test/process ./...

fuzz: ## Run each fuzz target for FUZZTIME (10m)
	go run ./test/fuzz -time $(FUZZTIME) $(ARGS)

compat: ## Run etcd's tools and clients against Conclave, and etcd beside it
	go -C test/compat vet ./...
	go -C test/compat test -p 2 -timeout 15m ./...

faults: ## Run clusters under faults for some minutes and judge them; needs root
	go run ./test/faults run --quiet --out $(FAULTS_OUT) \
		--spec "$$(find test/faults/specs -name '*.yaml' | sort | paste -sd,)" \
		--at-least-operations 250000 --at-least-injections 100

race: ## Run the tests of the concurrent packages under the race detector
	CGO_ENABLED=1 go test -race -short -p 2 -timeout 8m $$(for p in $(CONCURRENT); do [ ! -d "$${p%/...}" ] || echo "$$p"; done)

lint: $(BUF) ## Check format, protos, go vet, staticcheck and the rules in internal/lint
	@unformatted=$$(gofmt -l $(GOFILES)); [ -z "$$unformatted" ] || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	$(BUF) lint
	$(BUF) format --diff --exit-code
	go vet ./...
	$(TOOL) staticcheck ./...
	go test -count=1 ./internal/lint

generate: $(BUF) ## Generate the Go code in proto/gen from proto/conclave
	$(BUF) generate
	$(BUF) generate --template buf.gen.vt.yaml
	$(BUF) generate --template buf.gen.pipeline.yaml

bench: ## Measure against etcd on this machine; takes long (benchmarks/README.md)
	go -C benchmarks run . $(ARGS)

clean: ## Remove what was built; data directories stay
	rm -rf bin tools/buf/node_modules

ci: ## Do what CI does
	.ci/run

# npm carries buf as a prebuilt binary: no install script runs.
$(BUF): tools/buf/package-lock.json
	npm ci --prefix tools/buf --ignore-scripts --no-audit --no-fund
	touch $@
