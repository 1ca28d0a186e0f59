# make run     the sample bag of jobs on the embedded AWS
# make test    all tests
# make zipapp  dist/pegasus-aws-batch: the command and all that it needs as a single file, for any Python >= 3.10
# make test-zipapp  the end-to-end tests, run on that file
# make chaos   500 runs that are killed, or get a signal, at one of their calls; 100 that are killed at random instants
#              before an AWS that fails at random, 40 that are stopped by signals, 40 that get odd answers, 3 that are cut
#              off from AWS for a minute. POINTS=20000: at all calls of all kinds of runs
# make bench   measures the tool, and others beside it, for some hours; BENCH=--quick: only to see that it works
# make check   style, types, the manual page, and all tests, with more generated examples
# make man     the manual page, made anew from the option table and man/manual.rst
# make docs    build/site: README, manual, docs, examples and changelog as a site that needs no network
# make picture docs/report.png, the picture of a report in the README; needs Chromium
# make clean   removes what the others made

PYTHON ?= python3
PIP = python -m pip --quiet --quiet --disable-pip-version-check
PACKAGE = setup.py pyproject.toml
# Many tests wait for a process or a server: more of them than processors run at once, and who is done takes over.
WORKERS ?= 8
# -E: no variable of whoever starts them makes it another Python. tests/conftest.py sees to the other variables.
PYTEST = .venv-test/bin/python -E -m pytest -n $(WORKERS) --dist worksteal
LAB ?= ../shared/lab

.PHONY: run test zipapp test-zipapp chaos bench check man docs picture clean python debian
.DELETE_ON_ERROR:

# The outputs stay in run/.
run: .venv/stamp
	@mkdir -p run
	@echo "Running the 6 jobs of conf/sample-job-submit.in on the embedded AWS:"
	@cd run && PATH="$(CURDIR)/.venv/bin:$$PATH" pegasus-aws-batch --local --s3 s3://pegasus-aws-batch-sample/demo \
		--files ../conf/sample-launch.sh,../conf/sample/analyse.sh,../conf/sample/stations.csv \
		../conf/sample-job-submit.in
	@echo; echo "All 6 jobs are done. The stdout of the job 'valley' (run/valley.out), and a record for Pegasus:"; echo
	@cat run/valley.out
	@echo; echo "Its stderr (run/valley.err):"; echo
	@cat run/valley.err
	@echo; echo "The stdout and stderr of each job are in run/<job>.out and run/<job>.err;"
	@echo "run/sample-job-submit.jobstate.log tells when each job changed its state."

test: .venv-test/stamp debian
	$(PYTEST) </dev/null

zipapp: .venv/stamp
	@.venv/bin/python zipapp/build.py dist/pegasus-aws-batch

test-zipapp: zipapp .venv-test/stamp
	ZIPAPP_UNDER_TEST=$(CURDIR)/dist/pegasus-aws-batch XDG_CACHE_HOME=$(CURDIR)/build/cache \
		$(PYTEST) tests/e2e </dev/null

CHAOS = .venv-test/bin/python -E tests/chaos/chaos.py --parallel 4
POINTS ?= 500

# Few jobs in each run: what a run costs is the CPU of its jobs, and what is found is in how many runs there are.
chaos: .venv-test/stamp
	$(CHAOS) --kind points --runs $(POINTS)
	$(CHAOS) --kind kills --runs 100 --jobs 20
	$(CHAOS) --kind signals --runs 40 --jobs 40
	$(CHAOS) --kind answers --runs 40 --jobs 10
	$(CHAOS) --kind outage --runs 3 --jobs 100

# Without the lab, a server that plays AWS for thousands of jobs, the scenarios that need it are skipped.
bench: .venv-test/stamp-bench
	.venv-test/bin/python -m bench $(if $(wildcard $(LAB)/cloud.py),--lab $(LAB)) $(BENCH)

check: .venv-test/stamp-dev debian
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/mypy
	.venv-test/bin/python man/generate.py --check
	$(PYTEST) --hypothesis-profile=thorough </dev/null

man: .venv-test/stamp
	.venv-test/bin/python man/generate.py

docs: .venv-docs/stamp
	@rm -rf build/site
	@.venv-docs/bin/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/site
	@cp build/site/README.html build/site/index.html
	@echo "build/site/index.html"

picture: .venv/stamp
	.venv/bin/python docs/picture.py

clean:
	rm -rf .venv .venv-docs .venv-test run build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made anew when what it holds has changed, and kept otherwise.
.venv/stamp: $(PACKAGE) | python
	@echo "Installing into .venv (once) ..."
	@$(PYTHON) -m venv --clear .venv
	@# Of the 3,700 modules a run needs a part, which Python compiles when it first imports them.
	@.venv/bin/$(PIP) install --no-compile --editable '.[local]'
	@touch $@

.venv-test/stamp: $(PACKAGE) tests/requirements-pegasus.txt | python
	@echo "Installing into .venv-test (once) ..."
	@$(PYTHON) -m venv --clear .venv-test
	@.venv-test/bin/$(PIP) install --editable '.[test]'
	@.venv-test/bin/$(PIP) install --no-deps --requirement tests/requirements-pegasus.txt
	@# Each process that runs tests would do it by itself: compile all of them, and make Hypothesis's table of characters.
	@.venv-test/bin/python -E -m pytest --collect-only -qq >/dev/null
	@.venv-test/bin/python -E -c 'from hypothesis.strategies import text; text().validate()'
	@touch $@

.venv-docs/stamp: $(PACKAGE) | python
	@echo "Installing into .venv-docs (once) ..."
	@$(PYTHON) -m venv --clear .venv-docs
	@.venv-docs/bin/$(PIP) install --editable '.[docs]'
	@touch $@

.venv-test/stamp-dev: .venv-test/stamp
	@.venv-test/bin/$(PIP) install --editable '.[dev]'
	@touch $@

.venv-test/stamp-bench: .venv-test/stamp
	@.venv-test/bin/$(PIP) install --editable '.[bench]'
	@touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "This needs Python 3.10 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: its modules venv and ensurepip are missing." >&2; \
		echo "On Debian and Ubuntu they are in the package python3-venv. Or name another Python:" \
			"make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }

# What is tested with these shells and programs is skipped where they are missing; on a CI machine they should be there.
debian:
	@if [ -n "$$CI" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		missing=$$(for tool in mandoc busybox curl; do command -v $$tool >/dev/null || echo $$tool; done; \
			command -v chromedriver >/dev/null || echo chromium-driver); \
		[ -z "$$missing" ] || apt-get -qq update >/dev/null 2>&1; \
		for package in $$missing; do \
			apt-get -qq install --yes --no-install-recommends $$package >/dev/null 2>&1 || \
				echo "$$package could not be installed: its tests are skipped"; \
		done; \
	fi
