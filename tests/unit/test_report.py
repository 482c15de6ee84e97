"""The page: complete, self-contained, honest, and safe against whatever stands in a sheet."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_world import BY_THEIR_ROWS, GENOME, row, rows_of_all_verdicts, write_model, write_summary

from glmtracks.files import write_json
from glmtracks.overview import read_summary
from glmtracks.plots import CAPTIONS, PLOTS, make_plot
from glmtracks.report.methods import methods, versions
from glmtracks.report.page import Page, inline_svg, write_page
from glmtracks.tracks import TRACKS, write_dataset
from glmtracks.tracks.shards import ScoresWriter

NASTY = "<script>alert('x')</script>"
MODELS = ("markov_5", "house")
VOID = {"meta", "br", "link", "img", "input"}


def _write_genome(results: Path, leakage: dict) -> None:
    genome, windows = results / "genomes" / GENOME, results / "windows" / GENOME
    genome.mkdir(parents=True)
    windows.mkdir(parents=True)
    split = pd.DataFrame({"contig": "chrI", "start": [0, 3000], "end": [3000, 4000], "split": ["train", "test"]})
    split.to_csv(genome / "split.tsv", sep="\t", index=False)
    split.assign(genome=GENOME).to_csv(windows / "split.tsv", sep="\t", index=False)
    provenance = {"origin": NASTY, "sha256": "cd" * 32, "time": "2026-01-01", "bases": 4000, "contigs": 1}
    (genome / "provenance.json").write_text(json.dumps({**provenance, "undefined": 3, "left_out": 0}))
    intervals = {"start": [0, 1000], "end": [1000, 4000], "region": ["CDS", "intergenic"], "repeat": [False, True]}
    pd.DataFrame(intervals).to_parquet(genome / "regions.parquet")
    (windows / "leakage.json").write_text(json.dumps(leakage))


def _write_model_outputs(results: Path, model: str) -> None:
    write_model(results / "models" / model, steps=20 if model == "house" else 0, validation=1.3)
    folder = results / "tracks" / GENOME / model
    shard = results / f"{model}.parquet"
    with ScoresWriter(shard, {}) as writer:
        writer.write("chrI", 0, np.zeros(4000, np.uint8), np.full((4000, 4), np.log(0.25), np.float32))
    write_dataset([shard], {"chrI": 4000}, folder / "scores")
    (folder / "track_hub").mkdir()
    variants = results / "variants" / "calls" / f"{model}.vcf.gz"
    variants.parent.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{track}.bw" for track in TRACKS]
    for path in [*files, folder / "track_hub" / "hub.txt", variants]:
        path.write_bytes(b"x" * 1234)
    reasons = pd.Categorical([None] * 3 + ["symbolic"] + ["ref_mismatch"] * 1200)
    pd.DataFrame({"reason": reasons}).to_parquet(variants.with_name(f"{model}.parquet"))
    variants.with_name("ref_mismatches.tsv").write_text("record\n")


def _write_report(results: Path, rows: list[dict] | None = None, linted: list | None = None, **leak) -> str:
    """A results folder with everything that the page reads, and the page."""
    leakage = {"genomes": [GENOME], "held_out": ["sister"], "purge": "stretches", "allow_leak": False}
    found = {"verdict": "ok", "summary": "0.5% of the 21-mers also stand in the training part"}
    _write_genome(results, {**leakage, **found, **leak})
    for model in MODELS:
        _write_model_outputs(results, model)
    summary = write_summary(results / "benchmarks" / "summary.tsv", rows_of_all_verdicts() if rows is None else rows)
    sources = {"summaries": [summary]} | {
        name: [results / "models" / model / file for model in MODELS]
        for name, file in (("training", "training.tsv"), ("metrics", "metrics.json"))
    }
    plots = ["differences", "perplexity_by_region", "training"]
    for name in plots:
        path = results / "report" / "plots" / GENOME / name
        read = {needed: sources[needed] for needed in PLOTS[name].reads}
        make_plot(name, GENOME, BY_THEIR_ROWS, read, f"{path}.svg", f"{path}.tsv")
    genome = {
        "fasta": "a.fa",
        "annotation": NASTY,
        "repeats": "bed:<b>",
        "genetic_code": 1,
        "outgroups": ["<i>"],
        "embed_bed": "",
    }
    genome["models"] = list(MODELS)
    model = {"kind": "one_pass", "source": "train", "genomes": [GENOME], "seen": ["unknown"], "licence": NASTY}
    page = Page(
        results=results,
        genomes={GENOME: {**genome, "scored": True}, "sister": {**genome, "scored": False}},
        models=dict.fromkeys(MODELS, model),
        callsets={"calls": {"genome": GENOME, "models": list(MODELS)}},
        plots={GENOME: plots},
        corpora=[GENOME],
        bigwigs=TRACKS,
        linted=linted or [],
    )
    write_page(page, results / "report" / "index.html")
    return (results / "report" / "index.html").read_text()


def _without_scripts(page: str) -> str:
    return re.sub(r"<script\b[^>]*>.*?</script>", "", page, flags=re.DOTALL)


class _Elements(HTMLParser):
    """Elements that open and close in order, with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.attributes = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    return _write_report(tmp_path)


