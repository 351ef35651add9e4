# Tallygate. `make serve` sets everything up on a fresh machine and serves; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup serve test clients focus-validator lint format bench bench-breaker bench-ledger bench-pages soak demo plotly screenshots requirements
.DEFAULT_GOAL := help

help:
	@echo "make serve         set up and serve the gateway (PORT, WORKERS, DATABASE_URL ... from the environment)"
	@echo "make demo          90 days of realistic traffic for the pages"
	@echo "make test          the whole test suite"
	@echo "make clients       the environment in which LangChain and the Agents SDK are tested; without it they are skipped"
	@echo "make focus-validator  the environment in which FOCUS files are validated; without it that test is skipped"
	@echo "make lint          ruff (format and lint) and mypy"
	@echo "make format        let ruff format and fix"
	@echo "make bench         benchmarks against peers (needs nginx and wrk)"
	@echo "make bench-breaker what a dead provider costs callers before and after its breaker opens"
	@echo "make bench-ledger  the pages over a ledger of 5,000,000 rows"
	@echo "make bench-pages   server time of every page over 1,000,000 entries"
	@echo "make soak          200,000 mixed calls: nothing grows"
	@echo "make screenshots   pictures of every page, light and dark, for docs/ (needs chromium)"
	@echo "make plotly        fetch the charts' JavaScript again, after plotly was upgraded (needs npm)"
	@echo "make requirements  compile requirements*.txt from pyproject.toml"

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python3 cannot make virtual environments here; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/runtime: $(VENV)/python requirements.txt
	@echo "installing pinned dependencies (a minute or two, the first time) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	@echo "installing pinned development dependencies ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Clients whose pins contradict ours have an environment of their own (see pyproject.toml).
$(VENV)/clients/installed: $(VENV)/python requirements-clients.txt
	@echo "installing pinned clients ..."
	@$(BIN)/python -m venv $(VENV)/clients
	@$(VENV)/clients/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-clients.txt
	@touch $@

# The FOCUS validator runs on Python 3.11 although it asks for 3.12, but for one line that
# tests/metering/focus/mend_validator.py puts right.
$(VENV)/focus/installed: $(VENV)/python requirements-focus.txt tests/metering/focus/mend_validator.py
	@echo "installing the pinned FOCUS validator ..."
	@$(BIN)/python -m venv $(VENV)/focus
	@$(VENV)/focus/bin/pip install --quiet --disable-pip-version-check --ignore-requires-python --require-hashes \
		-r requirements-focus.txt
	@$(VENV)/focus/bin/python tests/metering/focus/mend_validator.py
	@touch $@

setup: $(VENV)/runtime

serve: setup
	@exec $(BIN)/python manage.py serve

demo: setup
	@$(BIN)/python manage.py demo

# The suite starts some hundred processes: bytecode is kept, whatever the environment says of it.
test: $(VENV)/development
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

clients: $(VENV)/clients/installed

focus-validator: $(VENV)/focus/installed

lint: $(VENV)/development
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/development
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/development
	@$(BIN)/python benchmarks/run.py

bench-breaker: $(VENV)/development
	@$(BIN)/python benchmarks/open_breaker.py

bench-ledger: $(VENV)/development
	@$(BIN)/python benchmarks/large_ledger.py

bench-pages: $(VENV)/development
	@$(BIN)/python benchmarks/pages.py

soak: $(VENV)/development
	@SOAK_CALLS=200000 $(BIN)/python -m pytest tests/checks/test_h_soak.py

# Of every page, light and dark, into docs/images/pages; needs chromium.
screenshots: $(VENV)/development
	@$(BIN)/python -m tests.browser.screenshots

# The bundle that draws the pages' charts: of the version that the plotly package in .venv writes figures for.
plotly: $(VENV)/runtime
	@version=$$($(BIN)/python -c "from plotly.offline import get_plotlyjs_version as v; print(v())"); \
	cd static/plotly && npm pack --silent plotly.js-basic-dist-min@$$version && \
	tar -xzf plotly.js-basic-dist-min-$$version.tgz --strip-components=1 package/plotly-basic.min.js package/LICENSE && \
	mv plotly-basic.min.js plotly.min.js && gzip -9 -n -c plotly.min.js > plotly.min.js.gz && \
	rm plotly.js-basic-dist-min-$$version.tgz && echo "plotly.js $$version"

requirements: $(VENV)/python
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--group clients -o requirements-clients.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.12 --generate-hashes --no-header \
		--group focus -o requirements-focus.txt
