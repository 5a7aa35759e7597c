# Two commands for a fresh clone: `make demo`, then `make test`. Needs Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
# Two processes, a file of tests being one's as a whole, so that what its tests share is made
# once. In the order of collection, not largest file first: the demo, which keeps two cores busy
# by itself, then does not come last. Each process that has loaded TensorFlow takes some 3 GB.
WORKERS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder

BIN := $(VENV)/bin

.PHONY: demo test test-long test-minimum lint types docs dist clean

demo: $(VENV)/.installed  ## install, then run the whole job on made slides
	$(BIN)/wsi-idc demo --output demo

test: $(VENV)/.installed-$(EXTRAS)  ## all tests but the long ones
	$(BIN)/python -m pytest $(WORKERS)

test-long: $(VENV)/.installed-$(EXTRAS) test-minimum  ## tests that take minutes each
	$(BIN)/python -m pytest $(WORKERS) -m long

# With the oldest libraries that pyproject.toml allows, in an environment of their own.
MINIMUM := $(VENV)-minimum
test-minimum: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(MINIMUM)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(BIN)/python \
		--extra openvino --extra parquet --extra viewer --output-file $(MINIMUM)/lowest.txt \
		pyproject.toml
	$(BIN)/uv pip install --quiet --python $(MINIMUM) --requirement $(MINIMUM)/lowest.txt \
		pytest pytest-xdist hypothesis jsonschema ome-types lxml zarr httpx playwright
	$(BIN)/uv pip install --quiet --python $(MINIMUM) --no-deps --editable .
	$(MINIMUM)/bin/python -m pytest $(WORKERS) --ignore tests/docs


lint: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/mypy

docs: $(VENV)/.installed-docs  ## the documentation as a site, in site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

dist: $(VENV)/.installed-$(EXTRAS)  ## sdist and wheel in dist/, the wheel tried out of sight of this folder
	PYTHON=$(BIN)/python sh .ci/dist

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-$(EXTRAS): $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[$(EXTRAS)]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) $(MINIMUM) demo site dist
