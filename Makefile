# Two commands: `make demo` and `make test`. Each sets up what it needs, on a
# machine that has only python3 (3.11 or newer, with its venv module) and make.
PYTHON ?= python3
VENV   := .venv
DEV    := .venv-dev
BOOK   := .venv-book
OUT    ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo quick test readable release-check lab lint figures exercises lessons book bench lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

# The stamp is touched last: an interrupted set-up starts afresh.
$(VENV)/.done: requirements.lock pyproject.toml
	@$(call setup,$(VENV),requirements.lock)

$(DEV)/.done: requirements-dev.lock pyproject.toml
	@$(call setup,$(DEV),requirements-dev.lock)

$(BOOK)/.done: book/requirements.lock
	@$(call packages,$(BOOK),book/requirements.lock) && touch $(BOOK)/.done

define setup
$(call packages,$(1),$(2)) \
	&& $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e . \
	&& touch $(1)/.done
endef

define packages
$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Try: make PYTHON=python3.12 ..." % v[:2])' \
	&& echo "setting up $(1) from $(2) ..." \
	&& $(PYTHON) -m venv --clear $(1) \
	&& $(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
endef

demo: $(VENV)/.done  ## Turbo-VBI on digits: table, pictures and the small model in demo/
	$(VENV)/bin/tvbi-ref demo --out $(OUT)

PYTEST = $(DEV)/bin/python -m pytest -n auto --dist worksteal

quick: $(DEV)/.done  ## while working: all tests but the slow ones and the lessons, in a minute
	$(PYTEST) -p no:nbmake -m "not slow and not lesson"

test: $(DEV)/.done  ## the whole test suite, on all cores
	$(PYTEST) --nbmake tests tvbi_ref notebooks

readable: $(DEV)/.done  ## the tests of the algorithm once more, by the readable forms, Numba hidden
	TVBI_ENGINE=numpy PYTHONPATH=.ci/without_numba $(PYTEST) -p no:nbmake \
		tests/module_a tests/module_b tests/turbo tests/nets tests/test_prior.py \
		--deselect tests/module_b/test_em.py

release-check: $(DEV)/.done  ## build wheel and sdist; demo and core tests from each in an empty environment
	.ci/release-check $(DEV)/bin/python

lab: $(DEV)/.done  ## Jupyter on your copies of the lessons, in notebooks/student
	$(DEV)/bin/python notebooks/make_student.py
	$(DEV)/bin/jupyter lab notebooks/student

lint: $(DEV)/.done  ## ruff, mypy and the contracts on imports
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

figures: $(VENV)/.done  ## redraw every figure from its script; the long runs are kept in figures/runs
	set -e; for script in $(filter-out figures/runs.py,$(wildcard figures/[a-z]*.py)); do echo $$script; $(VENV)/bin/python $$script; done

exercises: $(DEV)/.done  ## remake the exercises from their solutions, and the pages about the equations
	$(DEV)/bin/python docs/make.py
	$(DEV)/bin/python notebooks/make_exercises.py

lessons: export TVBI_MY_TURBO := $(CURDIR)/notebooks/student/.solved/my_turbo.py
lessons: $(DEV)/.done  ## execute the lessons anew, in place
	$(DEV)/bin/python notebooks/make_setup.py
	rm -f $(TVBI_MY_TURBO)
	set -e; for lesson in notebooks/[0-9]*.ipynb; do echo $$lesson; \
		$(DEV)/bin/jupyter nbconvert --to notebook --execute --inplace --log-level WARN \
		--ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.record_timing=False $$lesson; done

book: export PYTHONPATH := .:book
book: $(BOOK)/.done  ## lessons, guides and names as web pages in book/_build/html, to be read without a network
	$(BOOK)/bin/jupyter-book build . --config book/_config.yml --toc book/_toc.yml \
		--path-output book --warningiserror --keep-going
	$(BOOK)/bin/python book/check.py

bench: $(DEV)/.done  ## benchmarks (speed and memory; compile time apart)
	$(DEV)/bin/python -m pytest benchmarks -o python_files="bench_*.py" --benchmark-sort=name \
		--benchmark-columns=median,iqr,rounds

# Maintainers only: needs `uv` on the PATH. Universal: one lock for every system.
LOCK = uv pip compile pyproject.toml requirements-build.in --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --quiet --upgrade
lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra test --extra bench --extra lint --extra notebooks -o requirements-dev.lock
	uv pip compile pyproject.toml book/requirements.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --upgrade -o book/requirements.lock

clean:  ## remove the environments and what the commands wrote
	rm -rf $(VENV) $(DEV) $(BOOK) $(OUT) book/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
