# Every target does its own set-up: a bare checkout needs only python3 (3.11 or later) and, for the lab, root on Linux.
PYTHON ?= python3
STACK ?= staging
MESH ?= staging
SEEDS ?= 20
SEED ?= 0
BASE ?= origin/main
VENV := .venv
RELEASE := .release
LOCK := --quiet --universal --python-version=3.11 --generate-hashes
DIST ?= dist
SBOM ?= chatgpt-mesh.cdx.json
PY := $(VENV)/bin/python
# Compiled modules are kept: tests start hundreds of interpreters, and each would compile the product again.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help up down test unit thorough benchmark bench bench-large bench-lab program lab-test lab-long lab-drills lab-dashboards lab-random lab-kills report site diff diff-comment preview drift check lint golden inventory reference istio lint-workflows lint-quality lock wheels sbom tagged

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, and " + sys.executable + " is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@command -v go >/dev/null || $(PY) -m pip install --quiet "$$($(PY) -c 'from lab.toolchain import GO_FROM_PYPI; print(GO_FROM_PYPI)')"
	@touch $@

up: $(VENV)/installed ## a real Kubernetes, Istio and an MCP app on this machine, and an MCP client through the gateway
	$(PY) -m lab up --mesh $(MESH)

down: $(VENV)/installed ## end the lab and leave nothing of it
	$(PY) -m lab down

test: unit benchmark program lab-test ## unit, benchmark, program and lab tests

unit: $(VENV)/installed ## pure functions and rules, seconds
	$(PY) -m pytest tests/unit -n auto -q

thorough: $(VENV)/installed ## the property tests of make unit over 400 examples each instead of 10, and every hostile value: ten minutes
	$(PY) -m pytest tests/unit -n auto -q -m hypothesis --hypothesis-profile=thorough

benchmark: $(VENV)/installed ## limits of time and memory, one test at a time: they measure what a busy core would falsify
	$(PY) -m pytest tests/benchmarks -q

bench: $(VENV)/installed ## the tables of docs/performance.md, in the lab and without it, beside nothing else: half an hour
	$(PY) -m lab up --mesh $(MESH)
	MESH=$(MESH) $(PY) -m tests.benchmarks

bench-large: $(VENV)/installed ## what of these takes longer, with 1,000 apps in the lab: hours
	$(PY) -m lab up --mesh $(MESH)
	MESH=$(MESH) $(PY) -m tests.benchmarks --large

bench-lab: $(VENV)/installed ## of these what a request costs at the edge, a quarter of an hour
	$(PY) -m lab up --mesh $(MESH)
	MESH=$(MESH) $(PY) -m tests.benchmarks.data_path

program: $(VENV)/installed ## the program under Pulumi's mocks: graph, inventories
	$(PY) -m pytest tests/program -n auto -q

lab-test: $(VENV)/installed ## real requests through a real mesh, minutes
	$(PY) -m lab up --mesh $(MESH)
	$(PY) -m pytest tests/lab/plugins -n auto -q -m "not long" # beside the lab: each worker has an API server of its own
	$(PY) -m pytest tests/lab --ignore=tests/lab/plugins -q -m "not long" --durations=40

lab-long: $(VENV)/installed ## the lab tests that take minutes each: prod's certificates from a CA of their own, control planes side by side, two networks
	$(PY) -m lab up --mesh $(MESH)
	$(PY) -m pytest tests/lab -q -m long

lab-drills: $(VENV)/installed ## what fails, failing: the tests of docs/failures.md, and how requests were answered meanwhile, into its table
	$(PY) -m lab up --mesh $(MESH)
	$(PY) -m pytest tests/lab -q -k "drills or full_etcd or external_authorization or b38 or b39 or b41 or b47 or b12 or b16 or b22" --answers docs/failures.json
	$(PY) -m tests.lab.failures_page

lab-dashboards: $(VENV)/installed ## the dashboards drawn from the lab's Prometheus, into docs/dashboards
	$(PY) -m lab up --mesh $(MESH)
	$(PY) -m pytest tests/lab/test_dashboards.py -q --pictures docs/dashboards

lab-random: $(VENV)/installed ## SEEDS=20 random stacks in the lab, each asked what the checker says of it; the result goes to docs/lab-random.md
	$(PY) -m lab up --mesh $(MESH)
	MESH=$(MESH) $(PY) -m tests.lab.random_mesh --seeds $(SEEDS)

lab-kills: $(VENV)/installed ## 30 `up`s and 10 `destroy`s of the lab killed in the middle, and run again; the result goes to docs/lab-kills.md
	$(PY) -m lab up --mesh $(MESH)
	MESH=$(MESH) $(PY) -m tests.lab.killed_deploys

site: $(VENV)/installed ## the pages as a site, in .site
	NO_MKDOCS_2_WARNING=1 SITE_REVISION=$$(git rev-parse HEAD) $(PY) -m mkdocs build --strict --quiet

report: $(VENV)/installed ## the table of behaviours, and report.html: picture, who reaches what, findings, behaviours, benchmarks
	$(PY) -m tests.lab.report

diff: $(VENV)/installed ## what this tree changes of STACK since BASE=origin/main, in sentences, as markdown
	@$(PY) -m mesh diff $(BASE):$(STACK) $(STACK) --format markdown || test $$? -eq 1