def test_wins_and_losses_stand_side_by_side(page):
    assert "it LOSES to the best baseline" in page
    assert "better than the best baseline" in page
    assert "undecided against the best baseline" in page
    assert "onstraint, not mechanism" in page
    assert "held out from training" in page


def test_what_was_skipped_stands_with_its_reason(page):
    assert "skipped: outgroups is empty" in page


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(page):
    elements = _Elements(page).attributes
    assert not {tag for tag, _ in elements} & {"link", "img", "iframe"}
    addresses = [value for _, found in elements for key, value in found.items() if key in ("href", "src", "xlink:href")]
    assert addresses
    assert not [address for address in addresses if re.match(r"[a-z]+:|//", address)]
    text = _without_scripts(page)
    assert "url(http" not in text
    assert "@import" not in text


def test_the_page_lets_no_script_run_but_its_own(page):
    policy = unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1))
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy.split("style-src")[0]
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    igv = re.findall(r'<script type="text/plain" id="igv-source">(.*?)</script>', page, flags=re.DOTALL)
    assert len(scripts) > 5 and len(igv) == 1
    for script in (*scripts, *igv):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_every_word_that_scripts_say_stands_in_the_strings_and_is_used():
    strings = json.loads((CAPTIONS / "strings.json").read_text())
    code = "".join(path.read_text() for path in CAPTIONS.glob("*.js"))
    said = set(re.findall(r'say\("(\w+)"', code)) | set(re.findall(r'"(source_\w+)"', code))
    columns = re.search(r"COLUMNS = \[(.*?)\]", code).group(1)
    said |= {f"column_{name}" for name in re.findall(r'"(\w+)"', columns)}
    assert said | {"kind_constrained", "kind_site", "kind_miss"} == set(strings)


def test_headers_of_tables_have_a_scope_and_controls_a_label(page):
    headers = re.findall(r"<th\b[^>]*>", _without_scripts(page))
    assert headers and all("scope=" in header for header in headers)
    assert 'href="#main"' in page and 'id="main"' in page
    labelled = {found["for"] for tag, found in _Elements(page).attributes if tag == "label" and "for" in found}
    text = re.search(r'<section id="explore">.*?</section>', page, flags=re.DOTALL).group(0)
    for tag in ("input", "select", "textarea"):
        for found in re.finditer(rf'<{tag}\b[^>]*id="([\w-]+)"', text):
            assert found.group(1) in labelled or text.rfind("<label", 0, found.start()) > text.rfind(
                "</label>", 0, found.start()
            )


def test_the_table_behind_a_plot_stands_in_the_page(page, tmp_path):
    found = re.search(
        r'data-name="yeast-differences.tsv">.*?<script type="application/json">(.*?)</script>', page, flags=re.DOTALL
    )
    assert json.loads(found.group(1)) == (tmp_path / "report/plots/yeast/differences.tsv").read_text()


def test_the_methods_name_tasks_of_which_no_number_has_an_interval(tmp_path):
    none = dict.fromkeys(["low", "high", "difference_low", "difference_high"], np.nan)
    rows = [
        row("clinvar", "all P/LP vs B/LB", "house", 0.9, 0.1),
        row("splice_decoy", "donor vs decoy", "house", 0.6, 0.1, status="fewer than 8 blocks: no interval", **none),
        row("windows", "windows", "house", np.nan, status="fewer than 10 items: no metric", **none),
    ]
    summary = read_summary(write_summary(tmp_path / "summary.tsv", rows))
    text = " ".join(methods(tmp_path, {}, {}, summary)["paragraphs"])
    assert "in the tasks clinvar, splice_decoy; intervals" in text and "blocks of kind gene," in text


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["none", "none"], " Repeats were not marked."),
        (["soft", "none"], " Repeats of a were taken from the lower case of the FASTA. Repeats of b were not marked."),
    ],
)
def test_the_methods_say_of_which_genome_the_repeats_were_marked_where_they_differ(tmp_path, kinds, said):
    row = {"fasta": "x.fa", "annotation": "", "scored": True, "models": []}
    genomes = {name: row | {"repeats": kind} for name, kind in zip("ab", kinds, strict=True)}
    summary = read_summary(write_summary(tmp_path / "summary.tsv", []))
    assert methods(tmp_path, genomes, {}, summary)["paragraphs"][0].endswith(f"b is x.fa.{said}")


