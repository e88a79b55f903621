# Each target does all of its own set-up: it finds Python 3.11 to 3.13, checks Java where Spark runs,
# and makes the environment from requirements.lock, once per change of the lock.

VENV := .venv
BIN := $(VENV)/bin
FOLDERS := features jobs models simulator

# The tested versions come first.
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.12 python3.11 python3.13 python3)
SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

# The tests that a second process runs meanwhile.
BESIDE := tests/engine tests/learning tests/scoring tests/store tests/watching

.DEFAULT_GOAL := help
.PHONY: help demo demo-cards test test-connect test-fast soak mutants bundle-run notebooks check bench wheel clean java links

help: ## list the targets
	@printf 'usage: make TARGET [PYTHON=python3.12] [DATA=folder]\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '%-15s%s\n' "$$target" "$$text"; done

demo: $(VENV)/installed java ## a simulated exchange, from its first event to the scores of eleven models
	@$(BIN)/python -m examples.exchange.demo

demo-cards: $(VENV)/installed java ## card payments, simpler; DATA=folder uses the published ones
	@$(BIN)/python -m examples.card_fraud.demo $(if $(DATA),--data "$(DATA)")

test: check java ## check, engine and monitors' tables on Spark Connect, then all tests, in two processes
	@STOCKADE_TEST_REMOTE=1 $(BIN)/python -m pytest -q tests/engine/test_operator.py tests/watching/test_record.py
	@log=$$(mktemp); \
	trap 'trap - INT TERM; kill 0' INT TERM; \
	$(BIN)/python -m pytest $(BESIDE) >"$$log" 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest $(BESIDE:%=--ignore=%); first=$$?; \
	wait $$beside; second=$$?; cat "$$log"; rm -f "$$log"; exit $$((first | second))

test-fast: $(VENV)/installed java ## the tests that take no more than a few seconds each
	@$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/installed links ## format, lint, types, and who imports whom
	@$(BIN)/ruff format --check --quiet . || { \
		echo "format: the files above differ from ruff's format; run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/installed java ## the engine against Spark's floor, Spark's windows and DuckDB
	@$(BIN)/python -m benchmarks

wheel: $(VENV)/installed ## one wheel in dist/: stockade and trust_safety
	@rm -rf build dist # what an older build left there would be packed too
	@$(BIN)/python -m build --wheel --no-isolation

soak: $(VENV)/installed java ## kills, crashes and races at every step, on Delta: an hour
	@STOCKADE_SOAK=1 $(BIN)/python -m pytest -q --durations=0 tests/faults/test_kills.py \
		tests/building/test_crashes.py tests/building/test_races.py tests/store

mutants: $(VENV)/installed ## break the pure core in small ways: which breaks do the tests not see?
	@nice -n 15 $(BIN)/python -m mutmut run --max-children 2
	@$(BIN)/python -m mutmut results

test-connect: $(VENV)/installed java ## engine, store, building, learning and scoring on Spark Connect: an hour
	@STOCKADE_TEST_REMOTE=1 $(BIN)/python -m pytest -q tests/engine tests/store tests/building tests/features \
		tests/learning tests/scoring

notebooks: $(VENV)/installed java ## run notebooks/ in order; pages and files for Jupyter in .stockade/notebooks
	@$(BIN)/python -m tests.notebooks.cells .stockade/notebooks

bundle-run: $(VENV)/installed java ## the bundle's jobs, run by the wheel in a fresh environment
	@$(BIN)/python -m tests.bundle.run

clean: ## remove what the targets made, except .stockade/: your tables and models
	rm -rf $(VENV) .pyright mutants build dist src/*.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(FOLDERS) src examples benchmarks tests -name __pycache__ -prune -exec rm -rf {} +

# Spark starts $JAVA_HOME/bin/java, or without JAVA_HOME the java on PATH: look at the same one.
java:
	@if [ -n "$$JAVA_HOME" ]; then java="$$JAVA_HOME/bin/java"; else java=java; fi; \
	major=$$("$$java" -version 2>&1 | \
		sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9][0-9]*\).*/\2/p' | head -n 1); \
	if [ "$${major:-0}" -lt 17 ]; then \
		if [ -n "$$major" ]; then found="'$$java' is Java $$major"; \
		else found="'$$java' is missing or does not run"; fi; \
		echo "java: Spark needs Java 17 or newer, and $$found." >&2; \
		echo "  install it:  Debian, Ubuntu: apt-get install openjdk-17-jre-headless" >&2; \
		echo "               macOS: brew install openjdk@17" >&2; \
		echo "               others: https://adoptium.net" >&2; \
		echo "  or name one that is installed:  export JAVA_HOME=/folder/of/jdk-17" >&2; \
		exit 1; \
	fi

# pyright cannot follow the import hook of an editable install; it reads the folders through these.
links:
	@mkdir -p .pyright/trust_safety
	@for folder in $(FOLDERS); do ln -sfn ../../$$folder .pyright/trust_safety/$$folder; done

$(VENV)/locked: requirements.lock
	@if ! $(BIN)/python -c '$(SUPPORTED)' 2>/dev/null; then \
		for candidate in $(CANDIDATES); do \
			if "$$candidate" -c '$(SUPPORTED)' 2>/dev/null; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "python: Python 3.11, 3.12 or 3.13 with its venv module is needed, and none of these is it:" $(CANDIDATES) >&2; \
			echo "  install it:  Debian, Ubuntu: apt-get install python3 python3-venv" >&2; \
			echo "               macOS: brew install python@3.12" >&2; \
			echo "  or name one that is installed:  make PYTHON=/folder/bin/python3.12" >&2; \
			exit 1; \
		fi; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@echo "installing what requirements.lock names into $(VENV): a few minutes, once per change of the lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed: $(VENV)/locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
