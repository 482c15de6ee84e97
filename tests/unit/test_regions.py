"""Every base has one label, and it is the one that biology gives it."""

import gzip
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.annotation import canonicalise, read_features
from glmtracks.annotation import regions as module
from glmtracks.annotation.regions import classify, label_positions, make_regions, read_regions

NO_REPEATS = pd.DataFrame({"contig": pd.Series(dtype="str"), "start": np.int64([]), "end": np.int64([])})


class Contigs:
    """A genome as far as regions know it: lengths."""

    def __init__(self, contigs):
        self.contigs = contigs
        self.size = sum(contigs.values())


def features_of(text, path, contigs=None):
    file = path / "genes.gff3"
    file.write_text(text)
    return read_features(file, None, contigs)


def gene(contig, strand, exons, cds, name="T", phase="."):
    rows = [(kind, *span) for kind, spans in (("exon", exons), ("CDS", cds)) for span in spans]
    return "".join(
        f"{contig}\tx\t{kind}\t{start + 1}\t{end}\t.\t{strand}\t{phase if kind == 'CDS' else '.'}\tParent={name}\n"
        for kind, start, end in rows
    )


def letters(regions, contig):
    """The class of every base of a contig, as a list."""
    here = regions[regions["contig"] == contig]
    return np.repeat(here["region"].astype("str").to_numpy(), here["end"] - here["start"]).tolist()


def check_tiling(regions, contigs):
    assert regions["contig"].drop_duplicates().tolist() == list(contigs)
    for contig, part in regions.groupby("contig", observed=True):
        assert part["start"].iloc[0] == 0 and part["end"].iloc[-1] == contigs[contig]
        assert (part["start"].to_numpy()[1:] == part["end"].to_numpy()[:-1]).all()
    assert (regions["end"] > regions["start"]).all()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gene_reads_from_promoter_to_3utr_along_its_strand(strand, tmp_path):
    """40 bases of contig: exons at 10-16 and 28-36, CDS 13-16 and 28-31, an intron of 12 bases between."""
    text = gene("c", strand, [(10, 16), (28, 36)], [(13, 16), (28, 31)])
    regions = make_regions(Contigs({"c": 40}), features_of(text, tmp_path), NO_REPEATS, promoter=5)
    check_tiling(regions, {"c": 40})
    front, back = ("5UTR", "3UTR") if strand == "+" else ("3UTR", "5UTR")
    donor, acceptor = ("splice_donor", "splice_acceptor") if strand == "+" else ("splice_acceptor", "splice_donor")
    expected = ["intergenic"] * 10 + [front] * 3 + ["CDS"] * 3 + [donor] * 2 + ["intron"] * 8 + [acceptor] * 2
    expected += ["CDS"] * 3 + [back] * 5 + ["intergenic"] * 4
    upstream = range(5, 10) if strand == "+" else range(36, 40)  # the contig ends before the promoter does
    for position in upstream:
        expected[position] = "promoter"
    assert letters(regions, "c") == expected
    assert set(regions.loc[regions["region"] != "intergenic", "gene"]) == {"T"}
    assert regions.loc[regions["region"] == "intergenic", "gene"].isna().all()
    assert set(regions.loc[regions["region"] != "intergenic", "strand"]) == {strand}


def test_introns_of_trnas_have_no_splice_sites(tmp_path):
    """An endonuclease cuts them out by the shape of the tRNA; their ends have no motif."""
    rows = ["tRNA\t11\t60\t.\t+\t.\tID=T", "exon\t11\t30\t.\t+\t.\tParent=T", "exon\t45\t60\t.\t+\t.\tParent=T"]
    features = features_of("".join(f"c\tx\t{row}\n" for row in rows), tmp_path)
    regions = make_regions(Contigs({"c": 70}), features, NO_REPEATS, promoter=0)
    assert (
        letters(regions, "c")
        == ["intergenic"] * 10 + ["ncRNA"] * 20 + ["intron"] * 14 + ["ncRNA"] * 16 + ["intergenic"] * 10
    )


def test_short_gaps_are_frameshifts_and_not_introns(tmp_path):
    """A base skipped by +1 slippage is coding sequence without a codon position; the frame goes on behind it."""
    text = gene("c", "+", [(0, 40)], [(0, 12), (13, 40)])
    regions = make_regions(Contigs({"c": 40}), features_of(text, tmp_path), NO_REPEATS)
    assert letters(regions, "c") == ["CDS"] * 40
    labels = label_positions(regions, "c", np.arange(40))
    assert labels["codon_position"].tolist() == [1, 2, 3] * 4 + [0] + [1, 2, 3] * 9
    text = gene("c", "+", [(0, 10), (19, 30)], [])
    regions = make_regions(Contigs({"c": 30}), features_of(text, tmp_path), NO_REPEATS)
    assert set(letters(regions, "c")) == {"ncRNA"}


