"""The genomes that the figures are measured on: Saccharomyces without chromosomes I and XVI, and XVI to validate on."""

import os
from pathlib import Path

import pandas as pd

from glmtracks.annotation.regions import make_regions
from glmtracks.genome import Genome, normalise
from glmtracks.repeats import find_repeats
from glmtracks.schemas import fill_defaults, schema
from glmtracks.windows.corpus import Corpus, CorpusGenome
from glmtracks.windows.cutting import make_windows
from glmtracks.windows.leakage import purge
from glmtracks.windows.split import make_split, matching

CHECKOUT = Path(__file__).parents[2]
EMBEDDED = CHECKOUT / "resources" / "demo" / "saccharomyces_cerevisiae.fa.gz"
GENOMES = ("S288C", "CBS432", "Sarboricola")  # S. cerevisiae, which is validated on, S. paradoxus, S. arboricola
HELD_OUT = "chrXVI"
TEST_CONTIGS, VALIDATION_CONTIGS, MITOCHONDRION = "^chrI$", f"^{HELD_OUT}$", "^chrmt$"
SETTINGS = fill_defaults({}, schema("config"))
SEED = 0


def yeast_genomes() -> dict[str, Path]:
    """Name and FASTA of the genomes in $GLMTRACKS_DATA or ../shared/data; of the embedded one where there are none."""
    data = Path(os.environ.get("GLMTRACKS_DATA") or CHECKOUT.parent / "shared" / "data")
    paths = {name: data / "yeast" / "genomes" / f"{name}.genome.fa.gz" for name in GENOMES}
    return paths if all(path.exists() for path in paths.values()) else embedded_genome()


def embedded_genome() -> dict[str, Path]:
    """Name and FASTA of the genome of the demo."""
    return {"the embedded genome": EMBEDDED}


def make_corpus(genomes: dict[str, Path], folder: Path, *, threads: int, purged: bool, contigs: str = "") -> Corpus:
    """The corpus of nuclear genomes, cut as the workflow cuts it; validation windows are those of the first alone.

    Chromosomes I and XVI of every genome are held out and, if `purged`, what is homologous to them in any. `folder`
    keeps the normalised genomes; the pattern `contigs` takes a part of each, to try things out.
    """
    corpus = Corpus([_open(name, fasta, folder / str(n), contigs) for n, (name, fasta) in enumerate(genomes.items())])
    if purged:
        purge(corpus, SETTINGS["split"]["purge"], SETTINGS["split"]["related"], threads)
    for number, member in enumerate(corpus.genomes):
        regions = make_regions(member.genome, None, member.repeats)
        windows = make_windows(member.genome, member.split, regions, **SETTINGS["windows"], seed=SEED)
        parts = ["train", "validation"] if number == 0 else ["train"]
        member.windows = windows[windows["split"].isin(parts)].reset_index(drop=True)
    return corpus


def _open(name: str, fasta: Path, folder: Path, contigs: str) -> CorpusGenome:
    folder.mkdir(parents=True)
    path, sizes, provenance = (folder / file for file in ("genome.fa.gz", "chrom.sizes", "provenance.json"))
    normalise(fasta, path, sizes_out=sizes, provenance_out=provenance, include=contigs, exclude=MITOCHONDRION)
    genome = Genome(path)
    planned = {key: SETTINGS["split"][key] for key in ("unit", "test", "validation", "block", "gap")}
    patterns = {"test": TEST_CONTIGS, "validation": VALIDATION_CONTIGS}
    named = {part: matching(genome.contigs, pattern, part) for part, pattern in patterns.items()}
    split = make_split(genome.contigs, **planned, seed=SEED, named=named)
    repeats = find_repeats(path, "dust", folder / "repeats.bed.gz")
    return CorpusGenome(name, genome, repeats, split, pd.DataFrame(), species=name)
