"""Fixtures for all tests: the folder of real data, and genomes of a few bases."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from glmtracks.genome import Genome, normalise

# Tests and the jobs that they start share the cores: threads of torch that wait for each other are not to spin
# meanwhile, which takes a job of two threads three times as long. It changes no result. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("any_machine", deadline=None)  # how long an example takes says nothing about what is true
settings.load_profile("any_machine")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tests run side by side on all cores; threads that wait for each other make small matrix products slow."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GLMTRACKS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set GLMTRACKS_DATA to their folder")
    return folder


@pytest.fixture
def make_genome(tmp_path: Path) -> Callable[[dict[str, str]], Genome]:
    """A function from contigs, name -> sequence, and options of `normalise` to a Genome in a folder of its own."""

    def make(contigs: dict[str, str], name: str = "genome", **options: str) -> Genome:
        folder = tmp_path / name
        folder.mkdir()
        source = folder / "source.fa"
        source.write_text("".join(f">{contig}\n{sequence}\n" for contig, sequence in contigs.items()))
        fasta = folder / "genome.fa.gz"
        outputs = {"sizes_out": folder / "chrom.sizes", "provenance_out": folder / "provenance.json"}
        normalise(source, fasta, **outputs, **options)
        return Genome(fasta)

    return make


@pytest.fixture
def tiny_genome(make_genome: Callable[[dict[str, str]], Genome]) -> Genome:
    """Two contigs, chrI of 70 bases with a soft-masked stretch and an N, and chrM of 12."""
    return make_genome({"chrI": "ACGTN" + "acgta" * 3 + "GATTACA" * 7 + "A", "chrM": "GATCACAGGTCT"})


@pytest.fixture
def make_plan(tmp_path):
    """make_plan(model_folder, **changes) -> path of the plan of scoring a genome with it, in float32."""

    def make(model_folder, **changes) -> Path:
        from glmtracks.models.registry import load, read_config
        from glmtracks.scoring.strategies import choose

        model = load(model_folder)
        usual = choose(model, "masked" if model.objective == "masked" else "auto")
        plan = {"strategy": usual.name, "strands": usual.strands, "spacing": None, "precision": "float32"}
        path = tmp_path / f"plan-{len(list(tmp_path.glob('plan-*')))}.json"
        path.write_text(json.dumps(plan | {"model_sha256": read_config(model_folder)["sha256"]} | changes))
        return path

    return make
