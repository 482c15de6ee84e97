"""The weights that come along: what their cards promise, measured on chromosomes that they never saw."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmtracks.annotation import canonicalise, read_annotation
from glmtracks.annotation.regions import label_positions, make_regions
from glmtracks.genome import Genome, decode, normalise
from glmtracks.models.registry import load, read_config
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.tiles import tile_contigs

RESOURCES = Path(__file__).parents[2] / "resources"
YEAST, HUMAN_MITO = (RESOURCES / "models" / name for name in ("yeast-one-pass", "human-mito-one-pass"))


@pytest.mark.parametrize(("folder", "megabytes"), [(YEAST, 20), (HUMAN_MITO, 10)], ids=["yeast", "human_mito"])
def test_a_folder_is_small_and_whole(folder, megabytes):
    assert sum(path.stat().st_size for path in folder.iterdir()) < megabytes * 1e6
    assert {"model.safetensors", "config.json", "metrics.json", "training.tsv", "README.md"} <= {
        path.name for path in folder.iterdir()
    }
    card = (folder / "README.md").read_text()
    assert "| licence | MIT |" in card and read_config(folder)["sha256"] in card
    assert load(folder).receptive_field == 513


@pytest.fixture(scope="module")
def chromosome(tmp_path_factory) -> pd.DataFrame:
    """Each base of chromosome I of S. cerevisiae: loss in nats, region class, codon position and gene."""
    folder, demo = tmp_path_factory.mktemp("chromosome"), RESOURCES / "demo"
    outputs = {"sizes_out": folder / "chrom.sizes", "provenance_out": folder / "provenance.json"}
    normalise(demo / "saccharomyces_cerevisiae.fa.gz", folder / "genome.fa.gz", **outputs, include="^chrI$")
    genome = Genome(folder / "genome.fa.gz")
    canonicalise(demo / "saccharomyces_cerevisiae.gff3.gz", genome.path, folder / "genes.gff3.gz", {})
    none = pd.DataFrame({"contig": pd.Series(dtype=str), "start": [], "end": []})
    regions = make_regions(genome, read_annotation(folder / "genes.gff3.gz"), none)
    length = genome.contigs["chrI"]
    codes = genome.codes("chrI", 0, length)
    runner = Runner.start(load(YEAST), window=8192, batch=1, precision="float32", device="cpu", threads=1)
    log_probs = np.concatenate([rows for _, rows in runner.log_probs(genome, tile_contigs(genome.contigs, 8192))])
    table = label_positions(regions, "chrI", np.arange(length)).astype({"region": str})
    return table.assign(loss=-log_probs[np.arange(length), codes], sequence=list(decode(codes)))


def test_a_chromosome_never_seen_is_predicted_better_than_by_any_markov_chain(chromosome):
    assert chromosome["loss"].mean() < 1.30  # chains of order 1 to 12 give 1.33 and more


def test_genes_are_more_predictable_than_what_lies_between_them(chromosome):
    loss = chromosome.groupby("region")["loss"].mean()
    assert loss["CDS"] < loss["intergenic"]
    by_codon = chromosome[chromosome["region"] == "CDS"].groupby("codon_position")["loss"].mean()
    assert by_codon[3] > by_codon[1] and by_codon[3] > by_codon[2]


def test_start_codons_are_the_surest_bases_of_genes(chromosome):
    coding = chromosome[chromosome["region"] == "CDS"]
    first = coding[coding["strand"] == "+"].groupby("gene").head(3)
    starts = first[first.groupby("gene")["sequence"].transform("".join) == "ATG"]
    assert starts["loss"].mean() < coding["loss"].mean()
