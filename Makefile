# Two commands for a fresh clone: `make demo`, then `make test`. Needs Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
# Two processes, a file of tests being one's as a whole, so that what its tests share is made
# once. In the order of collection, not largest file first: the demo, which keeps two cores busy
# by itself, then does not come last. Each process that has loaded TensorFlow takes some 3 GB.
WORKERS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Empty, or the file whose packages are installed, those and no others, as CI does:
# LOCKED=requirements/ci.txt
LOCKED ?=

BIN := $(VENV)/bin

.PHONY: demo test coverage mutation test-long test-minimum lint types docs dist lock audit sbom clean

demo: $(VENV)/.installed  ## install, then run the whole job on made slides
	$(BIN)/wsi-idc demo --output demo

test: $(VENV)/.installed-$(EXTRAS)  ## all tests but the slow and the long ones, in minutes
	$(BIN)/python -m pytest $(WORKERS)

coverage: $(VENV)/.installed-$(EXTRAS)  ## the slow tests too; less than 90 % branch coverage fails
	$(BIN)/python -m pytest $(WORKERS) -m "not long" --cov --cov-report=term

mutation: $(VENV)/.installed-$(EXTRAS)  ## a test must notice each small change to the pure rooms
	$(BIN)/python .ci/mutation.py

test-long: $(VENV)/.installed-$(EXTRAS) test-minimum mutation  ## tests that take minutes each, in hours
	$(BIN)/python -m pytest $(WORKERS) -m long
	$(BIN)/python -m pytest $(WORKERS) tests/properties --hypothesis-profile=many

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

# What CI installs, each file by its hash; nothing that is younger than a week.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" --exclude-newer "7 days"
lock: $(VENV)/.installed-$(EXTRAS)  ## renew requirements/
	$(LOCK) --output-file requirements/ci.txt pyproject.toml $(addprefix --extra ,\
		test fast bench openvino cluster docs audit)
	echo uv | $(LOCK) --constraints requirements/ci.txt --output-file requirements/uv.txt -

audit: $(VENV)/.installed-audit  ## known vulnerabilities of the locked packages
	$(BIN)/python .ci/audit.py requirements/ci.txt

sbom: $(VENV)/.installed-audit  ## what an installation consists of, as CycloneDX
	$(BIN)/python .ci/sbom.py sbom.cdx.json $(SBOM_EXTRAS)

ifneq ($(LOCKED),)
# All that any target needs at once. Nothing is built here but this package, by the locked tools.
$(VENV)/.installed: pyproject.toml $(LOCKED)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --only-binary :all: \
		--requirement $(LOCKED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	touch $@
else
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-$(EXTRAS): $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[$(EXTRAS)]"
	touch $@

$(VENV)/.installed-docs $(VENV)/.installed-audit: $(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@
endif

clean:
	rm -rf $(VENV) $(MINIMUM) demo site dist mutants sbom.cdx.json .coverage .coverage.*
