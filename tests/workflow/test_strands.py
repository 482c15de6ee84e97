"""A genome and its other strand get the same scores from a model that is equivariant by construction."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import worlds
from conftest import Project

SHARD = "results/scores/{}/tiny/0001-of-0001.parquet"
COMPLEMENT = {"llr_A": "llr_T", "llr_C": "llr_G", "llr_G": "llr_C", "llr_T": "llr_A"}


@pytest.fixture(scope="module")
def flipped(road, tmp_path_factory) -> Project:
    """The road with its genome once more, every contig as its reverse complement."""
    project = road.copy(tmp_path_factory.mktemp("flipped") / "project")
    contigs = worlds.road().contigs
    other_strand = {name: worlds.reverse_complement(sequence) for name, sequence in contigs.items()}
    worlds.write_fasta(project.folder / "flipped.fa", other_strand)
    genomes = pd.read_csv(project.folder / "genomes.tsv", sep="\t", dtype=str, keep_default_na=False)
    project.sheet("genomes", [*genomes.to_dict("records"), {"name": "flipped", "fasta": "flipped.fa"}])
    project.run(SHARD.format("flipped"))
    return project


def test_reverse_complement_of_the_genome_gives_the_complement_of_the_scores(flipped):
    scores, other = (pq.read_table(flipped.folder / SHARD.format(name)).to_pandas() for name in ("toy", "flipped"))
    for contig, rows in scores.groupby("contig", observed=True):
        mirrored = other[other["contig"] == contig].iloc[::-1]
        assert (mirrored["start"].to_numpy() == rows["start"].to_numpy()[::-1]).all()
        for track in COMPLEMENT:
            difference = rows[track].to_numpy() - mirrored[COMPLEMENT[track]].to_numpy()
            assert np.nanmax(np.abs(difference)) < 0.0015  # of values that are rounded to 3 decimals
        assert np.nanmax(np.abs(rows["entropy"].to_numpy() - mirrored["entropy"].to_numpy())) < 0.0015
        assert (rows["entropy"].isna().to_numpy() == mirrored["entropy"].isna().to_numpy()).all()


def test_the_strands_of_the_genome_differ(flipped):
    """Guards the test above: scores that do not depend on the strand at all would pass it."""
    scores = pq.read_table(flipped.folder / SHARD.format("toy")).to_pandas().dropna()
    assert scores[list(COMPLEMENT)].std().min() > 0.01
