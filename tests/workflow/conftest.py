"""Running the workflow as a user does: a folder with a configuration and sheets, and the command snakemake."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import worlds
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
STANDIN = CHECKOUT / "tests" / "conda_standin" / "bin"  # where conda is, for tests
CONDA = {"PATH": f"{STANDIN}:{Path(sys.executable).parent}:{os.environ['PATH']}"}  # the environment that finds it
MODELS = [
    {"name": "markov", "kind": "markov", "source": "train", "genomes": "toy", "parameters": "order=3"},
    {
        "name": "tiny",
        "kind": "one_pass",
        "source": "train",
        "genomes": "toy",
        "parameters": "width=16; layers=3; steps=5; batch=4; precision=float32",
    },
]
SETTINGS = {
    "windows": {"size": 128, "step": 64, "jitter": 32},
    "split": {"block": 2000, "gap": 160, "test": 0.2, "validation": 0.1},
    "scores": {"window": 1024, "device": "cpu", "precision": "float32"},
    "benchmark": {"draws": 100},
    "embeddings": {"size": 50, "step": 200},
}


@dataclass
class Project:
    """A working directory of the workflow."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def sheet(self, name: str, rows: list[dict], columns: list[str] | None = None) -> None:
        """Write {name}.tsv with the columns that the rows have."""
        columns = columns or list(dict.fromkeys(key for row in rows for key in row))
        lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
        (self.folder / f"{name}.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))

    def configure(
        self,
        genomes: list[dict],
        *,
        models: list[dict] = MODELS,
        benchmarks: list[dict] = [],  # noqa: B006 - only read
        callsets: list[dict] = [],  # noqa: B006
        **settings,
    ) -> None:
        """Write config.yaml and the four sheets; `settings` replace whole sections of `SETTINGS`."""
        self.sheet("genomes", genomes)
        self.sheet("models", models)
        self.sheet("benchmarks", benchmarks, ["genome", "task"])
        self.sheet("callsets", callsets, ["name", "genome", "vcf"])
        sheets = {name: f"{name}.tsv" for name in ("genomes", "models", "benchmarks", "callsets")}
        (self.folder / "config.yaml").write_text(yaml.safe_dump({**sheets, **SETTINGS, **settings}))

    def snakemake(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """What a user's command prints, standard error included."""
        return snakemake(
            self.folder, "--configfile", "config.yaml", "--cores", "2", *arguments, environment=environment
        )

    def run(self, *arguments: str) -> str:
        """Like `snakemake`, for a run that must succeed; what it prints."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def copy(self, folder: Path) -> "Project":
        """The same project, results and all, at another place."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("locks"))
        return Project(folder)


def snakemake(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Run the workflow of this checkout in `folder`, with no more help than a user has."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "Snakefile"), "--directory", str(folder)]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**inherited, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def planned(output: str) -> Counter:
    """Jobs for each rule, from the table that snakemake prints before it starts."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    return Counter({name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {})


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Project], None]], Project]:
    """A function that lets `make` fill a project the first time it is called with a name, in whichever test process.

    Tests must not change such a project; they copy it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def get(name: str, make: Callable[[Project], None]) -> Project:
        project, made = Project(shared / name), shared / f"{name}.made"
        if not made.exists():
            with locked(shared / f"{name}.lock"):
                if not made.exists():
                    shutil.rmtree(project.folder, ignore_errors=True)
                    project.folder.mkdir()
                    make(project)
                    made.touch()
        return project

    return get


def _make_road(project: Project) -> None:
    """Eleven contigs with genes, a sister genome by URL, a call set of every kind of variant, a BED; all targets."""
    world, folder = worlds.road(), project.folder
    worlds.write_fasta(folder / "toy.fa", world.contigs)
    world.write_gff3(folder / "toy.gff3")
    rng = np.random.default_rng(2)
    sister = {f"s{name}": worlds.mutated(rng, sequence, 0.1) for name, sequence in world.contigs.items()}
    worlds.write_fasta(folder / "sister.fa", sister)
    worlds.write_vcf(folder / "calls.vcf", worlds.road_variants(world))
    (folder / "parts.bed").write_text("NC_0003.1\t5\t95\tlater\nchr1\t0\t3000\tlong\nchr1\t40\t41\tbase\n")
    project.configure(
        [
            {
                "name": "toy",
                "fasta": "toy.fa",
                "annotation": "toy.gff3",
                "repeats": "soft",
                "outgroups": "sister",
                "contig_aliases": "NC_0003.1=chr3",
                "embed_bed": "parts.bed",
                "test": "^chr(4|8)$",
                "shards": 1,
            },
            {"name": "sister", "fasta": (folder / "sister.fa").as_uri(), "repeats": "none", "scored": "no"},
        ],
        benchmarks=[{"genome": "toy", "task": task} for task in ("perplexity", "consequence", "outgroup")],
        callsets=[{"name": "calls", "genome": "toy", "vcf": "calls.vcf"}],
    )
    project.run()


@pytest.fixture(scope="session")
def road(once) -> Project:
    """The synthetic genome of `worlds.road`, all the way to the report; not to be changed."""
    return once("road", _make_road)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)
