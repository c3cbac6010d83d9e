# The commands of the project. Each ends with the status of what it ran.

.DEFAULT_GOAL := help
.PHONY: help build demo demo-once plugins-js plugins-py test test-row-security test-nightly test-toolchains conformance lint bench bench-plugins bench-neighbour beside-extism bench-protocol fuzz-build prerequisites

help:
	@echo 'make demo         a server, a tenant, a plugin that decides, real traffic; then it is yours'
	@echo 'make demo-once    the same, checked from end to end, then stopped'
	@echo 'make test         all tests'
	@echo 'make test-row-security  those of a running server, with the second lock between tenants'
	@echo 'make test-nightly what takes an hour or two: 100,000 generated queries, 200 servers killed, the fuzz targets'
	@echo 'make plugins-js plugins-py  the example plugins in JavaScript and Python, with compilers from npm and PyPI'
	@echo 'make test-toolchains  those two in a real server'
	@echo 'make conformance  scim2-cli, the scenarios of tests/vectors and a validator of OpenAPI against a real server'
	@echo 'make lint         formatting, clippy, and cargo-deny if it is installed'
	@echo 'make bench        the server beside what this machine can do without it: README, docs/bench.*'
	@echo 'make bench-plugins  one call of a plugin beside a webhook, Extism, wasmtime alone and Rust: README'
	@echo 'make bench-neighbour  a tenant beside another one at all its limits: README'
	@echo 'make bench-protocol  what filters, validation and PATCH cost'
	@echo 'make fuzz-build   the fuzz targets, run on the inputs that are checked in'
	@echo 'make build        the server, optimised'

build: prerequisites
	cargo build --release --package tenon-server

# The whole workspace is named wherever something is built, so that every dependency is compiled
# once, with one set of features.
demo: prerequisites
	cargo build --workspace --bin tenon --bin demo
	@"$${CARGO_TARGET_DIR:-target}/debug/demo"

demo-once: prerequisites
	cargo build --workspace --bin tenon --bin demo
	@"$${CARGO_TARGET_DIR:-target}/debug/demo" --once

test: prerequisites
	cargo test --workspace

test-row-security: prerequisites
	TEST_ROW_LEVEL_SECURITY=on cargo test --workspace --test integration

# The two tests that `make test` runs for a short while, and each fuzz target for FUZZ_SECONDS.
FUZZ_SECONDS ?= 600
test-nightly: prerequisites fuzz-build
	TENON_PROPERTY_CASES=100000 cargo test --workspace --lib -- select_and_order
	TENON_KILL_ROUNDS=200 cargo test --workspace --test integration -- killed_at_any_moment
	@built="$${CARGO_TARGET_DIR:-fuzz/target}/debug/"; \
	for target in $(FUZZ_TARGETS); do \
		found="$$(mktemp -d)"; \
		"$$built$$target" -max_total_time=$(FUZZ_SECONDS) -artifact_prefix="$$found/" "$$found" "fuzz/corpus/$$target" \
			|| { echo "what was found is in $$found"; exit 1; }; \
		rm -r "$$found"; \
	done

plugins-js:
	@scripts/foreign-plugins js

plugins-py:
	@scripts/foreign-plugins py

test-toolchains: prerequisites plugins-js plugins-py
	cargo test --workspace --test integration -- --ignored toolchains

# Needs Python 3 and, the first time, a network: scim2-cli and openapi-spec-validator come from PyPI.
conformance: prerequisites
	cargo build --workspace --bin tenon --bin conform --bin conformance
	@scripts/conformance "$${CARGO_TARGET_DIR:-target}/debug/conformance"

# BENCH_USERS=20000 for a try; BENCH_DIR=/some/where keeps the million users for the next time.
bench: prerequisites
	cargo build --release --workspace --bin tenon --bin bench
	@"$${CARGO_TARGET_DIR:-target}/release/bench"

# What one call of a plugin costs, and what a tenant notices of one at all its limits.
bench-plugins: beside-extism
bench-plugins bench-neighbour: bench-%: prerequisites
	cargo build --release --workspace --bin tenon --bin bench
	@"$${CARGO_TARGET_DIR:-target}/release/bench" $*

# The same rule in a plugin of Extism. It has a wasmtime of its own, and so a workspace of its own.
beside-extism: prerequisites
	cargo build --release --locked --manifest-path benches/extism/Cargo.toml \
		--target-dir "$${CARGO_TARGET_DIR:-target}"
	cargo build --release --locked --manifest-path benches/extism/Cargo.toml --package extism-rule \
		--target wasm32-unknown-unknown --target-dir "$${CARGO_TARGET_DIR:-target}"

bench-protocol: prerequisites
	cargo bench --locked --manifest-path benches/Cargo.toml

FUZZ_TARGETS = filter path patch resource upload

# libFuzzer is C++. `-runs=0` runs each target on its corpus alone.
fuzz-build:
	@scripts/prerequisites C++
	cargo build --locked --manifest-path fuzz/Cargo.toml
	@built="$${CARGO_TARGET_DIR:-fuzz/target}/debug/"; \
	for target in $(FUZZ_TARGETS); do \
		echo "fuzz target $$target on its corpus"; \
		"$$built$$target" -runs=0 -artifact_prefix="$$built" "fuzz/corpus/$$target" || exit; \
	done

lint: prerequisites
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path benches/Cargo.toml --check
	cargo fmt --manifest-path benches/extism/Cargo.toml --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
		echo cargo deny check; cargo deny check; \
	else \
		echo 'cargo-deny is not installed, so licences and advisories were not checked'; \
	fi

prerequisites:
	@scripts/prerequisites
