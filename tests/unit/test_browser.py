"""What the report page carries of a genome: the right places, and to the last digit what the Parquet says of them."""

import base64
import json
import shutil
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
from benchmark_world import make_world, noise, write_scores
from report_world import row, write_summary

from glmtracks import tracks
from glmtracks.annotation import write_gff3
from glmtracks.annotation.consequences import CONSEQUENCES, snv_consequences
from glmtracks.benchmarks.summary import COLUMNS
from glmtracks.genome import BASES, decode
from glmtracks.genome.twobit import write_twobit
from glmtracks.overview import read_summary
from glmtracks.report.browser import browser_data, to_script
from glmtracks.report.loci import Locus, apart, known_sites, misses
from glmtracks.report.slices import HIGHEST, NO_CONSEQUENCE, NO_SCORE, Room, pack, thousandths, windows_around
from glmtracks.serve import server
from glmtracks.track_names import TRACKS

BARE = {"annotation": "", "genetic_code": 1, "models": ["house"]}  # a genome in the sheet, without genes

SURE = ("c3", 2_100, 2_200)  # where the model of these tests has no doubt, outside genes and repeats


def _sure(contig, codes):
    """Noise, but certainty of the reference in `SURE`."""
    log_probs = noise(contig, codes)
    if contig == SURE[0]:
        log_probs[SURE[1] : SURE[2]] = np.log(0.001)
        log_probs[np.arange(SURE[1], SURE[2]), codes[SURE[1] : SURE[2]]] = np.log(0.997)
    return log_probs


@pytest.fixture(scope="module")
def made(tmp_path_factory, module_genome):
    """results/ of the genome toy, ten contigs with a gene each, and two models, of which markov_5 is a baseline."""
    root = tmp_path_factory.mktemp("world")
    world = make_world(module_genome, root)
    results = root / "results"
    folder = results / "genomes" / "toy"
    folder.mkdir(parents=True)
    for suffix in ("", ".fai"):
        shutil.copy(f"{world.genome.path}{suffix}", folder / f"genome.fa.gz{suffix}")
    write_gff3(world.features, world.genome.contigs, folder / "annotation.gff3.gz")
    world.regions.to_parquet(folder / "regions.parquet")
    world.test.assign(split="test").iloc[:1].to_csv(folder / "split.tsv", sep="\t", index=False)
    for model, log_probs in (("markov_5", noise), ("house", _sure)):
        place = results / "tracks" / "toy" / model
        place.mkdir(parents=True)
        write_scores(world.genome, place, log_probs)
    items = results / "benchmarks" / "toy" / "consequence" / "house.parquet"
    items.parent.mkdir(parents=True)
    _items().to_parquet(items)
    rows = [
        row("perplexity", "all", "markov_5", 1.35, genome="toy"),
        row("perplexity", "all", "house", 1.29, 0.06, genome="toy"),
        row("consequence", "stop_gained vs synonymous", "house", 0.40, genome="toy"),
    ]
    write_summary(results / "benchmarks" / "summary.tsv", rows)
    return results, world


def _items() -> pd.DataFrame:
    """Twenty items of one contrast; the worst of label 1 is at c5:701, the worst of label 0 at c6:801."""
    places = [
        ("c5", 700, 1, -9.0),
        ("c6", 800, 0, 9.0),
        *((f"c{n}", 900 + n, n % 2, 2.0 * (n % 2) - 1) for n in range(8)),
    ]
    table = pd.DataFrame(places, columns=["contig", "start", "label", "score"])
    table["label"] = table["label"].astype("Int8")
    return table.assign(end=table["start"] + 1, ref="A", alt="G", contrast="stop_gained vs synonymous")


@pytest.fixture(scope="module")
def data(made):
    results, _ = made
    genomes = {"toy": {"annotation": "a.gff3", "genetic_code": 1, "models": ["markov_5", "house"]}}
    return browser_data(results, genomes, read_summary(results / "benchmarks/summary.tsv"), TRACKS)["toy"]


def _unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def test_models_stand_before_baselines(data):
    assert list(data["models"]) == ["house", "markov_5"]


def test_the_surest_window_outside_genes_is_the_first_place(data):
    first = data["loci"][0]
    assert first["kind"] == "constrained"
    assert first["contig"] == SURE[0] and SURE[1] <= first["start"] < first["end"] <= SURE[2]


def test_splice_sites_and_the_worst_misses_are_places_too(data):
    sites = [locus for locus in data["loci"] if locus["kind"] == "site"]
    assert {"splice donor gc0", "splice acceptor gc0"} <= {locus["name"] for locus in sites}
    wrong = [locus for locus in data["loci"] if locus["kind"] == "miss"]
    assert [(one["contig"], one["start"]) for one in wrong] == [("c5", 700), ("c6", 800)]
    assert wrong[0]["text"] == "Task consequence: stop gained, ranked below 100 % of synonymous"
    assert wrong[1]["text"] == "Task consequence: synonymous, ranked above 100 % of stop gained"