def test_the_methods_name_sister_genomes_which_are_not_scored(tmp_path):
    row = {"fasta": "x.fa", "annotation": "", "repeats": "dust", "models": []}
    write_json(tmp_path / "genomes" / "b" / "provenance.json", {"origin": "b.fa", "sha256": "cd" * 32})
    summary = read_summary(write_summary(tmp_path / "summary.tsv", []))
    genomes = {"a": row | {"scored": True}, "b": row | {"scored": False}}
    first, second, *_ = methods(tmp_path, genomes, {}, summary)["paragraphs"]
    assert "b is" not in first and "b is b.fa, SHA-256 beginning with cdcdcdcdcdcdcdcd." in second


def test_the_methods_name_versions_and_whom_to_cite(page):
    text = re.search(r'<section id="methods">(.*?)</section>', page, flags=re.DOTALL).group(1)
    assert f"PyTorch {versions()['pytorch']}" in text
    assert "doi:10.12688/f1000research.29032" in text
    assert "The model house is of kind one_pass with 1,234 parameters" in unescape(text)


def test_the_provenance_names_commit_configuration_and_inputs(tmp_path):
    said = {"glmtracks": "1", "commit": "c0ffee", "configuration": "abc123", "seed": 7, "versions": {"torch": "2.13.0"}}
    said["inputs"] = {"a <b>.fa": {"sha256": "f00d", "bytes": 12_000}, "s3://gone/x.vcf.gz": {"sha256": None}}
    (tmp_path / "provenance.json").write_text(json.dumps(said))
    page = _write_report(tmp_path)
    card = page[page.index("<h3>Provenance</h3>") :]
    assert re.search(r"c0ffee.*abc123.*seed 7.*torch 2\.13\.0.*a &lt;b&gt;\.fa.*12 kB.*f00d", card, re.DOTALL)
    assert 'href="../provenance.json"' in card


def test_every_identifier_is_unique_and_every_reference_is_met(page):
    elements = _Elements(page).attributes
    names = [found["id"] for _, found in elements if "id" in found]
    assert len(names) == len(set(names))
    wanted = {value[1:] for _, found in elements for key, value in found.items() if "href" in key and value[0] == "#"}
    assert wanted | set(re.findall(r"url\(#([^)]+)\)", _without_scripts(page))) <= set(names)


def test_alleles_without_a_score_are_counted_by_reason(page):
    cells = "<td>house</td><td>1,204</td><td>1,200 ref mismatch, 1 symbolic</td>"
    assert cells in page and "../variants/calls/ref_mismatches.tsv" in page


def test_every_link_leads_to_a_file(page, tmp_path):
    links = [found["href"] for tag, found in _Elements(page).attributes if tag == "a" and found["href"][0] != "#"]
    assert len(links) > 20
    assert not [link for link in links if not (tmp_path / "report" / link).exists()]
    assert any(link.endswith(".vcf.gz") for link in links)


def test_whatever_stands_in_a_sheet_is_text(page):
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    assert "&lt;i&gt;" in page


def test_plots_follow_the_reader_to_dark(page):
    svgs = re.findall(r"<svg.*?</svg>", _without_scripts(page), flags=re.DOTALL)
    assert len(svgs) == 3
    assert not [svg for svg in svgs if re.search(r"(fill|stroke): #", svg)]
    variables = set(re.findall(r"var\((--[a-z]+)\)", _without_scripts(page)))
    assert all(page.count(f"{variable}:") >= 2 for variable in variables)  # light and dark


def test_what_is_wider_than_a_phone_scrolls_by_itself(page):
    tables = [found for tag, found in _Elements(page).attributes if tag == "div" and "scroll" in found.get("class", "")]
    assert tables and all(found["tabindex"] == "0" and found["aria-label"] for found in tables)
    assert "#browser-igv { overflow-x: auto; }" in page
    assert re.search(r"^main \{.* overflow-wrap: break-word; \}$", page, flags=re.MULTILINE)  # long names


