# Verbs only. `make demo` shows the engine at work, `make test` runs everything that CI runs.
# PYTHON names the interpreter to use: make test PYTHON=/usr/bin/python3

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WHEELS := target/wheels
# The newest one; the shell finds it, after it has been built.
WHEEL = $$(ls -t $(WHEELS)/manyhands-*.whl | head -n 1)

# Reduced for CI; `make model` and `make storm` take the full measure.
STORM_KILLS ?= 2000
PREEMPTIONS ?= 3
# How long `make soak` takes; CI runs a short one.
SOAK_SECONDS ?= 1800
# What `make stress` takes; CI runs both tests in a reduced size.
STRESS_SECONDS ?= 600
OPERATIONS ?= 1000000
# What `make compat` tries: names of tests/compat/libraries.toml and packages.txt, "all" or "none".
LIBRARIES ?= all
PACKAGES ?= all
# SIZE=smoke runs every bench once, to see that it still works; its figures mean nothing.
SIZE ?= full

.PHONY: demo test model storm storm-python soak stress bench compat wheel lint

demo: wheel
	@printf '\n== %s\n' 'the main job: the commonest words of the standard library, and what the engine did for them'
	$(BIN)/manyhands run --stats examples/python/index.py
	@printf '\n== %s\n' 'the same under plain python and under manyhands'
	$(BIN)/manyhands compare examples/python/index.py

test: wheel lint
	@printf '\n== %s\n' 'Rust: unit and integration tests, examples'
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo test --locked --workspace --exclude manyhands-python
	$(MAKE) --no-print-directory model PREEMPTIONS=2
	$(MAKE) --no-print-directory storm STORM_KILLS=200
	$(MAKE) --no-print-directory bench SIZE=smoke
	@printf '\n== %s\n' 'Python: the installed package'
	.ci/newer-pythons $(WHEEL)
	.ci/free-threaded
	$(BIN)/python -m mypy.stubtest manyhands._engine
	$(BIN)/python -m pytest

model:
	@printf '\n== %s\n' 'model tests: every interleaving with at most $(PREEMPTIONS) preemptions'
	RUSTFLAGS='--cfg manyhands_model' CARGO_TARGET_DIR=target/model LOOM_MAX_PREEMPTIONS=$(PREEMPTIONS) \
		cargo test --locked --release -p manyhands --lib model

storm:
	@printf '\n== %s\n' 'storm: $(STORM_KILLS) random SIGKILLs'
	MANYHANDS_STORM_KILLS=$(STORM_KILLS) cargo test --locked --release -p manyhands --test storm -- --nocapture

# The same for Python, of all that belongs to a program; then where process numbers come back soon, which takes root.
storm-python: wheel
	@printf '\n== %s\n' 'storm: $(STORM_KILLS) random SIGKILLs of what Python programs start'
	$(BIN)/python tests/crash/storm.py --kills $(STORM_KILLS)
	$(BIN)/python tests/crash/storm.py --kills $(STORM_KILLS) --pid-max 400

soak: wheel
	@printf '\n== %s\n' 'soak: $(SOAK_SECONDS) s of everything that goes right and wrong; nothing may grow'
	$(BIN)/manyhands run tests/crash/soak.py --seconds $(SOAK_SECONDS)

stress: wheel
	@printf '\n== %s\n' 'stress: all primitives for $(STRESS_SECONDS) s, and $(OPERATIONS) random operations of each'
	MANYHANDS_STRESS_SECONDS=$(STRESS_SECONDS) MANYHANDS_OPERATIONS=$(OPERATIONS) cargo test --locked --release \
		-p manyhands --test all_together --test random_operations -- --nocapture
	MANYHANDS_STRESS_SECONDS=$(STRESS_SECONDS) MANYHANDS_OPERATIONS=$(OPERATIONS) \
		$(BIN)/python -m pytest tests/conformance/test_stress.py tests/conformance/test_random_operations.py

bench: wheel
	@printf '\n== %s\n' 'benches, size $(SIZE)'
	$(BIN)/python benches/run.py --size $(SIZE)

# Needs the network, and takes long: no part of `make test`.
compat: wheel
	@printf '\n== %s\n' 'the tests of other libraries, and imports of packages, under plain python and under manyhands'
	$(BIN)/python tests/compat/run.py --wheel $(WHEEL) --python '$(PYTHON)' --libraries '$(LIBRARIES)' --packages '$(PACKAGES)'

wheel: $(VENV)/ready
	@printf '\n== %s\n' 'wheel, installed into $(VENV); the first time this takes some minutes'
	$(BIN)/maturin build --quiet --release --locked --interpreter $(BIN)/python --out $(WHEELS)
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps $(WHEEL)

lint: wheel
	@printf '\n== %s\n' 'style and rules'
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path benches/Cargo.toml --check
	cargo clippy --quiet --locked --manifest-path benches/Cargo.toml --target-dir target/benches -- -D warnings
	cargo run --quiet --locked -p xtask -- check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/ready: pyproject.toml .ci/make-venv
	.ci/make-venv $(PYTHON) $(VENV) test libraries notebook lint
	touch $@