@pytest.mark.parametrize("model", ["house", "markov_5"])
def test_slices_say_what_the_parquet_says(data, made, model):
    results, _ = made
    llr = _unpacked(data["models"][model]["llr"], "<i2").reshape(-1, 4)
    entropy, begin = _unpacked(data["models"][model]["entropy"], "<i2"), 0
    for contig, start, end in data["windows"]:
        frame = tracks.read(results / "tracks/toy" / model / "scores", (contig, start, end))
        end = begin + end - start
        assert data["ref"][begin:end] == "".join(frame["ref"])
        np.testing.assert_array_equal(
            llr[begin:end] / 1000, frame[[f"llr_{base}" for base in BASES]].round(3).to_numpy(float).round(3)
        )
        np.testing.assert_array_equal(entropy[begin:end] / 1000, frame["entropy"].to_numpy(float).round(3))
        begin = end
    assert begin == len(llr) == len(data["ref"])


def test_consequences_are_those_of_the_whole_genes(data, made):
    found = _unpacked(data["consequences"], "<u1").reshape(-1, 4)
    world, begin = made[1], 0
    assert (found != NO_CONSEQUENCE).any()
    for contig, start, end in data["windows"]:
        whole = snv_consequences(world.genome, world.features, contig, start, end, 1)
        here = found[begin + whole["start"].to_numpy() - start, whole["alt"].to_numpy()]
        assert [CONSEQUENCES[code] for code in here] == whole["consequence"].astype(str).tolist()
        begin += end - start


def test_a_server_tells_what_changes_do_anywhere(made):
    results, world = made
    gene = world.features[world.features["contig"] == "c5"]
    start, end = int(gene["start"].min()) - 50, int(gene["end"].max()) + 50
    with server(results, port=0) as http_server:
        threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{http_server.server_port}/consequences"
        with urlopen(f"{url}/toy/c5:{start}-{end}?genetic_code=1") as answer:
            found = json.load(answer)
        for wrong in ("toy/c5:0-99999", "toy/c5:5-5", "toy/c99:0-5", "other/c5:0-5", "../c5:0-5"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"{url}/{wrong}?genetic_code=1")
        http_server.shutdown()
    expected = snv_consequences(world.genome, world.features, "c5", start, end, 1)
    expected = expected[expected["consequence"].notna()]
    codes = _unpacked(found["consequences"], "<u1").reshape(-1, 4)
    assert (codes[expected["start"] - start, expected["alt"]] == expected["consequence"].cat.codes).all()
    assert {"missense", "stop_gained", "intergenic"} <= set(expected["consequence"])
    assert [(contig, low) for contig, low, *_ in found["genes"]] == [("c5", start + 50)]


def test_genes_repeats_and_items_of_the_windows_come_along(data):
    gene = next(gene for gene in data["genes"] if gene[0] == "c3")
    assert gene[1:3] == [600, 1800] and gene[4] == "-"
    assert gene[5] == [[600, 1200, 600, 1200], [1500, 1800, 1500, 1800]]
    assert ["c3", 2500, 2800] in data["repeats"]
    assert ["c5", 700, 701, "A>G", 1, "consequence: stop gained vs synonymous"] in data["items"]


def test_files_that_do_not_exist_are_not_named(data):
    assert data["files"]["reference"] is None and data["files"]["sequence"] is None
    assert data["files"]["tracks"]["house"]["llr_A"] is None


def test_what_only_an_earlier_configuration_had_is_not_shown(made, tmp_path):
    results = shutil.copytree(made[0], tmp_path / "results")
    (results / "tracks/toy/house/llr_A.bw").touch()
    summary = read_summary(results / "benchmarks/summary.tsv").query("task != 'consequence'")
    rows = {"toy": BARE}
    found = browser_data(results, rows, summary, ["llr_C"])["toy"]
    assert found["genes"] == [] and found["files"]["genes"] is None and found["consequences"] is None
    assert "miss" not in {locus["kind"] for locus in found["loci"]}
    assert found["files"]["tracks"]["house"]["llr_A"] is None


def test_a_genome_without_genes_repeats_and_benchmark_has_places_too(tmp_path, make_genome):
    world = make_world(make_genome, tmp_path, contigs=2, annotated=False)
    place = tmp_path / "results" / "tracks" / "bare" / "house"
    place.mkdir(parents=True)
    write_scores(world.genome, place, noise)
    summary = pd.DataFrame(columns=list(COLUMNS))
    found = browser_data(tmp_path / "results", {"bare": BARE}, summary, TRACKS)["bare"]
    assert found["loci"] and found["windows"] and found["consequences"] is None and found["genes"] == []


