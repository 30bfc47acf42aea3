# The commands of a checkout. All of them keep to .venv; PYTHON chooses the interpreter it is made with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run test lint types check clean constraints

run: $(VENV)/run.stamp  ## serve on 127.0.0.1:8000
	$(BIN)/imgsvc serve

test: $(VENV)/dev.stamp  ## run all tests
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(VENV)/dev.stamp  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp  ## check types
	$(BIN)/mypy --strict

check: test lint types  ## all of these

clean:  ## remove what the other commands made; the instance folder stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "imgsvc needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/run.stamp

constraints:  ## pin the newest versions that pyproject.toml allows
	rm -rf $(VENV)/pins
	$(PYTHON) -m venv $(VENV)/pins
	$(VENV)/pins/bin/pip --disable-pip-version-check --quiet install '.[dev]'
	{ echo "# Exact versions for repeatable installs; made by 'make constraints'."; \
		$(VENV)/pins/bin/pip --disable-pip-version-check freeze --all --exclude imgsvc --exclude pip; } > constraints.txt
	rm -rf $(VENV)/pins
