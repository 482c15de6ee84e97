"""The configuration: everything wrong is said at once, in sentences that name file, row and key."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from glmtracks.config import SHEETS, corpus_of, fingerprint, load
from glmtracks.errors import InputError
from glmtracks.reference import MARK, PAGE, reference
from glmtracks.schemas import WORKFLOW, fill_defaults, schema, violations
from glmtracks.track_names import ALL_TRACKS, BIGWIG_TRACKS

CHECKOUT = WORKFLOW.parent
SHIPPED = "resources/models/yeast-one-pass"
PRESETS = sorted((CHECKOUT / "config" / "presets").glob("*.yaml"))


@pytest.fixture
def sheets(tmp_path):
    """A function that writes sheets (name -> text) and gives the configuration that names them."""
    (tmp_path / "genome.fa").write_text(">a\nACGT\n")
    texts = {
        "genomes": f"name\tfasta\nyeast\t{tmp_path / 'genome.fa'}\n",
        "models": "name\tkind\tsource\tgenomes\tparameters\nm5\tmarkov\ttrain\tyeast\torder=5\n",
        "benchmarks": "genome\ttask\nyeast\tperplexity\n",
        "callsets": "name\tgenome\tvcf\n",
    }

    def write(**changes):
        for name, text in (texts | changes).items():
            (tmp_path / f"{name}.tsv").write_text(text)
        return {name: str(tmp_path / f"{name}.tsv") for name in SHEETS}

    return write


def _inputs(task, cell):
    return {"benchmarks": f"genome\ttask\tinputs\nyeast\t{task}\t{cell}\n"}


def _trained(parameters, kind="one_pass"):
    return {"models": f"name\tkind\tsource\tgenomes\tparameters\nm\t{kind}\ttrain\tyeast\t{parameters}\n"}


def test_a_largest_dilation_that_no_layer_has_is_refused(sheets):
    with pytest.raises(InputError, match="max_dilation: 100 is not one of 1, 2, 4"):
        load(sheets(**_trained("max_dilation=100")))


@pytest.mark.parametrize("source", ["x" * 5000, "a\0b", "resources"])
def test_parameters_beside_any_name_of_a_folder_are_no_traceback(sheets, source):
    models = f"name\tkind\tsource\tparameters\no\tone_pass\t{source}\twidth=64\n"
    with contextlib.suppress(InputError):
        load(sheets(models=models))


def test_a_task_takes_files_and_urls_and_none_is_no_mistake(sheets, tmp_path):
    (tmp_path / "x.bed").write_text("a\t0\t4\n")
    for given in (f"bed={tmp_path / 'x.bed'}", "bed=https://host/x.bed?a=b", ""):
        assert load(sheets(**_inputs("elements", given))).benchmarks[0]["inputs"].get("bed", "") == given[4:]


def test_the_fingerprint_is_of_settings_and_cells_not_of_layout(sheets):
    first = fingerprint(load(sheets()))
    models = "name\tkind\tsource\tgenomes\tparameters\nm5\tmarkov\ttrain\tyeast\torder={}\n"
    assert fingerprint(load({**sheets(models="# a comment\n" + models.format(5)), "seed": 1})) == first
    others = [load({**sheets(), "seed": 2}), load(sheets(models=models.format(4)))]
    assert len({first, *map(fingerprint, others)}) == 3


def test_a_region_of_an_indexed_vcf_is_a_source(sheets, tmp_path):
    (tmp_path / "calls.vcf.gz").write_bytes(b"")
    for source in (f"{tmp_path / 'calls.vcf.gz'}#MT", "https://host/calls.vcf.bgz?a=b#MT:1-600,1"):
        config = sheets(callsets=f"name\tgenome\tvcf\nc\tyeast\t{source}\n", **_inputs("elements", f"bed={source}"))
        assert load(config).callsets["c"]["vcf"] == source == load(config).benchmarks[0]["inputs"]["bed"]


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ("nowhere.vcf.gz#MT\t", "vcf: there is no file 'nowhere.vcf.gz'"),
        ("https://host/calls.vcf.gz#MT:9-5\t", "vcf: 'MT:9-5' is not a region"),
        ("https://host/calls.bcf#MT\t", "asks for a region, which only"),
        (f"https://host/calls.vcf.gz#MT\t{'0' * 64}", "sha256: is that of a whole file"),
    ],
)
def test_what_is_no_region_is_named(sheets, cells, complaint):
    with pytest.raises(InputError) as error:
        load(sheets(callsets=f"name\tgenome\tvcf\tsha256\nc\tyeast\t{cells}\n"))
    assert complaint in str(error.value) and "1 problem(s)" in str(error.value)


def test_rows_are_converted_and_completed(sheets):
    configuration = load(sheets())
    assert configuration.genomes["yeast"]["genetic_code"] == 1
    assert configuration.genomes["yeast"]["scored"] is True
    assert configuration.models["m5"]["parameters"] == {"order": 5, "prior": 4.0}
    assert configuration.settings["windows"]["size"] == 512


def test_call_sets_are_scored_by_all_models_that_give_probabilities(sheets):
    models = "name\tkind\tsource\ns\tdnabert_s\thub:a/b\nd\tdnabert2\thub:a/c\n"
    found = load(sheets(models=models, callsets="name\tgenome\tvcf\nx\tyeast\thttps://a/b.vcf\n"))
    assert found.callsets["x"]["models"] == ["d"]


def test_a_genome_is_scored_by_the_models_that_its_row_names(sheets, tmp_path):
    fasta = tmp_path / "genome.fa"
    genomes = f"name\tfasta\tmodels\nyeast\t{fasta}\tb\nhuman\t{fasta}\t\n"
    models = "name\tkind\tsource\tgenomes\n" + "".join(f"{name}\tmarkov\ttrain\tyeast\n" for name in "ab")
    calls = "name\tgenome\tvcf\tmodels\n" + "".join(
        f"{name}\t{genome}\thttps://a/b.vcf\t{named}\n"
        for name, genome, named in [("x", "yeast", ""), ("y", "human", ""), ("z", "yeast", "a")]
    )
    found = load(sheets(genomes=genomes, models=models, callsets=calls))
    assert [row["models"] for row in found.genomes.values()] == [["b"], ["a", "b"]]
    assert [row["models"] for row in found.callsets.values()] == [["b"], ["a", "b"], ["a"]]
    everything = load(sheets(genomes=genomes.replace("\tb\n", "\tb,a\n"), models=models))
    plain = f"name\tfasta\nyeast\t{fasta}\nhuman\t{fasta}\n"
    assert fingerprint(load(sheets(genomes=plain, models=models))) == fingerprint(everything) != fingerprint(found)


def test_models_that_score_nothing_are_named(sheets, tmp_path):
    genomes = f"name\tfasta\tscored\tmodels\nyeast\t{tmp_path / 'genome.fa'}\tno\tm5,m6\n"
    with pytest.raises(InputError) as caught:
        load(sheets(genomes=genomes, benchmarks="genome\ttask\n"))
    assert "models: score nothing where the column scored is no; leave it empty" in str(caught.value)
    assert "models: 'm6' is not a model of the model sheet; known are m5" in str(caught.value)


def test_a_region_of_a_file_here_that_can_give_none_is_said_to_be_that(sheets, tmp_path):
    file = tmp_path / "calls.bcf"
    file.touch()
    with pytest.raises(InputError, match=r"^1 problem\(s\)[^#]*calls\.bcf#MT' asks for a region, which only"):
        load(sheets(callsets=f"name\tgenome\tvcf\nc\tyeast\t{file}#MT\n"))
    file.with_name("calls.bcf#MT").touch()
    assert load(sheets(callsets=f"name\tgenome\tvcf\nc\tyeast\t{file}#MT\n")).callsets


def test_a_folder_is_no_file(sheets, tmp_path):
    config = sheets(callsets=f"name\tgenome\tvcf\nc\tyeast\t{tmp_path}\n", **_inputs("elements", f"bed={tmp_path}"))
    with pytest.raises(InputError, match=r"^2 problem\(s\)") as caught:
        load(config)
    assert f"(c), vcf: {str(tmp_path)!r} is a folder; name the file in it" in str(caught.value)


def test_five_mistakes_are_five_sentences(sheets):
    config = sheets(
        genomes="name\tfasta\tgenetic_code\nyeast\tnowhere.fa\tx\n",
        models="name\tkind\tsource\tgenomes\nm\tmarkof\ttrain\tyeats\n",
    )
    config["scores"] = {"windwo": 5}
    with pytest.raises(InputError) as caught:
        load(config)
    message = str(caught.value)
    assert message.startswith("5 problem(s)")
    assert "configuration, scores: unknown windwo (did you mean window?)" in message
    assert "genomes.tsv, line 2 (yeast), genetic_code: 'x' is not" in message
    assert "fasta: there is no file 'nowhere.fa'" in message
    assert "'markof' is not a kind of model (did you mean markov?)" in message
    assert "'yeats' is not a genome of the genome sheet (did you mean yeast?)" in message


@pytest.mark.parametrize(
    "genomes, count",
    [
        ("name  fasta\nyeast  https://a/b.fa\n", 1),  # a single cell
        ("name\tfasta\nyeast\thttps://a/b.fa\nyeast\thttps://a/b.fa\n", 2),  # one for each row
        ("name\tfasta\tscored\nyeast\thttps://a/b.fa\tyes\nyeast\thttps://a/b.fa\tno\n", 2),
    ],
)
def test_rows_that_refer_to_a_faulty_sheet_are_not_blamed_for_it(sheets, genomes, count):
    with pytest.raises(InputError, match=rf"^{count} problem"):
        load(sheets(genomes=genomes))


@pytest.mark.parametrize("ignored", [True, False])
def test_names_that_differ_only_in_case_are_refused_where_the_file_system_ignores_it(sheets, monkeypatch, ignored):
    monkeypatch.setattr("glmtracks.config.ignores_case", lambda folder: ignored)  # as that of macOS does
    rows = "".join(f"{name}\tmarkov\ttrain\tyeast\n" for name in ("A", "a", "b"))
    configuration = sheets(models=f"name\tkind\tsource\tgenomes\n{rows}")
    with pytest.raises(InputError, match=r"2 problem") if ignored else contextlib.nullcontext():
        assert [*load(configuration).models] == ["A", "a", "b"]


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"genomes": ""}, "is empty"),
        ({"genomes": "name\tfsta\nyeast\tx\n"}, "unknown column 'fsta' (did you mean fasta?)"),
        ({"genomes": "name,fasta\nyeast,x\n"}, "first line 'name,fasta' is a single cell; cells are parted by tabs"),
        ({"benchmarks": "genome  task\nyeast  sites\n"}, "'genome  task' is a single cell; cells are parted by tabs"),
        ({"genomes": "name\tfasta\n../x\thttps://a/b.fa\n"}, "'../x' has a form that is not allowed"),
        ({"genomes": "name\tfasta\nyeast\thttps://a/b.fa\nyeast\thttps://a/b.fa\n"}, "used by more than one row"),
        ({"genomes": "name\tfasta\toutgroups\nyeast\thttps://a/b.fa\tyeast\n"}, "other than this one; there is none"),
        (
            {"genomes": "name\tfasta\toutgroups\nyeast\thttps://a/b.fa\tsis\n\thttps://a/c.fa\n"},
            "genomes.tsv, line 3: name is missing",
        ),
        ({"genomes": "name\tfasta\tinclude\nyeast\thttps://a/b.fa\t(\n"}, "not a valid regular expression"),
        (
            {"genomes": "name\tfasta\tfasta\nyeast\thttps://a/b.fa\thttps://a/c.fa\n"},
            "more than one column is called 'fasta'",
        ),
        ({"genomes": 'name\tfasta\nyeast\t"no.fa\nsister\thttps://a/b.fa\n'}, "there is no file 'no.fa'"),
        ({"models": "name\tkind\tsource\nm\tmarkov\ttrain\n"}, "genomes: is empty"),
        (
            {"models": "name\tkind\tsource\tgenomes\theld_out\nm\tmarkov\ttrain\tyeast\tyeats\n"},
            "held_out: 'yeats' is not a genome of the genome sheet (did you mean yeast?)",
        ),
        ({"genomes": "name\tfasta\nyeast\thttps://[host]/b.fa\n"}, "'https://[host]/b.fa' is not an address ("),
        ({"genomes": "name\tfasta\nyeast\thttp://[::1/b.fa\n"}, "'http://[::1/b.fa' is not an address ("),
        ({"genomes": "name\tfasta\tcircular\nyeast\thttps://a/b.fa\t(\n"}, "not a valid regular expression"),
        (
            {"models": "name\tkind\tsource\tgenomes\tparameters\nm\tmarkov\ttrain\tyeast\torder=[\n"},
            "order: '[' is not",
        ),
        ({"models": "name\tkind\tsource\tgenomes\tparameters\nm\tmarkov\ttrain\tyeast\torder=99\n"}, "99 is above 12"),
        ({"models": "name\tkind\tsource\tgenomes\nitems\tmarkov\ttrain\tyeast\n"}, "reserved word"),
        ({"models": "name\tkind\tsource\tgenomes\nrandom\tmarkov\ttrain\tyeast\n"}, "what benchmarks call a baseline"),
        (
            {"models": "name\tkind\tsource\tstrategy\ns\tdnabert_s\thub:a/b\tmasked\n"},
            "strategy: a model of kind dnabert_s has embeddings alone",
        ),
        (
            {"models": "name\tkind\tsource\tgenomes\tstrategy\nm\tcausal\ttrain\tyeast\tmasked\n"},
            "strategy: a model of kind causal cannot be asked by the strategy masked; its training fits causal",
        ),
        (
            {"models": "name\tkind\tsource\tgenomes\tstrategy\nm\tcausal\ttrain\tyeast\tasked\n"},
            "1 problem(s) in the configuration:",
        ),
        (
            {
                "models": "name\tkind\tsource\ns\tdnabert_s\thub:a/b\n",
                "callsets": "name\tgenome\tvcf\tmodels\nx\tyeast\thttps://a/b.vcf\ts\n",
            },
            "models: 's' is of kind dnabert_s, which has embeddings alone and scores no variants",
        ),
        (
            {"models": "name\tkind\tsource\tparameters\ns\tdnabert2\thub:a/b\tspecies=x\n"},
            "parameters: unknown species; known are context",
        ),
        (
            {"models": f"name\tkind\tsource\tparameters\no\tone_pass\t{SHIPPED}\twidth=64\n"},
            f"parameters: the model in {SHIPPED} has its own",
        ),
        (
            {"models": f"name\tkind\tsource\no\tmasked\t{SHIPPED}\n"},
            f"kind: {SHIPPED} holds a model of kind one_pass; correct the sheet",
        ),
        ({"benchmarks": "genome\ttask\nyeast\tperplexities\n"}, "(did you mean perplexity?)"),
        ({"benchmarks": "genome\ttask\nyeast\tperplexity\nyeast\tperplexity\n"}, "more than one row"),
        ({"callsets": "name\tgenome\tvcf\nx\tyeast\tno.vcf\n"}, "vcf: there is no file 'no.vcf'"),
        (
            {"callsets": "name\tgenome\tvcf\tmodels\nx\tyeast\tno.vcf\tmarkov,nope\n"},
            "models: 'nope' is not a model of the model sheet",
        ),
        (_inputs("elements", "bde=x.bed"), "inputs: 'bde' is not an input of the task elements (did you mean bed?)"),
        (_inputs("elements", "bed=no.bed"), "inputs, bed: there is no file 'no.bed'"),
        (_inputs("elements", "bed=ucsc:hg38"), "inputs, bed: there is no file 'ucsc:hg38'"),
        (_inputs("elements", "bed"), "inputs: bed names no file; write bed=PATH or bed=URL"),
        (_inputs("perplexity", "bed=no.bed"), "'bed' is not an input of the task perplexity; it takes none"),
        (_inputs("elements", "bed=a.bed; bed=b.bed"), "inputs: 'bed' stands there more than once; keep one"),
        (
            {"models": "name\tkind\tsource\tgenomes\nm\tmarkov\ttrain\tyeast, yeast\n"},
            "genomes: 'yeast' stands there more than once; keep one",
        ),
        (_trained("width=16; width=32"), "parameters: 'width' stands there more than once; keep one"),
        (_trained("learning_rate=nan"), "learning_rate: 'nan' is not of type number"),
        (_trained("learning_rate=.nan"), "learning_rate: '.nan' is not of type number"),
        (_trained("learning_rate=-inf"), "learning_rate: '-inf' is not of type number"),
        (_trained("learning_rate=1e999"), "learning_rate: '1e999' is not of type number"),
        (_trained("steps=1:30"), "steps: '1:30' is not of type integer"),
        (_trained("steps=2026-01-01"), "steps: '2026-01-01' is not of type integer"),
        (_trained("steps=16.5"), "steps: 16.5 is not of type integer"),
        (_trained("seed=9223372036854775808"), "seed: 9223372036854775808 is above 9223372036854775807"),
        (_trained("region_weights=cds:2"), "region_weights: 'cds:2' has a form that is not allowed (weights of region"),
        (_trained("region_weights=CDS: x"), "The classes are CDS, splice_donor"),
        (_trained("cpg_weight=1e39"), "is above 1000000 (weight of the two bases of a CpG"),
        (_trained("prior=1e30", kind="markov"), "is above 1000000000000 (weight, in counts"),
        (_trained("prior=1e-40", kind="markov"), "prior: 1e-40 is below 1e-12 (weight, in counts"),
        (_trained("batch=32; processes=3"), "batch = 32 windows cannot be divided among processes = 3"),
    ],
)
def test_what_is_wrong_is_named(sheets, changes, complaint):
    with pytest.raises(InputError) as caught:
        load(sheets(**changes))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "key", "value"),
    [
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("muon_rate = 3E-4", "muon_rate", 0.0003),
        ("warmup=.5", "warmup", 0.5),
        ("steps=1e5", "steps", 100_000),
        ("steps=010", "steps", 10),
        ("width=16.0", "width", 16),
        ("seed=9223372036854775807", "seed", 2**63 - 1),
        ("species=yes", "species", True),
        ("species=False", "species", False),
        ("region_weights=CDS: 2", "region_weights", "CDS: 2"),
        ("region_weights='CDS:2'", "region_weights", "CDS:2"),
        ("batch=32; processes=4", "processes", 4),
        ("batch=32; processes=3; steps=0", "processes", 3),
    ],
)
def test_a_parameter_is_what_is_written(sheets, cell, key, value):
    found = load(sheets(**_trained(cell))).models["m"]["parameters"][key]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["bed=1:30", "bed=2026-13-45", "bed=a: b", "bed=[" + "[" * 5000, "bed=*x", "bed=!!int x"]
)
def test_a_file_may_be_called_anything_without_a_traceback(sheets, text):
    with pytest.raises(InputError, match="there is no file"):
        load(sheets(**_inputs("elements", text)))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", "CDS:2", " CDS: 2 , intron:0.5,", "not annotated:0", "CDS:1e-3", "CDS:+.5,5UTR:2."),
        *(
            "cds:2",
            "CDS",
            "CDS:",
            "CDS:x",
            "CDS :2",
            "CDS:-1",
            "CDS:nan",
            "CDS:inf",
            "CDS:2 intron:1",
            "CDS:2;intron:1",
        ),
    ],
)
def test_region_weights_are_refused_in_the_sheet_just_where_training_would(text):
    losses = pytest.importorskip("glmtracks.training.losses")
    refused = bool(violations({"region_weights": text}, schema("parameters/recipe"), "sheet"))
    with pytest.raises(InputError) if refused else contextlib.nullcontext():
        losses.region_weights(text)


def test_the_schema_knows_the_region_classes():
    losses = pytest.importorskip("glmtracks.training.losses")
    rule = schema("parameters/recipe")["properties"]["region_weights"]
    assert all(re.search(rule["pattern"], f"{name}:2") and name in rule["description"] for name in losses.REGIONS)


def test_a_whole_number_is_an_integer_however_it_is_written(sheets):
    written = load({**sheets(), "seed": 1e3, "scores": {"window": 2048.0}})
    assert repr((written.settings["seed"], written.settings["scores"]["window"])) == "(1000, 2048)"
    assert fingerprint(written) == fingerprint(load({**sheets(), "seed": 1000, "scores": {"window": 2048}}))


def test_a_seed_that_no_generator_takes_is_refused(sheets):
    with pytest.raises(InputError, match="seed: 9223372036854775808 is above 9223372036854775807"):
        load(sheets() | {"seed": 2**63})


@pytest.mark.parametrize("content", ['{"architecture": 5}', '{"architecture": {}, "kind": "markov", "sha256": null}'])
def test_a_model_folder_that_cannot_be_loaded_is_named_with_its_row(sheets, tmp_path, content):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"models\.tsv, line 2 \(m\), source: .*config\.json"):
        load(sheets(models=f"name\tkind\tsource\nm\tmarkov\t{tmp_path / 'model'}\n"))


def test_models_of_the_same_genomes_share_a_corpus_with_a_name_that_fits_into_a_path():
    def name(genomes, held_out=()):
        return corpus_of({"genomes": list(genomes), "held_out": list(held_out)}).name

    assert name(["yeast"]) == "yeast" == name(["yeast", "yeast"], ["yeast"])
    assert name(["b", "a"]) == "a+b" == name(["a", "b"])
    assert name(["mitogenomes"], ["rcrs"]) == "mitogenomes-rcrs"
    assert re.fullmatch(r"a-b\+0-[0-9a-f]{8}", name(["a-b"], ["c"])) and name(["a-b"]) == "a-b"  # which a - b is not
    many = [f"species_{n:02d}" for n in range(40)]
    assert re.fullmatch(r"species_00\+39-[0-9a-f]{8}", name(many)) and name(many) != name(many, ["x"])


def test_two_corpora_of_one_name_are_refused(sheets):
    genomes = "name\tfasta\n" + "".join(f"{name}\thttps://a/{name}.fa\n" for name in ("a", "b", "a-b", "yeast"))
    models = "name\tkind\tsource\tgenomes\theld_out\nx\tmarkov\ttrain\ta-b\t\ny\tmarkov\ttrain\ta\tb\n"
    with pytest.raises(InputError, match=r"1 problem.*\n.*line 3 \(y\), genomes: .* called a-b, like what another"):
        load(sheets(genomes=genomes, models=models))


def test_a_model_called_like_the_embeddings_of_intervals_by_another_is_refused_where_there_are_some(sheets):
    models = "name\tkind\tsource\tgenomes\nm\tone_pass\ttrain\ty\nm.regions\tone_pass\ttrain\ty\n"
    one = {"models": models, "benchmarks": "genome\ttask\n"}
    assert [*load(sheets(genomes="name\tfasta\ny\thttps://a/b.fa\n", **one)).models] == ["m", "m.regions"]
    with pytest.raises(InputError, match=r"1 problem.*\n.*line 2 \(y\), embed_bed: .*m\.regions, like another model"):
        load(sheets(genomes="name\tfasta\tembed_bed\ny\thttps://a/b.fa\thttps://a/b.bed\n", **one))


def test_a_gap_that_lets_windows_overlap_is_refused(sheets):
    with pytest.raises(InputError, match=r"split.gap: 10 is below windows.size \+ windows.jitter"):
        load(sheets() | {"split": {"gap": 10}})


def test_windows_line_ends_comments_and_byte_order_marks_are_fine(sheets, tmp_path):
    config = sheets()
    path = tmp_path / "models.tsv"
    path.write_bytes(b"\xef\xbb\xbf# a comment\r\n" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert load(config).models["m5"]["kind"] == "markov"


def test_a_sheet_in_another_encoding_is_named(sheets, tmp_path):
    config = sheets()
    (tmp_path / "genomes.tsv").write_bytes("name\tfasta\nmüller\tx.fa\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"genomes\.tsv: is not text in UTF-8"):
        load(config)


def test_what_spreadsheets_add_is_fine(sheets, tmp_path):
    """Quotes around a cell that holds a comma, and empty cells at the ends of lines."""
    fasta = tmp_path / "genome.fa"
    rows = ["name\tfasta\toutgroups\t", f'a\t{fasta}\t"b,c"\t', f"b\t{fasta}\t\t", f"c\t{fasta}"]
    config = sheets(genomes="\n".join(rows), models="name\tkind\tsource\n", benchmarks="genome\ttask\n")
    assert load(config).genomes["a"]["outgroups"] == ["b", "c"]


def test_a_cell_may_be_of_any_length(sheets, tmp_path):
    """The aliases of a draft genome, or a FASTA that is given for a sheet."""
    aliases = ",".join(f"scaffold_{n}=contig_{n}" for n in range(6000))
    config = sheets(genomes=f"name\tfasta\tcontig_aliases\nyeast\t{tmp_path / 'genome.fa'}\t{aliases}\n")
    assert load(config).genomes["yeast"]["contig_aliases"] == aliases
    with pytest.raises(InputError, match="'>a' is a single cell"):
        load(sheets(genomes=f">a\n{'A' * 200_000}\n"))


@pytest.mark.parametrize("path", sorted((WORKFLOW / "schemas").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_has_a_description_and_is_closed(path):
    def check(rules):
        assert rules["additionalProperties"] is False
        for key, rule in rules["properties"].items():
            assert rule["description"], key
            assert "default" in rule or key in rules.get("required", []) or key == "seed", key
            if "properties" in rule:
                check(rule)

    check(yaml.safe_load(path.read_text()))


def test_defaults_satisfy_their_own_schema():
    assert fill_defaults({}, schema("config"))["split"]["gap"] == 1024


@pytest.mark.parametrize("preset", [CHECKOUT / "config" / "config.yaml", *PRESETS], ids=lambda path: path.stem)
def test_the_presets_are_valid(preset, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    configuration = load(yaml.safe_load(preset.read_text()))
    assert configuration.genomes and configuration.models and configuration.benchmarks


def test_reading_the_configuration_imports_nothing_heavy():
    heavy = "{'torch', 'pandas', 'numpy', 'pyarrow', 'pysam', 'matplotlib'}"
    code = f"import sys; import glmtracks.config; print({heavy} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(WORKFLOW), check=True
    )
    assert result.stdout.strip() == "set()"


def test_the_reference_page_is_that_of_the_schemas():
    assert PAGE.read_text().split(MARK)[1].strip() == reference().strip(), "run python -m glmtracks.reference"


def test_the_schema_knows_the_tracks():
    bigwigs = schema("config")["properties"]["tracks"]["properties"]["bigwigs"]
    assert tuple(bigwigs["items"]["enum"]) == ALL_TRACKS and tuple(bigwigs["default"]) == BIGWIG_TRACKS


@pytest.mark.parametrize(
    ("name", "size", "shards"),
    [
        ("small.fa", 12_000_000, 4),  # the fewest
        ("large.fa", 3_100_000_000, 87),  # 86.1 hours at 10,000 bases a second
        ("large.fa.gz", 980_000_000, 90),
        ("huge.fa.gz", 10**12, 9999),  # as many as a name has digits for
    ],
)
def test_the_size_of_a_fasta_says_how_many_shards_where_its_row_does_not(sheets, tmp_path, name, size, shards):
    with (tmp_path / name).open("wb") as file:
        file.truncate(size)
    rows = f"name\tfasta\tshards\nyeast\t{tmp_path / name}\t\ngiven\t{tmp_path / name}\t7\nfetched\tucsc:hg38\t\n"
    genomes = load(sheets(genomes=rows)).genomes
    assert [row["shards"] for row in genomes.values()] == [shards, 7, 4]
    slow = load({**sheets(genomes=rows), "shards": {"minutes": 30, "bases_per_second": 5000}}).genomes
    assert shards in (4, 9999) or 4 * shards - 4 < slow["yeast"]["shards"] <= 4 * shards