def test_where_transcripts_disagree_the_priority_decides(tmp_path):
    """Coding beats splice site, UTR, RNA gene and intron; of two frames that of the longer CDS is taken."""
    text = gene("c", "+", [(0, 30), (60, 90)], [(0, 30), (60, 90)], "long")
    text += gene("c", "+", [(1, 40)], [(1, 40)], "short")
    text += gene("c", "-", [(45, 50)], [], "rna")
    regions = make_regions(Contigs({"c": 90}), features_of(text, tmp_path), NO_REPEATS, promoter=10)
    found = letters(regions, "c")
    assert found[30:40] == ["CDS"] * 10  # over the donor of the long transcript
    assert found[40:60] == ["intron"] * 5 + ["ncRNA"] * 5 + ["intron"] * 8 + ["splice_acceptor"] * 2
    labels = label_positions(regions, "c", np.arange(90))
    assert labels["codon_position"][:30].tolist() == [1, 2, 3] * 10
    assert labels["codon_position"][30:40].tolist() == [(position - 1) % 3 + 1 for position in range(30, 40)]
    assert labels["gene"][[29, 30]].tolist() == ["long", "short"]


def test_coding_across_the_origin_of_a_circle_keeps_its_frame(tmp_path):
    text = "c\tx\tregion\t1\t60\t.\t+\t.\tID=c;Is_circular=true\nc\tx\tCDS\t50\t73\t.\t+\t0\tID=a\n"
    contigs = {"c": 60}
    regions = make_regions(Contigs(contigs), features_of(text, tmp_path, contigs), NO_REPEATS)
    labels = label_positions(regions, "c", np.arange(49, 73) % 60)
    assert labels["codon_position"].tolist() == [1, 2, 3] * 8
    assert set(labels["region"]) == {"CDS"}