def test_the_browser_can_take_the_focus_of_the_button_that_opened_it(page):
    browser = next(found for _, found in _Elements(page).attributes if found.get("id") == "browser-igv")
    assert browser["tabindex"] == "-1" and browser["aria-label"]


def test_the_table_of_headlines_keeps_within_a_printed_page(page):
    printed = page[page.index("@media print") : page.index("</style>")]
    assert "#benchmark .reason { min-width: 0; }" in printed
    broken = {int(column) for column in re.findall(r"td:nth-child\((\d+)\)", printed)}
    header = re.search(r"<caption[^>]*>Headline.*?</thead>", page, flags=re.DOTALL).group(0)
    columns = [re.sub("<.*?>", "", text) for text in re.findall(r"<th.*?</th>", header)]
    assert {columns[number - 1] for number in broken} == {"Genome", "Model", "Best baseline"}  # names of any length


def test_genome_and_model_cards_tell_origin_sizes_and_weights(page):
    assert "75.0 % of the bases" in page
    assert "1,000 bases on chrI" in page
    assert "cd" * 32 in page
    assert "ab" * 32 in page
    assert "1,234" in page


def test_the_card_of_a_model_tells_each_setting_once_and_none_that_was_left_empty(tmp_path):
    recipe = {"steps": 50, "width": 8, "region_weights": "", "species": False, "patience": None, "dropout": 0}
    config = {"kind": "one_pass", "architecture": {"width": 8, "species": []}, "training": recipe}
    write_json(tmp_path / "models" / "house" / "config.json", config)
    write_summary(tmp_path / "benchmarks" / "summary.tsv", [])
    model = {"kind": "one_pass", "source": "train", "genomes": [], "seen": ["unknown"], "licence": "unknown"}
    write_page(Page(tmp_path, {}, {"house": model}, {}, {}, [], []), tmp_path / "report" / "index.html")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<dd>one_pass: width 8</dd>" in page
    assert "<dt>Training</dt><dd>steps 50, dropout 0</dd>" in page


def test_leakage_that_was_allowed_stamps_the_page(tmp_path, page):
    assert 'class="stamp"' not in page
    stamped = _write_report(tmp_path / "leaky", allow_leak=True, verdict="fail", summary="25.0% of the 21-mers")
    stamp = re.search(r'<p class="stamp">(.*?)</p>', stamped).group(1)
    assert "allow_leak is set" in stamp
    assert f"{GENOME}: 25.0% of the 21-mers (fail)" in stamp
    clean = _write_report(tmp_path / "clean", allow_leak=True)
    assert re.findall(r'<p class="stamp">(.*?)</p>', clean) == [
        "allow_leak is set. Leakage would not have stopped this run; none above the limits was found."
    ]


def test_a_corpus_has_a_card_with_what_was_purged_and_what_leaks(page):
    card = re.search(r'<section id="corpora">(.*?)</section>', page, re.DOTALL).group(1)
    assert "3,000 bases" in card and "sister" in card
    assert "0.5% of the 21-mers also stand in the training part: ok, after purging stretches" in card


@pytest.mark.parametrize(("genic", "said"), [(0, "intergenic 100 %"), (1, "intergenic 99.98 %, CDS 0.025 %")])
def test_shares_of_regions_are_plain_numbers_up_to_all_of_a_genome(tmp_path, genic, said):
    _write_genome(tmp_path, {})
    intervals = {"start": [0, genic], "end": [genic, 4000], "region": ["CDS", "intergenic"], "repeat": False}
    table = pd.DataFrame(intervals)
    table[table["end"] > table["start"]].to_parquet(tmp_path / "genomes" / GENOME / "regions.parquet")
    row = {"fasta": "a.fa", "annotation": "", "repeats": "none", "genetic_code": 1, "outgroups": [], "scored": False}
    write_summary(tmp_path / "benchmarks" / "summary.tsv", [])
    write_page(Page(tmp_path, {GENOME: row}, {}, {}, {}, [], []), tmp_path / "report" / "index.html")
    assert f"<dd>{said}</dd>" in (tmp_path / "report" / "index.html").read_text()


def test_without_any_benchmark_the_page_says_so(tmp_path):
    page = _write_report(tmp_path, rows=[])
    assert "there is no verdict" in page
    assert "No task has a result" in page