diff-comment: $(VENV)/installed ## the same as a comment on the pull request PULL, edited in place (gh, with the right to write it)
	{ echo '<!-- mesh diff $(STACK) -->'; $(MAKE) --silent diff; } > $(VENV)/diff-$(STACK).md
	comment=$$(gh api --paginate "repos/$$GITHUB_REPOSITORY/issues/$(PULL)/comments" \
		--jq '.[] | select(.body | startswith("<!-- mesh diff $(STACK) -->")) | .id' | head -n 1); \
	if test -n "$$comment"; then gh api --silent --method PATCH "repos/$$GITHUB_REPOSITORY/issues/comments/$$comment" \
		--field body=@$(VENV)/diff-$(STACK).md; \
	else gh api --silent "repos/$$GITHUB_REPOSITORY/issues/$(PULL)/comments" --field body=@$(VENV)/diff-$(STACK).md; fi

preview: $(VENV)/installed ## what STACK=staging|prod|lab would register, without credentials or network
	$(PY) -m lab preview $(STACK)

drift: $(VENV)/installed ## what was changed by hand in STACK's cluster; fails if anything was
	@found=0; \
	pulumi refresh --stack $(STACK) --preview-only --expect-no-changes --diff --non-interactive || found=1; \
	$(PY) -m mesh diff $(STACK) --cluster || found=1; \
	exit $$found

check: $(VENV)/installed ## the checker over every stack, with its charts' values and what app teams put beside them
	$(PY) -m pytest tests/program/test_stacks_pass_the_checker.py -q

lint: $(VENV)/installed ## ruff, the arrows between rooms (import-linter), pyright
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/pyright

lint-workflows: $(VENV)/installed ## actionlint over .github/workflows (needs Go)
	go build -C lab/toolchain/actionlint -trimpath -o $(CURDIR)/$(VENV)/bin/actionlint github.com/rhysd/actionlint/cmd/actionlint
	$(VENV)/bin/actionlint -shellcheck= -pyflakes=

lint-quality: $(VENV)/installed ## figures of meshlint, against Istio's own tools: refusals, false alarms, mistakes of SEED=0; into docs/rules, twenty minutes
	$(PY) -m tests.unit.meshlint.validation
	$(PY) -m tests.unit.meshlint.alarms
	$(PY) -m tests.unit.meshlint.mutation --seed $(SEED)

golden: $(VENV)/installed ## regenerate tests/unit/golden: every Istio object of every stack, and what each concern makes
	$(PY) -m tests.unit.golden

inventory: $(VENV)/installed ## regenerate tests/program/inventory: every registered resource of every stack; and docs/costs.md from it
	$(PY) -m tests.program.inventory
	$(PY) -m tests.program.costs

reference: $(VENV)/installed ## regenerate docs/reference, the schemas in docs/ and package/, docs/rules and the picture of prod
	$(PY) -m stack reference > docs/reference/stack.md
	$(PY) -m stack schema > docs/stack.schema.json
	$(PY) -m components.outputs schema > docs/outputs.schema.json
	$(PY) -m package.schema > package/schema.json
	$(PY) -m tests.unit.meshlint.rule_pages
	$(PY) -m tests.unit.review.committed_picture > docs/prod.svg
	$(PY) -m tests.lab.bypass.page

istio: $(VENV)/installed ## where the version of Istio stands; VERSION=MAJOR.MINOR.PATCH puts another one everywhere
	$(PY) -m lab.istio_version $(if $(VERSION),change $(VERSION) $(if $(SOURCE),--source $(SOURCE)) $(if $(API),--api $(API)) $(foreach one,$(WITH),--with $(one)),check)

# What builds a release is held by hashes too, and apart from what the tests need.
$(RELEASE)/installed: requirements-release.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.txt
	@touch $@

lock: $(RELEASE)/installed ## hashes of all that the wheels bring along, into requirements.lock, and of what builds them
	$(RELEASE)/bin/uv pip compile $(LOCK) --output-file=requirements.lock requirements.txt
	$(RELEASE)/bin/uv pip compile $(LOCK) --output-file=requirements-release.txt requirements-release.in

wheels: $(RELEASE)/installed ## the wheels of the product and of meshlint, in DIST=dist
	$(RELEASE)/bin/hatchling build --target wheel --directory $(abspath $(DIST))
	cd meshlint && $(abspath $(RELEASE))/bin/hatchling build --target wheel --directory $(abspath $(DIST))

sbom: $(RELEASE)/installed ## what the wheels bring along, version and hashes, as CycloneDX, in SBOM=chatgpt-mesh.cdx.json
	sed "s/^dynamic = .*/version = \"$$($(RELEASE)/bin/hatchling version)\"/" pyproject.toml > $(RELEASE)/pyproject.toml
	$(RELEASE)/bin/cyclonedx-py requirements requirements.lock --pyproject $(RELEASE)/pyproject.toml \
		--mc-type library --output-reproducible --output-file $(SBOM)

tagged: $(RELEASE)/installed ## fails unless the variable TAG is v and the version of this tree
	@version=$$($(RELEASE)/bin/hatchling version); test "$$TAG" = "v$$version" || { echo "the tag is $$TAG, the version $$version: tag v$$version"; exit 1; }
