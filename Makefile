SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ONCE ?=
PORT ?=

.PHONY: help install gen build check test ci run bench bench-schedules bench-idle bench-scale bench-sdk bench-transports test-long test-kill test-teeth test-pg15 proto-accept api-docs format clean

help: ## explain the targets
	@echo "Pawl: durable workflows served over gRPC, on Postgres."
	@echo
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

# Installed is: the stamp of the last install equals the lockfile, or npm itself installed after the lockfile was last written. So neither
# a checkout that only touches the file nor an `npm ci` by hand causes a second install.
stamp := node_modules/.installed-lock.json

install: ## install the packages of package-lock.json, if they changed
	@if cmp -s package-lock.json $(stamp) || [ node_modules/.package-lock.json -nt package-lock.json ]; then exit 0; fi; \
	echo "installing packages"; npm ci --no-fund --no-audit --loglevel=error; cp package-lock.json $(stamp)

# A judging target ends with its closing line even when the packages cannot be installed.
judge := $(MAKE) install || { echo "0 passed, 1 failed"; exit 1; }; npx tsx tools/judge.ts

gen: install ## generate gen/ from proto/
	@npm run --silent gen

dist/src/cli/main.js: package-lock.json tsconfig.json tsconfig.build.json $(shell find src gen -name '*.ts' 2>/dev/null)
	@echo "building"
	@npm run --silent build

build: install ## compile src/ and gen/ to dist/, if they changed
	@$(MAKE) dist/src/cli/main.js

check: ## format, lint, layers, types, generated files, lockfile, proto baseline
	@$(judge) check

test: ## run the tests on a Postgres of their own
	@$(judge) test

ci: ## check and test, with one closing line
	@$(judge) check test

run: build ## start a server and run the example's orders (ONCE=1 ends after the summary, PORT=n listens there)
	@ONCE=$(ONCE) npx tsx examples/order/run.ts $(if $(PORT),--port $(PORT))

bench: build ## measure throughput and latency
	@npx tsx bench/main.ts

bench-schedules: build ## measure schedules: 10,000 every minute, 2,000 at once, 10,000 at rest (about 15 min)
	@npx tsx bench/schedules/main.ts

bench-idle: build ## measure an idle server with 1,000 polls and 100,000 timers (about 8 min)
	@npx tsx bench/idle/main.ts

bench-scale: build ## measure reads, claims and retention with a million closed runs beside a thousand
	@npx tsx bench/scale/main.ts

bench-sdk: build ## measure the TypeScript SDK's worker: tasks, memory, long runs (about 15 min)
	@npx tsx bench/sdk/main.ts

bench-transports: build ## compare a worker over gRPC with one over Connect (about 2 min)
	@npx tsx bench/transports/main.ts

test-long: install ## run the long tests whole, of which make test runs a short form
	@npx vitest run test/contract test/model test/e2e/child-crash.test.ts test/e2e/kill.test.ts

test-kill: build ## kill server, worker and Postgres in 20 rounds of the example, and a server at every point of the ends of children
	@PAWL_TEST_KILL_ROUNDS=20 npx vitest run test/e2e/kill.test.ts test/e2e/child-crash.test.ts

test-teeth: install ## plant bugs in a copy, and see that the model tests find each
	@npx tsx test/model/teeth/main.ts

test-pg15: install ## run the store and engine tests on Postgres 15
	@PAWL_TEST_PG15=1 npx vitest run test/store test/engine

proto-accept: install ## accept proto/ as what later changes must stay compatible with
	@npx buf build proto --exclude-source-info -o proto/baseline.binpb
	@echo "wrote proto/baseline.binpb"

api-docs: install ## generate the API reference of the SDK to docs/api/
	@npx typedoc

format: install ## format everything and fix what the linter can fix
	@npm run --silent format

clean: ## remove what is built; node_modules and data stay
	@rm -rf dist coverage bench/out docs/api
