# `make train` and `make test` do everything on a machine with Python 3.11+, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup train test test-fast lint docs commands lock dvc-lock clean
.DEFAULT_GOAL := setup

setup: $(READY)
	@echo '$(VENV) is ready; before its commands: source $(BIN)/activate'

# uv is bootstrapped by pip into the environment, then installs the hash-pinned lock
$(READY): requirements.lock requirements-bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@echo 'making $(VENV): 3.5 GB of packages to download, 7 GB on the disk'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock requirements-bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@echo 'Python compiles packages as it first imports them: until its first line a command'
	@echo 'is silent for seconds, the very first one for up to a minute'
	touch $@

train: $(READY)
	$(BIN)/kedro run --pipeline=train
	@echo 'before the next command: source $(BIN)/activate'

# a process a core, each computing with one thread; the costliest files first, tests/costs.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder --durations=20

test: $(READY)
	$(PYTEST)

# without training, processes, browsers, databases and files of ten seconds
test-fast: $(READY)
	$(PYTEST) -m "not slow"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# the pages of docs/ as a site in site/; `.venv/bin/mkdocs serve` shows it while one writes
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'site/index.html; with its search, which needs a server: .venv/bin/mkdocs serve'

# every command of README and docs, typed in a fresh clone with small budgets; docs/contributing.md
commands: $(READY)
	$(BIN)/python -m tests.documented

lock:
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group lab --group docs \
		--universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --quiet -o requirements.lock

# DVC's record of the default run, which a release commits; docs/contributing.md
dvc-lock: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro
	git add dvc.lock

clean:
	rm -rf $(VENV)
