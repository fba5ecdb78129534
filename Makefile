# Two commands do everything on a fresh machine: `make loadtest` and `make test`.
# The rest are their parts, for those who work on the suite.

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; override with `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for candidate in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# With Compose 1: make COMPOSE=docker-compose
COMPOSE ?= docker compose
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Ubuntu forbids them; a test mounts a small disk in one.
USER_NAMESPACES := /proc/sys/kernel/apparmor_restrict_unprivileged_userns
RANDOM_HEX := od -An -N32 -tx1 /dev/urandom | tr -d ' \n'

.DEFAULT_GOAL := help
.PHONY: help loadtest baseline test test-all test-tools lint types unit schema bench alerts pictures lock secrets containers clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

loadtest: $(VENV)/.run  ## Set up, then run every journey against the embedded stack and judge them
	@$(BIN)/loadtest run all --embedded $(ARGS)

# Unlike a load test's, the runs are kept apart, so that each journey's is the only one.
baseline: $(VENV)/.run  ## Record conf/baselines anew: a run of the embedded stack per journey
	@runs=runs/baseline-$$(date -u +%Y%m%dT%H%M%SZ) && \
	$(BIN)/loadtest run all --embedded --output-dir $$runs $(ARGS) && \
	for run in $$runs/*; do \
		$(BIN)/loadtest baseline save $$run embedded-$${run##*-} --directory conf/baselines || exit; \
	done

test: lint types unit  ## Set up, then run the linter, the type checker and every test

lint: $(VENV)/.dev  ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

test-all: lint types  ## The same with nothing skipped: a missing browser, Prometheus or Docker engine is a failure
	@LOADTEST_TESTS_COLD=1 $(MAKE) unit ARGS="--skip-nothing $(ARGS)"

# Ubuntu's own Chromium is a snap, which sees no temporary directory: Playwright fetches one.
test-tools: $(VENV)/.dev  ## Install what test-all needs, on Debian and Ubuntu: Chromium, Prometheus, a Docker engine
	$(SUDO) apt-get update --quiet
	command -v prometheus || $(SUDO) apt-get install --yes --no-install-recommends prometheus
	docker compose version || docker-compose version || $(SUDO) apt-get install --yes docker.io docker-compose
	command -v chromium || $(BIN)/playwright install --with-deps chromium
	! test -e $(USER_NAMESPACES) || $(SUDO) sh -c 'echo 0 > $(USER_NAMESPACES)'

# Most of the time a test waits for a process that it has started: four at a time, each file in one of them, the longest first.
unit: $(VENV)/.dev  ## The tests; they start the real database, portal and Locust
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --durations=10 $(ARGS)

schema: $(VENV)/.run  ## Write reports/rendering/verdict.schema.json anew, after a change of the record
	$(BIN)/python -m reports.rendering.schema

alerts: $(VENV)/.run  ## Write Prometheus's rules and Grafana's dashboard anew, after a change of the thresholds
	$(BIN)/loadtest alerts --output conf/prometheus/rules.yml --dashboard conf/grafana/dashboards/openhouse.json

bench: $(VENV)/.dev  ## Measure the suite itself, and write the figures into benchmarks/RESULTS.md and docs/
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.verdicts
	$(BIN)/python -m benchmarks.tracker

# A real run, looked at with a real browser (Debian's chromium); light, dark, and on a telephone.
pictures: $(VENV)/.dev  ## Take the pictures in docs/pictures anew: chat against the embedded stack, step by step
	@runs=runs/pictures-$$(date -u +%Y%m%dT%H%M%SZ) && \
	$(BIN)/loadtest run chat --embedded --profile capacity --output-dir $$runs $(ARGS) && \
	page=file://$$(realpath $$runs/*-chat/report.html) && look="$(BIN)/python tests/support/browsing.py" && \
	$$look $$page --width 1120 --height 1392 --screenshot docs/pictures/report-light.png >/dev/null && \
	$$look "$$page#charts" --width 1120 --height 1320 --dark --screenshot docs/pictures/charts-dark.png >/dev/null && \
	$$look "$$page#charts" --width 390 --height 844 --scale 1.5 --touch --screenshot docs/pictures/report-phone.png >/dev/null
	@runs=runs/pictures-$$(date -u +%Y%m%dT%H%M%SZ)-stream && \
	$(BIN)/loadtest run chat --embedded --contract phase17-stream --output-dir $$runs $(ARGS) && \
	$(BIN)/python tests/support/browsing.py "file://$$(realpath $$runs/*-chat/report.html)#charts" --width 1120 --height 980 --screenshot docs/pictures/stream-light.png >/dev/null
	@$(BIN)/python tests/support/live_picture.py docs/pictures/live-verdict.png

lock: $(VENV)/.dev  ## Resolve pyproject.toml anew into requirements/*.txt (hashes, no index)
	$(PIP) install uv
	$(BIN)/uv pip compile -q -U --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group build --no-annotate -o requirements/build.txt
	$(BIN)/uv pip compile -q -U --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		-c requirements/build.txt --no-annotate pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile -q -U --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		-c requirements/build.txt -c requirements/run.txt --no-annotate --group dev -o requirements/dev.txt

# A project of its own: a web UI that runs in containers goes on, and what is removed is this run's alone.
containers: secrets  ## One run in containers: build, seed, load, verdict in runs/, and everything removed again
	@LOADTEST_COMMIT=$${LOADTEST_COMMIT:-$$(git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null)} \
	$(COMPOSE) --project-name openhouse-ci --profile ci up --build --exit-code-from headless $(ARGS) headless; code=$$?; \
	$(COMPOSE) --project-name openhouse-ci down --volumes; exit $$code

# Containers run as whoever calls make, so that runs/ is theirs; for root, as a user without rights.
secrets:  ## Write .env for docker-compose.yml: secrets of its own, and your user; what is there stays as it is
	@test -e .env || { umask 077; user=$$(id -u) group=$$(id -g); [ $$user != 0 ] || user=10001 group=10001; \
	{ echo "SESSION_SECRET=$$($(RANDOM_HEX))"; echo "LOADTEST_WEB_PASSWORD=$$($(RANDOM_HEX))"; \
	echo "LOADTEST_WORKER_SECRET=$$($(RANDOM_HEX))"; \
	echo "LOADTEST_UID=$$user"; echo "LOADTEST_GID=$$group"; } > .env; }
	@grep -q '^LOADTEST_WORKER_SECRET' .env || echo "LOADTEST_WORKER_SECRET=$$($(RANDOM_HEX))" >> .env
	@user=$$(sed -n 's/^LOADTEST_UID=//p' .env); mkdir -p runs logs data; \
	[ "$$(id -u)" != 0 ] || chown "$${user:-1000}" runs logs data

clean:  ## Remove the virtual environment and caches; runs/ and data/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# Wheels alone: nothing is built with what was fetched unchecked. The suite itself is built with the locked setuptools.
$(VENV)/.run: requirements/build.txt requirements/run.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Error: Python 3.11 or newer was not found." >&2; \
		echo "Install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Installing into $(VENV) (once; a minute or so) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "Error: the venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(PIP) install --require-hashes -r requirements/build.txt
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing the test tools into $(VENV) ..."
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@