def test_the_browser_of_a_served_page_reads_the_2bit(tmp_path, make_genome):
    world = make_world(make_genome, tmp_path, contigs=2, annotated=False)
    place, folder = (tmp_path / "results" / path for path in ("tracks/bare/house", "genomes/bare"))
    place.mkdir(parents=True)
    write_scores(world.genome, place, noise)
    folder.mkdir(parents=True)
    write_twobit(world.genome, folder / "genome.2bit")
    (folder / "chrom.sizes").write_text("".join(f"{name}\t{size}\n" for name, size in world.genome.contigs.items()))
    summary = pd.DataFrame(columns=list(COLUMNS))
    found = browser_data(tmp_path / "results", {"bare": BARE}, summary, TRACKS)["bare"]
    there = {"twoBitURL": "../genomes/bare/genome.2bit", "chromSizesURL": "../genomes/bare/chrom.sizes"}
    assert found["files"]["reference"] == {"id": "bare", "name": "bare"} | there


def test_many_contigs_take_no_room(tmp_path, make_genome):
    rng = np.random.default_rng(0)
    genome = make_genome({f"c{n}": decode(rng.integers(0, 4, 60)) for n in range(300)})
    place = tmp_path / "results" / "tracks" / "many" / "house"
    place.mkdir(parents=True)
    write_scores(genome, place, noise)
    summary = pd.DataFrame(columns=list(COLUMNS))
    found = browser_data(tmp_path / "results", {"many": BARE}, summary, TRACKS)["many"]
    assert len(found["lengths"]) <= Room.of(1, 1).loci
    assert len(to_script(found)) < 50_000


def test_pages_of_many_genomes_and_models_stay_small():
    assert Room.of(1, 4) == Room(30, 1000)
    for genomes, models in ((1, 1), (1, 6), (5, 6), (40, 6)):
        room = Room.of(genomes, models)
        assert genomes * models * room.loci * 2 * room.flank <= 400_000 and room.loci >= 3


def test_windows_are_disjoint_inside_the_contigs_and_in_their_order():
    loci = [
        Locus("site", "", "", contig, start, start + 1)
        for contig, start in (("b", 5), ("a", 5), ("a", 150), ("a", 900))
    ]
    assert windows_around(loci, {"a": 950, "b": 40}, 100) == [("a", 0, 251), ("a", 800, 950), ("b", 0, 40)]


def test_places_of_a_kind_are_apart_but_on_other_contigs():
    loci = [
        Locus("site", name, "", contig, start, start)
        for name, contig, start in (("1", "a", 0), ("2", "a", 1999), ("3", "b", 0), ("4", "a", 2000))
    ]
    assert [locus.name for locus in apart(loci, 9)] == ["1", "3", "4"]


def test_codons_and_splice_sites_call_a_gene_by_the_same_name(make_genome):
    genome = make_genome({"c": "CC" + "ATG" + "GCT" * 8 + "TAA" + "CC"})
    exon = {
        "contig": "c",
        "start": 2,
        "end": 32,
        "strand": "+",
        "transcript": "t",
        "gene": "g",
        "biotype": "protein_coding",
        "gene_name": "NAME",
        "begins": True,
    }
    features = pd.DataFrame([exon | {"feature": "exon", "phase": -1}, exon | {"feature": "CDS", "phase": 0}])
    donor = {"contig": "c", "start": 8, "end": 10, "region": "splice_donor", "strand": "+", "gene": "g"}
    found = known_sites(genome, features, pd.DataFrame([donor, donor | {"gene": "unnamed", "start": 4000}]), 1, 2)
    assert [(locus.name, locus.start) for locus in found] == [
        ("start codon NAME", 2),
        ("stop codon NAME", 29),
        ("splice donor NAME", 8),
        ("splice donor unnamed", 4000),
    ]


def test_items_without_score_or_of_one_label_are_no_misses():
    table = _items()
    assert misses({"consequence": table.assign(score=np.nan)}, 5) == []
    assert misses({"consequence": table[table["label"] == 1]}, 5) == []


def test_what_is_ranked_below_nearly_all_is_not_said_to_be_below_all():
    table = pd.DataFrame({"contig": "c1", "start": range(302), "label": [1, *[0] * 301], "score": [0.5, 0, *[1] * 300]})
    table = table.assign(end=table["start"] + 1, ref="A", alt="G", contrast="stop_gained vs synonymous")
    assert misses({"consequence": table}, 1)[0].text.endswith("stop gained, ranked below 99.7 % of synonymous")


def test_numbers_are_packed_to_the_last_digit():
    values = np.array([-0.001, 1.234, np.nan, -99, 99], np.float32)  # scores carry three decimals
    assert thousandths(values).tolist() == [-1, 1234, NO_SCORE, -HIGHEST, HIGHEST]
    assert np.frombuffer(base64.b64decode(pack(np.array([1, -2]), "<i2")), "<i2").tolist() == [1, -2]


def test_names_cannot_end_the_script_that_holds_them():
    text = to_script({"</script><!--": "\u2028"})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"</script><!--": "\u2028"}


@pytest.fixture(scope="module")
def module_genome(tmp_path_factory):
    """As make_genome, for the whole module."""
    import pysam

    from glmtracks.genome import Genome

    def make(contigs: dict[str, str]) -> Genome:
        plain = tmp_path_factory.mktemp("genome") / "genome.fa"
        plain.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in contigs.items()))
        pysam.faidx(str(plain))
        return Genome(plain)

    return make
