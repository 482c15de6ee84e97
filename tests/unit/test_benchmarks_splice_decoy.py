"""Splice sites against decoys: same letters, same gene, same strand, and nothing that was matched tells them apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from benchmark_world import noise, pick, run, write_scores

from glmtracks.annotation import read_features
from glmtracks.annotation.regions import make_regions
from glmtracks.benchmarks import inputs, splice_decoy
from glmtracks.genome import BASES, decode, encode

GENES, LENGTH = 12, 1_600  # genes of each contig, and bases from one to the next
CONTIGS = 4
INTRON = 200  # bases of the intron of every gene; the gene is 100..1500 of its stretch


def begin(number, gene):
    """Where the intron of a gene begins, from the gene's 5' end."""
    return 300 + 97 * (5 * number + gene) % 800


@pytest.fixture
def world(make_genome, tmp_path):
    """Genes with one intron on alternating strands; half of the contigs are held out."""

    def make(test=("c0", "c1"), contigs=CONTIGS, letters=("GT", "AG"), **options):
        rng = np.random.default_rng(0)
        sequences, lines = {}, []
        for number in range(contigs):
            codes = rng.integers(0, 4, GENES * LENGTH).astype(np.uint8)
            for gene in range(GENES):
                low, high = gene * LENGTH + 100, gene * LENGTH + 1_500
                forward = gene % 2 == 0
                offset = begin(number, gene)
                begins = low + offset if forward else high - offset - INTRON
                ends = begins + INTRON
                sites = (
                    {begins: letters[0], ends - 2: letters[1]}
                    if forward
                    else {begins: letters[1], ends - 2: letters[0]}
                )
                for start, pair in sites.items():
                    codes[start : start + 2] = encode(pair) if forward else 3 - encode(pair)[::-1]
                name, strand = f"g{number}_{gene}", "+-"[not forward]
                rows = [("gene", low, high, f"ID={name}"), ("mRNA", low, high, f"ID=t{name};Parent={name}")]
                rows += [("exon", s, e, f"Parent=t{name}") for s, e in ((low, begins), (ends, high))]
                lines += [f"c{number}\tx\t{k}\t{s + 1}\t{e}\t.\t{strand}\t.\t{a}" for k, s, e, a in rows]
            sequences[f"c{number}"] = decode(codes)
        genome = make_genome(sequences)
        (tmp_path / "genes.gff3").write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
        features = read_features(tmp_path / "genes.gff3")
        regions = make_regions(genome, features, pd.DataFrame({"contig": [], "start": [], "end": []}))
        held_out = pd.DataFrame({"contig": list(test), "start": 0, "end": GENES * LENGTH})
        return inputs.Inputs(genome, regions, held_out, features, options=inputs.Options(**options))

    return make


def certain(places):
    """A model that is certain of the bases at places (contig, position) and has no opinion elsewhere."""

    def log_probs(contig, codes):
        chance = np.full((len(codes), 4), 0.25)
        here = np.array(sorted(position for name, position in places if name == contig), dtype=int)
        chance[here] = 0.01
        chance[here, codes[here]] = 0.97
        return np.log(chance)

    return log_probs


def places_of(items, label):
    rows = items[items["label"] == label]
    return {(str(row.contig), place) for row in rows.itertuples() for place in (row.start, row.start + 1)}


def test_sites_and_decoys_have_the_same_letters_gene_and_strand(world):
    given = world()
    items = splice_decoy.items(given)
    assert set(items["contig"]) == {"c0", "c1"}
    for row in items.itertuples():
        gene, offset = divmod(row.start, LENGTH)
        assert 100 <= offset < 1_500
        codes = given.genome.codes(row.contig, row.start, row.end)
        codes = codes if gene % 2 == 0 else 3 - codes[::-1]
        assert "".join(BASES[code] for code in codes) == ("GT" if row.contrast.startswith("donor") else "AG")
        intron = begin(int(row.contig[1:]), gene)
        begins = 100 + intron if gene % 2 == 0 else 1_500 - intron - INTRON
        ends = begins + INTRON - 2
        donor = (
            (begins if gene % 2 == 0 else ends)
            if row.contrast.startswith("donor")
            else (ends if gene % 2 == 0 else begins)
        )
        assert (offset == donor) == bool(row.label)
    cells = items.groupby(["contrast", "stratum"], observed=True)["label"]
    assert (cells.sum() * 2 == cells.size()).all()
    assert not items.duplicated(["contig", "start", "contrast"]).any()
    genes = items.assign(gene=items["start"] // LENGTH).groupby(["contrast", "stratum"], observed=True)["gene"]
    assert (genes.nunique() == 1).all()
    assert items.groupby("contrast", observed=True)["label"].sum().min() >= 10


def test_a_model_that_knows_the_sites_gets_1_one_that_knows_the_decoys_0_and_constants_one_half(world, tmp_path):
    given = world()
    items = splice_decoy.items(given)
    models = {"flat": lambda contig, codes: np.full((len(codes), 4), np.log(0.25)), "noise": noise}
    models |= {"sites": certain(places_of(items, 1)), "decoys": certain(places_of(items, 0))}
    datasets = {}
    for name, function in models.items():
        (tmp_path / name).mkdir()
        datasets[name] = ("one_pass", write_scores(given.genome, tmp_path / name, function))
    _, table = run("splice_decoy", given, tmp_path, datasets)
    for contrast in ("donor vs decoy", "acceptor vs decoy"):
        for metric in ("auroc", "auroc_within_stratum"):
            row = pick(table, scorer="sites", contrast=contrast, metric=metric)
            assert row["value"] == 1 and (row["headline"] == "yes") == (metric == "auroc")
            assert pick(table, scorer="decoys", contrast=contrast, metric=metric)["value"] == 0
            for scorer in ("flat", "constant"):
                row = pick(table, scorer=scorer, contrast=contrast, metric=metric)
                assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)
        for scorer in ("noise", "random", "matched_covariates"):
            row = pick(table, scorer=scorer, contrast=contrast, metric="auroc")
            assert row["low"] < 0.5 < row["high"] or abs(row["value"] - 0.5) < 0.1, scorer
        assert "no baseline to beat" in pick(table, scorer="weight_matrix", contrast=contrast, metric="auroc")["status"]


def test_genes_across_the_origin_of_a_circle_are_left_out(world, make_genome, tmp_path):
    given = world()
    length = GENES * LENGTH
    sequences = {name: decode(given.genome.codes(name, 0, length)) for name in given.genome.contigs}
    gff = (tmp_path / "genes.gff3").read_text()
    rows = [
        (length - 300, length + 300),
        (length - 300, length - 100),
        (length + 150, length + 300),
    ]  # an intron between
    for kind, (start, end), attributes in zip(
        ("mRNA", "exon", "exon"), rows, ("ID=over", *["Parent=over"] * 2), strict=True
    ):
        gff += f"c0\tx\t{kind}\t{start + 1}\t{end}\t.\t+\t.\t{attributes}\n"
    sequences["c0"] = sequences["c0"][:148] + "AG" + sequences["c0"][150:-100] + "GT" + sequences["c0"][-98:]
    (tmp_path / "over.gff3").write_text(gff)
    genome = make_genome(sequences, "circle", circular="c0")
    features = read_features(tmp_path / "over.gff3", None, genome.contigs, genome.circular)
    items = splice_decoy.items(replace(given, genome=genome, features=features))
    assert len(items) > 20 and not set(items.loc[items["contig"] == "c0", "start"]) & {148, length - 100}


def test_fewer_than_ten_sites_get_no_metric_and_a_reason(world, tmp_path):
    given = world()
    few = replace(given, test=pd.DataFrame({"contig": ["c0"], "start": [0], "end": [4 * LENGTH]}))
    _, table = run("splice_decoy", few, tmp_path, {"noise": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    told = table[table["scorer"] == "noise"]
    assert told["value"].isna().all() and told["status"].str.contains("fewer than 10 positives: no metric").all()


def test_of_genes_that_reach_beyond_the_test_part_no_item_does(world):
    starts = np.tile(np.arange(GENES) * LENGTH, 2)
    test = pd.DataFrame({"contig": np.repeat(["c0", "c1"], GENES), "start": starts, "end": starts + 1_000})
    items = splice_decoy.items(replace(world(), test=test))
    assert len(items) > 20 and (items["end"] - items["start"] // LENGTH * LENGTH <= 1_000).all()


def test_scores_of_flanks_are_fitted_to_nothing_of_the_test_part(world, monkeypatch):
    """Though the genes of sites outside have decoys inside."""
    fitted, matched = [], splice_decoy._matched
    monkeypatch.setattr(splice_decoy, "FITTED", 12)
    monkeypatch.setattr(splice_decoy, "_matched", lambda *given: fitted.append(given[3]) or matched(*given))
    starts = np.arange(GENES) * LENGTH
    test = pd.concat([pd.DataFrame({"contig": f"c{n}", "start": starts, "end": starts + 800}) for n in range(CONTIGS)])
    splice_decoy.items(replace(world(), test=test))
    assert len(fitted) == 2
    for table in fitted:
        assert table["label"].sum() == 12 < len(table)
        assert (table["start"] % LENGTH >= 800).all()


def test_introns_without_the_usual_letters_are_no_sites(world, tmp_path):
    given = world(letters=("CC", "CC"))
    _, table = run("splice_decoy", given, tmp_path, {"m": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    assert table["status"].tolist() == ["skipped: the test split holds no item of this task"]


def test_without_sites_to_fit_to_flanks_are_not_matched_and_it_is_said(world, caplog):
    items = splice_decoy.items(world(test=("c0", "c1"), contigs=2))
    assert "flanks are not matched" in caplog.text
    assert (items["baseline_weight_matrix"] == 0).all() and items["label"].sum() >= 20


def test_decoys_stand_within_reach_and_are_placed_from_the_5_prime_end(make_genome, monkeypatch):
    monkeypatch.setattr(splice_decoy, "REACH", 6)
    genome = make_genome({"forward": "AAGTAAGTAAGTCCGT", "reverse": "ACGGACTTACTTACTT"})
    for contig, start, low in (("forward", 6, 1), ("reverse", 8, 0)):
        row = {"contig": contig, "start": start, "end": start + 2, "forward": contig == "forward"}
        site = pd.DataFrame([{**row, "low": low, "high": low + 15}])
        spliced = {(contig, start, row["forward"])}
        kind, rng = splice_decoy.KINDS["donor"], np.random.default_rng(0)
        table = splice_decoy._with_decoys(genome, site, kind, spliced, rng)
        assert set(zip(table["offset"], table["label"], strict=True)) == {(5, 1), (1, 0), (9, 0)}


def test_bases_around_a_site_are_read_on_its_strand(make_genome):
    genome = make_genome({"a": "AACGTTTG"})
    sites = pd.DataFrame({"contig": "a", "start": [3, 2], "end": [5, 4], "forward": [True, False]})
    found = splice_decoy.read_around(genome, sites, -2, 4)
    assert [decode(row) for row in found] == ["ACGTTT", "AACGTT"]
    edge = splice_decoy.read_around(genome, sites.iloc[:1].assign(start=0), -1, 2)
    assert edge.tolist() == [[4, 0, 0]]