def test_a_loaded_model_without_metrics_and_a_genome_without_genes_have_cards_too(tmp_path):
    results = tmp_path / "results"
    (results / "models" / "borrowed").mkdir(parents=True)
    (results / "models" / "borrowed" / "metrics.json").write_text("{}")
    (results / "genomes" / "bare").mkdir(parents=True)
    intervals = {"start": [0], "end": [100], "region": pd.array([None], dtype="string"), "repeat": [False]}
    pd.DataFrame(intervals).to_parquet(results / "genomes" / "bare" / "regions.parquet")
    write_summary(results / "benchmarks" / "summary.tsv", [])
    genome = {"fasta": "a.fa", "annotation": "", "repeats": "none", "genetic_code": 1, "outgroups": [], "scored": False}
    model = {"kind": "one_pass", "source": "models/borrowed", "genomes": [], "seen": ["unknown"], "licence": "unknown"}
    write_page(Page(results, {"bare": genome}, {"borrowed": model}, {}, {}, [], []), results / "report" / "index.html")
    page = (results / "report" / "index.html").read_text()
    assert "none: 0.0 % of the bases" in page
    assert "Regions" not in page
    assert "models/borrowed" in page and "No model was trained here" in page


LINTED = {
    "model": "house", "genome": GENOME, "seen": "held out", "compared": [GENOME], "absent": ["sarb"],
    "allow_leak": False, "verdict": "unknown", "summary": "0.2% also stand there; unknown for sarb, which is not here",
}  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "allow_leak", "stamped"), [("unknown", False, False), ("warn", False, True), ("fail", True, True)]
)
def test_what_a_loaded_model_has_seen_stands_on_its_card_and_beside_its_verdict(tmp_path, verdict, allow_leak, stamped):
    folder = tmp_path / "leakage" / GENOME
    folder.mkdir(parents=True)
    (folder / "house.json").write_text(json.dumps({**LINTED, "verdict": verdict, "allow_leak": allow_leak}))
    text = unescape(_write_report(tmp_path, linted=[(GENOME, "house")]))
    assert f"{LINTED['summary']}: {verdict}" in text and f"Leakage {verdict}: {LINTED['summary']}" in text
    assert ("read with doubt" in text) == stamped
    assert ("allow_leak is set" in text) == allow_leak


def test_the_example_reads_a_region(page, tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    text = unescape(page)
    assert 'tracks.read("results/tracks/yeast/house/scores", "chrI:1-2000")' in text
    query = re.search(r"SELECT .*?;", text, flags=re.DOTALL).group(0)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "results").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "work")
    rows = duckdb.sql(query).df()
    assert rows["start"].tolist() == list(range(2000))
    assert set(rows["contig"]) == {"chrI"}


def test_an_apostrophe_in_the_name_of_a_contig_does_not_end_the_name_in_the_example(tmp_path, monkeypatch):
    monkeypatch.setattr("glmtracks.report.page.tracks.contigs", lambda dataset: {"5'ETS": 2000})
    assert "WHERE contig = '5''ETS' AND" in unescape(_write_report(tmp_path))


def test_two_plots_on_one_page_do_not_share_identifiers():
    svg = '<?xml version="1.0"?><svg viewBox="0 0 1 1"><g id="a"/><use href="#a" clip-path="url(#a)"/></svg>'
    text = inline_svg(svg, "one", "A <title>")
    assert text == (
        '<svg role="img" aria-label="A &lt;title&gt;" viewBox="0 0 1 1"><g id="one-a"/>'
        '<use href="#one-a" clip-path="url(#one-a)"/></svg>'
    )


def test_no_link_leads_to_what_is_not_on_the_page(tmp_path):
    write_summary(tmp_path / "benchmarks" / "summary.tsv", [])
    write_page(Page(tmp_path, {}, {}, {}, {}, [], []), tmp_path / "report" / "index.html")
    elements = _Elements((tmp_path / "report" / "index.html").read_text()).attributes
    links = {found["href"][1:] for _, found in elements if found.get("href", "")[:1] == "#"}
    assert links <= {found.get("id") for _, found in elements}


@pytest.mark.parametrize(("contigs", "said"), [(1, "on 1 contig."), (21, "on 21 contigs.")])
def test_the_methods_count_the_contigs_of_a_genome_as_people_do(tmp_path, contigs, said):
    write_json(tmp_path / "genomes" / "a" / "provenance.json", {"bases": 4_641_652, "contigs": contigs})
    row = {"fasta": "x.fa", "annotation": "", "scored": True, "models": [], "repeats": "none"}
    summary = read_summary(write_summary(tmp_path / "summary.tsv", []))
    assert f"a is x.fa, 4,641,652 bases {said}" in methods(tmp_path, {"a": row}, {}, summary)["paragraphs"][0]
