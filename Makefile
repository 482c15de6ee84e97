# make demo        the whole road on the embedded yeast genome
# make demo-human  the human mitochondrion with the model that comes with the workflow; fetches a few MB
# make yeast       the whole yeast genome with the model that comes with the workflow
# make status      what is done of each genome and model, and how long it took; CONFIG=my/config.yaml for a run of your own
# make serve       the results folder as a web page: the report with whole genomes, tracks for genome browsers
# make test        unit and workflow tests
# make test-cluster  the demo, made small, on a throw-away Slurm; lost nodes, killed jobs; needs root; a quarter of an hour
# make test-cluster-demo  the demo in full on that Slurm, compared with the demo on this machine; about half an hour
# make fuzz        readers of FASTA, genes, variants, BED and sheets fed with nonsense, a minute each; FUZZ_SECONDS=600 for longer
# make bench       how fast training and scoring are, and what three objectives learn in 9 minutes each; about 45 minutes
# make lint        ruff, snakefmt, snakemake --lint
# make clean       remove results and the environment
# Each target does all its own set-up.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) # macOS has no nproc
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --no-compile # most modules are never imported; the others are compiled when they are
CONFIG ?= config/config.yaml
RESULTS ?= results
FUZZ_SECONDS ?= 60

unexport PYTHONDONTWRITEBYTECODE # without compiled modules Snakemake and each of its jobs take twice as long to start

.PHONY: demo demo-human yeast status serve test test-cluster test-cluster-demo fuzz bench lint clean

demo: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --rerun-incomplete
	@$(BIN)/python -m glmtracks.overview results

demo-human: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --rerun-incomplete --configfile config/presets/human_mito_demo.yaml
	@$(BIN)/python -m glmtracks.overview results

yeast: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --rerun-incomplete --configfile config/presets/yeast_genome.yaml
	@$(BIN)/python -m glmtracks.overview results

status: .venv/installed
	@$(BIN)/python -m glmtracks.status $(RESULTS) --configfile $(CONFIG)

serve: .venv/installed
	@$(BIN)/python -m glmtracks.serve $(RESULTS)

test: .venv/installed-test
	$(BIN)/python -m pytest -n $(CORES)

test-cluster: .venv/installed-test
	$(BIN)/python -m pytest -n 4 --dist worksteal tests/cluster

test-cluster-demo: .venv/installed-test
	$(BIN)/python -m pytest --demo tests/cluster/test_demo.py

fuzz: .venv/installed-test
	$(INSTALL) --editable '.[fuzz]'
	@mkdir -p build
	@for reader in fasta gff gtf vcf bed genomes models benchmarks callsets; do \
		(cd build && ../$(BIN)/python ../tests/fuzz $$reader --seconds $(FUZZ_SECONDS)) || exit 1; done

bench: .venv/installed
	$(BIN)/python -m tests.performance --output results/bench.tsv

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

clean:
	rm -rf .venv results .snakemake build workflow/glmtracks.egg-info

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "glmtracks needs Python 3.11, 3.12 or 3.13, since not all libraries have wheels for others; name one with make PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) "$$(grep -o 'mappy==[^"]*' pyproject.toml)" || { echo "mappy could not be installed; it is compiled here, and needs a C compiler and the headers of Python and zlib; on Debian and Ubuntu: apt install gcc python3-dev; on macOS: xcode-select --install"; exit 1; }
	$(INSTALL) $$($(BIN)/python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"][0])')
	$(INSTALL) --editable .
	@touch $@

.venv/installed-test: .venv/installed
	$(INSTALL) --editable '.[test]'
	@touch $@
