# `make` lists the targets. The work is in scripts/.
# ARGS adds arguments to `unit`, `suite` and `bench`: make suite ARGS="-p cabd-core page"

.DEFAULT_GOAL := help
.PHONY: help page demo test fmt lint docs unit suite examples pg pg-stop bench bench-served build clean-pg

help: ## this list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

page: ## build the map page into cabd-http/web/dist (needs Node 20.19 or later)
	@scripts/deps.sh page
	@scripts/page.sh build

demo: ## build cabd, load the sample and the real data beside the checkout, answer questions, serve on PORT (8080); writes demo/ (installs a C compiler if missing)
	@scripts/demo.sh

test: ## everything CI checks (installs PostGIS, the spatialite shell, GDAL and Chromium by apt if missing)
	@scripts/deps.sh test
	@scripts/test.sh

fmt: ## format the Rust code
	cargo fmt --all

lint: ## clippy on everything, warnings as errors; shellcheck if installed
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh .ci/run; fi

docs: ## the API documentation, warnings as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

unit: suite ## the same as suite

suite: ## all Rust tests, on memory, SpatiaLite and a private PostGIS
	@scripts/deps.sh test
	scripts/pg.sh run -- cargo test --workspace --all-features $(ARGS)

examples: ## build and run every example
	@scripts/deps.sh test
	@scripts/pg.sh run -- scripts/examples.sh

pg: ## start a private PostGIS server and print its URL (the value of CABD_TEST_PG)
	@scripts/deps.sh test
	@scripts/pg.sh start

pg-stop: ## stop that server and remove its files
	@scripts/pg.sh stop

bench: ## measure against bare drivers and Python tools (makes .venv)
	@scripts/deps.sh test
	CABD_PYTHON="$$(scripts/python-env.sh bench)" scripts/pg.sh run -- cargo bench -p cabd-benches --bench foundation $(ARGS)

bench-served: ## measure the service against the library and a bare handler; some minutes
	@scripts/deps.sh demo
	cargo build --release -p cabd-cli
	cargo bench -p cabd-benches --bench served $(ARGS)

build: ## the release build of the cabd command, with its map page
	@scripts/deps.sh page
	@scripts/page.sh build
	cargo build --release -p cabd-cli

clean-pg: ## stop and remove every private server of this checkout, stale ones too
	@scripts/pg.sh clean
