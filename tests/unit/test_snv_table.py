"""The table of all SNVs, read by tabix, against the dataset."""

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN
from glmtracks.tracks.calibrate import calibrate
from glmtracks.tracks.neutral import Neutral
from glmtracks.tracks.snv_table import write_snvs

SIZES = {"chr2": 70_000, "all_N": 30, "chr1|x.1": 500}
BASES = list("ACGT")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    with tracks.ScoresWriter(folder / "s.parquet", {"model": "random"}) as writer:
        for contig, size in SIZES.items():
            codes = rng.integers(0, 5, size).astype(np.uint8)
            if contig == "all_N":
                codes[:] = UNKNOWN
            writer.write(contig, 0, codes, log_softmax(rng.normal(0, 2, (size, 4)), axis=1))
    tracks.write_dataset([folder / "s.parquet"], SIZES, folder / "scores")
    return folder / "scores"


@pytest.fixture(scope="module")
def table(dataset) -> Path:
    whole = {name: (np.array([0]), np.array([size])) for name, size in SIZES.items()}
    calibrate(dataset, Neutral("all bases", whole), dataset.parent / "calibration")
    write_snvs(dataset, dataset.parent / "snvs.tsv.gz")
    return dataset.parent / "snvs.tsv.gz"


def test_every_snv_has_its_llr_and_rank(dataset, table):
    expected = tracks.read(dataset, None, ["ref", *tracks.LLR_COLUMNS, *(f"phred_{base}" for base in BASES)])
    rows = pd.read_csv(table, sep="\t", skiprows=1)
    assert list(rows.columns) == ["#Chrom", "Pos", "Ref", "Alt", "RawScore", "PHRED"]
    assert rows.drop_duplicates(["#Chrom", "Pos", "Alt"]).shape == rows.shape
    assert len(rows) == 3 * expected["llr_A"].notna().sum() and (rows["Ref"] != rows["Alt"]).all()
    wide = expected.set_index([expected["contig"].astype(str), expected["start"] + 1])
    for base, of_base in rows.groupby("Alt"):
        found = wide.loc[pd.MultiIndex.from_frame(of_base[["#Chrom", "Pos"]])]
        assert (found["ref"].to_numpy() == of_base["Ref"].to_numpy()).all()
        assert np.allclose(found[f"llr_{base}"], of_base["RawScore"], atol=1e-5)
        assert np.allclose(found[f"phred_{base}"], of_base["PHRED"], atol=1e-5)


def test_tabix_finds_a_region(table):
    with pysam.TabixFile(str(table)) as file:
        assert file.contigs == ["chr2", "chr1|x.1"]
        rows = [line.split("\t") for line in file.fetch("chr2", 65_530, 65_540)]
    positions = [int(row[1]) for row in rows]
    assert positions == sorted(positions) and set(positions) <= set(range(65_531, 65_541)) and len(rows) > 10
    for row, after in pairwise(rows):
        assert (int(row[1]), row[3]) < (int(after[1]), after[3])


def test_header_is_that_of_cadd(table):
    with gzip.open(table, "rt") as handle:
        first, second = next(handle), next(handle)
    assert first.startswith("## glmtracks ") and "model=random" in first
    assert second == "#Chrom\tPos\tRef\tAlt\tRawScore\tPHRED\n"


def test_same_input_same_bytes_and_nothing_without_a_calibration(dataset, table, tmp_path):
    write_snvs(dataset, dataset.parent / "again.tsv.gz")
    assert (dataset.parent / "again.tsv.gz").read_bytes() == table.read_bytes()
    (tmp_path / "scores").symlink_to(dataset)
    with pytest.raises(InputError, match="is not calibrated"):
        write_snvs(tmp_path / "scores", tmp_path / "snvs.tsv.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]