def test_without_annotation_classes_are_null_and_repeats_remain():
    repeats = pd.DataFrame({"contig": ["b", "a", "a"], "start": [0, 5, 7], "end": [4, 8, 10]})
    regions = make_regions(Contigs({"b": 4, "a": 12}), None, repeats)
    assert regions[["contig", "start", "end", "repeat"]].to_numpy().tolist() == [
        ["b", 0, 4, True],
        ["a", 0, 5, False],
        ["a", 5, 10, True],
        ["a", 10, 12, False],
    ]
    assert regions["region"].isna().all() and regions["gene"].isna().all()
    assert (
        (regions["strand"] == ".").all() and (regions["phase"] == -1).all() and (regions["codon_position"] == 0).all()
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_genomes_are_tiled_and_labels_follow_from_the_features(data, tmp_path_factory):
    """Base by base: coding exactly where some CDS lies, repeat exactly where some repeat lies, frames by counting."""
    contigs = {f"c{n}": 150 for n in range(data.draw(st.integers(1, 2)))}
    text, coding = "", {contig: np.zeros(length, dtype=bool) for contig, length in contigs.items()}
    frames = {}
    for number in range(data.draw(st.integers(1, 4))):
        contig, strand = data.draw(st.sampled_from(list(contigs))), data.draw(st.sampled_from("+-"))
        steps = data.draw(st.lists(st.tuples(st.integers(10, 25), st.integers(1, 20)), min_size=1, max_size=3))
        ends = np.cumsum([gap + length for gap, length in steps])
        exons = [(int(end) - length, int(end)) for end, (_, length) in zip(ends, steps, strict=True)]
        text += gene(contig, strand, exons, exons, f"T{number}")
        order = [base for start, end in exons for base in range(start, end)][:: 1 if strand == "+" else -1]
        coding[contig][order] = True
        for place, base in enumerate(order):
            frames.setdefault((contig, base), set()).add((f"T{number}", strand, place % 3 + 1))
    repeats = pd.DataFrame({"contig": [next(iter(contigs))] * 2, "start": [3, 20], "end": [25, 40]})
    features = features_of(text, tmp_path_factory.mktemp("random"))
    regions = make_regions(Contigs(contigs), features, repeats, promoter=7)
    check_tiling(regions, contigs)
    for contig, length in contigs.items():
        labels = label_positions(regions, contig, np.arange(length))
        assert ((labels["region"] == "CDS") == coding[contig]).all()
        masked = np.isin(np.arange(length), np.arange(3, 40)) & (contig == next(iter(contigs)))
        assert (labels["repeat"] == masked).all()
        for base in np.flatnonzero(coding[contig]):
            row = labels.iloc[base]
            assert (row["gene"], row["strand"], row["codon_position"]) in frames[contig, base]
        assert (labels["codon_position"][~coding[contig]] == 0).all()
    cds = regions[regions["codon_position"] > 0]
    five_prime = np.where(cds["strand"] == "+", cds["start"], cds["end"] - 1)
    for row, position in zip(cds.itertuples(), five_prime, strict=True):
        at_five_prime = label_positions(regions, row.contig, np.array([position]))["codon_position"][0]
        assert row.phase == (1 - at_five_prime) % 3


def test_the_division_of_the_work_does_not_show(tmp_path, monkeypatch):
    contigs = {f"c{n}": 100 for n in range(7)}
    text = "".join(gene(contig, "+", [(10, 40), (60, 90)], [(10, 40), (60, 90)], f"T{contig}") for contig in contigs)
    features = features_of(text, tmp_path)
    whole = make_regions(Contigs(contigs), features, NO_REPEATS)
    monkeypatch.setattr(module, "BATCH_BASES", 250)
    pd.testing.assert_frame_equal(make_regions(Contigs(contigs), features, NO_REPEATS), whole)


def test_memory_depends_on_intervals_and_not_on_bases():
    contigs = {"long": 250_000_000, **{f"s{n}": 300 for n in range(5_000)}}
    tracemalloc.start()
    regions = make_regions(Contigs(contigs), None, NO_REPEATS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(regions) == 5_001 and peak < 50e6


def test_positions_outside_are_refused():
    regions = make_regions(Contigs({"c": 10}), None, NO_REPEATS)
    with pytest.raises(IndexError, match="position 10"):
        label_positions(regions, "c", np.array([3, 10]))
    with pytest.raises(KeyError, match="d is not a contig"):
        label_positions(regions, "d", np.array([3]))


def test_files_in_regions_out(make_genome, tmp_path):
    """From canonical GFF3 and BED to Parquet and back, categories in genome order."""
    genome = make_genome({"z": "ACGT" * 20, "HG002#1#a": "ACGT" * 10})
    (tmp_path / "genes.gff3").write_text(gene("z", "-", [(10, 40)], [(10, 40)]))
    canonicalise(tmp_path / "genes.gff3", genome.path, tmp_path / "annotation.gff3.gz", {})
    (tmp_path / "repeats.bed").write_text("HG002#1#a\t0\t7\nz\t20\t30\n")
    classify(genome.path, tmp_path / "repeats.bed", tmp_path / "annotation.gff3.gz", tmp_path / "regions.parquet", 10)
    regions = read_regions(tmp_path / "regions.parquet")
    assert list(regions["contig"].cat.categories) == ["z", "HG002#1#a"]
    assert letters(regions, "z") == ["intergenic"] * 10 + ["CDS"] * 30 + ["promoter"] * 10 + ["intergenic"] * 30
    assert regions.loc[regions["repeat"], ["contig", "start", "end"]].to_numpy().tolist() == [
        ["z", 20, 30],
        ["HG002#1#a", 0, 7],
    ]
    (tmp_path / "none.bed").write_text("")
    classify(genome.path, tmp_path / "none.bed", None, tmp_path / "plain.parquet")
    assert read_regions(tmp_path / "plain.parquet")["region"].isna().all()


def test_real_yeast_introns_begin_with_gt_and_end_with_ag(shared_data, make_genome):
    with gzip.open(shared_data / "yeast" / "sacCer3.fa.gz", "rt") as handle:
        records = dict(record.split("\n", 1) for record in handle.read().split(">")[1:])
    genome = make_genome({name: sequence.replace("\n", "") for name, sequence in records.items()})
    features = read_features(shared_data / "yeast" / "sacCer3.gff3.gz", None, genome.contigs)
    regions = make_regions(genome, features[features["biotype"] == "protein_coding"], NO_REPEATS)
    check_tiling(regions, genome.contigs)
    for site, pair, other in (("splice_donor", "GT", "AC"), ("splice_acceptor", "AG", "CT")):
        rows = regions[(regions["region"] == site) & (regions["end"] - regions["start"] == 2)]
        bases = [genome.sequence(row.contig, row.start, row.end).upper() for row in rows.itertuples()]
        right = [base == (pair if strand == "+" else other) for base, strand in zip(bases, rows["strand"], strict=True)]
        assert len(rows) > 250 and np.mean(right) > 0.95
