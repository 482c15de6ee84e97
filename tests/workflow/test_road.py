"""The whole road on a synthetic genome: every file of the results scheme, as independent programs read it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import cyvcf2
import duckdb
import numpy as np
import pandas as pd
import py2bit
import pyarrow.parquet as pq
import pyBigWig
import pyfaidx
import pysam
import pytest
import worlds
import yaml
from conftest import CHECKOUT, Project
from safetensors import safe_open

from glmtracks import tracks

TRACKS = ["llr_A", "llr_C", "llr_G", "llr_T", "entropy"]
MODELS = ["markov", "tiny"]
TASKS = ["perplexity", "consequence", "outgroup"]
SCHEME = [
    *(f"genomes/{genome}/{file}" for genome in ("toy", "sister") for file in ("genome.fa.gz", "genome.fa.gz.fai")),
    *(f"genomes/{genome}/{file}" for genome in ("toy", "sister") for file in ("genome.fa.gz.gzi", "chrom.sizes")),
    *(f"genomes/{genome}/provenance.json" for genome in ("toy", "sister")),
    *(f"genomes/toy/{file}.gz{tbi}" for file in ("annotation.gff3", "repeats.bed") for tbi in ("", ".tbi")),
    *(f"genomes/{genome}/genome.fa.gz.circular" for genome in ("toy", "sister")),
    *(f"genomes/toy/{file}" for file in ("regions.parquet", "split.tsv", "genome.2bit")),
    *(f"windows/toy/{file}" for file in ("windows.parquet", "split.tsv", "shared.json", "leakage.json")),
    *(f"models/{model}/{file}" for model in MODELS for file in ("model.safetensors", "config.json")),
    *(f"models/{model}/{file}" for model in MODELS for file in ("metrics.json", "training.tsv")),
    *(f"scores/toy/{model}/0001-of-0001.parquet" for model in MODELS),
    *(f"tracks/toy/{model}/{track}.bw" for model in MODELS for track in TRACKS),
    *(f"tracks/toy/{model}/{name}.bw" for model in MODELS for name in ("llr_min", "llr_mean", "logo_A", "logo_T")),
    *(f"tracks/toy/{model}/{folder}" for model in MODELS for folder in ("scores", "track_hub/hub.txt")),
    *(f"tracks/toy/{model}/calibration/calibration.json" for model in MODELS),
    *(f"variants/calls/{file}" for file in ("alleles/0001-of-0001.parquet", "ref_mismatches.tsv")),
    *(f"variants/calls/{model}/0001-of-0001.parquet" for model in MODELS),
    *(f"variants/calls/{model}.{end}" for model in MODELS for end in ("vcf.gz", "vcf.gz.tbi", "parquet")),
    "embeddings/toy/tiny.parquet",
    "embeddings/toy/tiny.regions.parquet",
    *(f"benchmarks/toy/{task}/{table}" for task in TASKS for table in ("items.parquet", "summary.tsv")),
    *(f"benchmarks/toy/{task}/{model}.parquet" for task in TASKS for model in MODELS),
    "benchmarks/summary.tsv",
    "provenance.json",
    *(f"tracks/toy/{model}/provenance.json" for model in MODELS),
    *(f"benchmarks/toy/{task}/provenance.json" for task in TASKS),
    *(f"{folder}/provenance.json" for folder in ("variants/calls", "embeddings/toy")),
    "report/index.html",
]


@pytest.fixture(scope="module")
def world() -> worlds.World:
    return worlds.road()


def dataset(road: Project, model: str) -> pd.DataFrame:
    """All scores of a model, read by DuckDB from the hive-partitioned folder: contig, start, ref and the tracks."""
    files = f"{road.results}/tracks/toy/{model}/scores/**/*.parquet"
    query = "SELECT contig, start, CAST(ref AS VARCHAR) AS ref, llr_A, llr_C, llr_G, llr_T, entropy"
    return duckdb.sql(f"{query} FROM read_parquet('{files}', hive_partitioning = true) ORDER BY contig, start").df()


def test_every_file_of_the_scheme_is_there(road):
    absent = [name for name in SCHEME if not (road.results / name).exists()]
    assert not absent
    described = set(re.findall(r"^ {4}results/(\w+)/", (CHECKOUT / "Snakefile").read_text(), re.MULTILINE))
    described.remove("leakage")  # of loaded models, of which there are none here
    assert described == {path.name for path in road.results.iterdir() if path.is_dir()}


def test_nothing_is_left_that_was_only_temporary(road):
    hidden = {path.name for path in road.results.rglob(".*")}
    assert hidden <= {".snakemake_timestamp"}
    assert not list(road.results.rglob("*.part*.json"))


def test_genome_keeps_every_letter(road, world):
    fasta = pyfaidx.Fasta(str(road.results / "genomes/toy/genome.fa.gz"))
    assert {name: str(fasta[name]).encode() for name in fasta.keys()} == world.contigs  # noqa: SIM118
    sizes = dict(line.split("\t") for line in (road.results / "genomes/toy/chrom.sizes").read_text().splitlines())
    assert sizes == {name: str(len(sequence)) for name, sequence in world.contigs.items()}
    assert json.loads((road.results / "genomes/toy/provenance.json").read_text())["contigs"] == len(world.contigs)


def test_annotation_holds_the_planted_genes(road, world):
    with pysam.TabixFile(str(road.results / "genomes/toy/annotation.gff3.gz")) as annotation:
        rows = [line.split("\t") for line in annotation.fetch()]
        first = world.genes[0]
        assert any(row.split("\t")[2] == "CDS" for row in annotation.fetch(first.contig, first.start, first.end))
    cds = {(row[0], int(row[3]) - 1, int(row[4]), row[6]) for row in rows if row[2] == "CDS"}
    assert cds == {(gene.contig, *exon, gene.strand) for gene in world.genes for exon in gene.exons}
    assert sum(row[2] == "gene" for row in rows) == len(world.genes)


def test_repeats_are_the_soft_mask(road, world):
    with pysam.TabixFile(str(road.results / "genomes/toy/repeats.bed.gz")) as bed:
        found = [tuple(line.split("\t")[:3]) for line in bed.fetch()]
    assert found == [(name, "1600", "1660") for name in ("chr1", "chr4", "chr5", "chr8")]
    assert all(world.contigs[name][1600:1660].islower() for name, *_ in found)


def test_regions_tile_the_genome_and_know_its_genes(road, world):
    regions = pq.read_table(road.results / "genomes/toy/regions.parquet").to_pandas()
    for contig, rows in regions.groupby("contig", observed=True):
        edges = [*rows["start"], len(world.contigs[contig])]
        assert edges[0] == 0 and edges[1:] == rows["end"].tolist()
    bases = (regions["end"] - regions["start"]).groupby(regions["region"].astype(str)).sum()
    exons = [end - start for gene in world.genes for start, end in gene.exons]
    introns = [after[0] - before[1] for gene in world.genes for before, after in zip(gene.exons, gene.exons[1:])]  # noqa: B905
    assert bases["CDS"] == sum(exons)
    assert bases["intron"] + bases["splice_donor"] + bases["splice_acceptor"] == sum(introns)


def test_split_tiles_the_genome_and_windows_stay_in_their_part(road, world):
    split = pd.read_csv(road.results / "windows/toy/split.tsv", sep="\t")
    assert (split["end"] - split["start"]).sum() == sum(map(len, world.contigs.values()))
    assert set(split.loc[split["split"] == "test", "contig"]) == {"chr4", "chr8"}
    windows = pq.read_table(road.results / "windows/toy/windows.parquet").to_pandas()
    inside = windows.merge(split, on=["contig", "split"], suffixes=("", "_part"))
    inside = inside[(inside["start"] >= inside["start_part"]) & (inside["end"] <= inside["end_part"])]
    assert len(inside) == len(windows) > 100
    leakage = json.loads((road.results / "windows/toy/leakage.json").read_text())
    assert leakage["verdict"] == "ok" and leakage["parts"]["test"]["shared_kmers"] == 0
    planned = pd.read_csv(road.results / "genomes/toy/split.tsv", sep="\t")
    held_out = [table[table["split"] == "test"][list(planned.columns)] for table in (planned, split)]
    pd.testing.assert_frame_equal(*(table.reset_index(drop=True) for table in held_out))


@pytest.mark.parametrize("model", MODELS)
def test_model_folders_say_what_they_hold(road, model):
    folder = road.results / "models" / model
    config = json.loads((folder / "config.json").read_text())
    assert config["kind"] == {"markov": "markov", "tiny": "one_pass"}[model] and config["seen"] == ["toy"]
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        assert list(weights.keys())
    assert len(pd.read_csv(folder / "training.tsv", sep="\t")) == {"markov": 1, "tiny": 5}[model]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 1 < metrics["validation_nats_per_base"] < 2 * np.log(4)


@pytest.mark.parametrize("model", MODELS)
def test_every_base_has_one_row(road, world, model):
    scores = dataset(road, model)
    for contig, rows in scores.groupby("contig"):
        sequence = world.contigs[contig].decode().upper()
        assert rows["start"].tolist() == list(range(len(sequence)))
        assert "".join(rows["ref"]) == re.sub("[^ACGT]", "N", sequence)
    assert set(scores["contig"]) == set(world.contigs)
    unknown = scores["ref"] == "N"
    assert unknown.sum() == 73
    assert (scores[TRACKS].isna().all(axis=1) == unknown).all() and scores[TRACKS].notna().all(axis=1).sum() == (
        ~unknown
    ).sum()
    assert scores.loc[~unknown, "entropy"].between(0, 2).all()
    llr = scores.loc[~unknown, TRACKS[:4]].to_numpy()
    assert (llr[np.arange(len(llr)), scores.loc[~unknown, "ref"].map("ACGT".index)] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_bigwig_and_parquet_agree_at_random_positions(road, world, model):
    scores = dataset(road, model).set_index(["contig", "start"])
    chosen = scores.sample(400, random_state=0)
    for track in TRACKS:
        with pyBigWig.open(str(road.results / f"tracks/toy/{model}/{track}.bw")) as bigwig:
            assert bigwig.chroms() == {name: len(sequence) for name, sequence in world.contigs.items()}
            found = [bigwig.values(contig, start, start + 1)[0] for contig, start in chosen.index]
            unknown = bigwig.values("chr2", 1690, 1760)
        np.testing.assert_array_equal(np.float32(found), chosen[track].to_numpy(dtype=np.float32))
        assert np.isnan(unknown).sum() == 53


@pytest.mark.parametrize("model", MODELS)
def test_vcf_parquet_and_dataset_agree(road, model):
    scores = dataset(road, model).set_index(["contig", "start"])
    variants = pq.read_table(road.results / f"variants/calls/{model}.parquet").to_pandas()
    records = list(cyvcf2.VCF(str(road.results / f"variants/calls/{model}.vcf.gz")))
    single = variants[variants["method"] == "llr"]
    single = single[single["ref"].str.len() == 1]
    assert len(single) > 300
    for row in single.itertuples():
        assert row.llr == np.float32(scores.at[(row.contig, row.start), f"llr_{row.alt}"])
        assert row.entropy == np.float32(scores.at[(row.contig, row.start), "entropy"])
    derived = [f"{score}_{base}" for score in ("llr_corrected", "phred") for base in "ACGT"]
    table = tracks.read(road.results / f"tracks/toy/{model}/scores", columns=derived)
    table = table.astype({"contig": str}).set_index(["contig", "start"])
    for score in ("llr_corrected", "phred"):
        places = zip(single["contig"].astype(str), single["start"], single["alt"], strict=True)
        expected = np.float32([table.at[(contig, start), f"{score}_{alt}"] for contig, start, alt in places])
        np.testing.assert_array_equal(single[score], expected)
    printed = [value for record in records for value in _per_allele(record.INFO.get("GLM_LLR"), len(record.ALT))]
    np.testing.assert_allclose(
        np.array(printed, dtype=np.float32), variants.loc[variants["alt"] != ".", "llr"], atol=5e-4
    )


def _per_allele(values, alleles: int) -> list[float]:
    values = values if isinstance(values, tuple) else (values,)
    return [np.nan if value is None else value for value in (values if len(values) == alleles else [None] * alleles)]


def test_vcf_passes_records_through_and_says_why_a_score_is_missing(road):
    lines = (road.folder / "calls.vcf").read_text().splitlines()
    before = [line.split("\t") for line in lines if not line.startswith("#")]
    with pysam.BGZFile(str(road.results / "variants/calls/tiny.vcf.gz")) as handle:
        after = [line.split("\t") for line in handle.read().decode().splitlines() if not line.startswith("#")]
    assert [row[:7] for row in after] == [row[:7] for row in before]
    assert all(new[7].startswith(old[7]) for new, old in zip(after, before, strict=True))
    variants = pq.read_table(road.results / "variants/calls/tiny.parquet").to_pandas()
    on_chr5 = variants[(variants["vcf_contig"] == "chr5") | (variants["vcf_contig"] == "elsewhere")]
    assert on_chr5["reason"].astype(object).where(on_chr5["reason"].notna(), "scored").tolist() == [
        *("scored", "scored", "spanning_deletion", "symbolic"),
        *("scored", "scored", "scored", "symbolic", "breakend", "no_alt"),
        *("ref_mismatch", "undefined_base", "ref_mismatch", "contig_not_in_genome"),
    ]
    assert on_chr5["method"].astype(object).where(on_chr5["method"].notna(), "").tolist()[:7] == [
        *("llr", "pseudo_likelihood", "", ""),
        *("pseudo_likelihood", "llr", "pseudo_likelihood"),
    ]
    assert set(variants["contig"].dropna()) == {"chr2", "chr3", "chr4", "chr5"}


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not on the path")
@pytest.mark.parametrize("model", MODELS)
def test_bcftools_reads_the_vcf(road, model):
    vcf = road.results / f"variants/calls/{model}.vcf.gz"

    def bcftools(*arguments: str) -> str:
        done = subprocess.run(["bcftools", *arguments], capture_output=True, text=True, check=True)
        assert "[W::" not in done.stderr and "[E::" not in done.stderr
        return done.stdout

    assert int(bcftools("index", "-n", str(vcf))) == len(bcftools("view", "-H", str(vcf)).splitlines())
    assert bcftools("query", "-r", "NC_0003.1", "-f", "%POS\t%GLM_LLR\n", str(vcf)).count("\n") == 60
    method = {"markov": "likelihood", "tiny": "pseudo_likelihood"}[model]
    assert bcftools("query", "-i", f"GLM_METHOD=='{method}'", "-f", "%POS\n", str(vcf)) == "100\n" * 3


def test_embeddings_cover_the_contigs(road):
    table = pq.read_table(road.results / "embeddings/toy/tiny.parquet")
    assert table.column_names == ["contig", "start", "end", "embedding"]
    frame = table.to_pandas()
    assert {len(row) for row in frame["embedding"]} == {16}
    assert np.isfinite(np.stack(frame["embedding"])).all()
    assert frame.loc[frame["contig"] == "chr1", "start"].diff().dropna().eq(200).all()


def test_embeddings_of_intervals_keep_the_order_of_the_bed(road):
    frame = pq.read_table(road.results / "embeddings/toy/tiny.regions.parquet").to_pandas()
    assert frame["contig"].tolist() == ["chr3", "chr1", "chr1"]
    assert frame["name"].tolist() == ["later", "long", "base"]
    assert np.isfinite(np.stack(frame["embedding"])).all()


def test_benchmark_table_has_every_task_and_scorer(road):
    summary = pd.read_csv(road.results / "benchmarks/summary.tsv", sep="\t")
    assert set(summary["task"]) == set(TASKS)
    headline = summary[(summary["headline"] == "yes") & (summary["status"] == "ok")]
    for task in TASKS:
        assert set(MODELS) <= set(headline.loc[headline["task"] == task, "scorer"])
    ok = summary[summary["status"] == "ok"]
    assert (ok["low"] <= ok["value"]).all() and (ok["value"] <= ok["high"]).all()


def test_report_stands_alone_and_its_links_lead_somewhere(road):
    page = road.results / "report/index.html"
    text = re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL)  # igv.js writes links of its own
    links = [link for link in re.findall(r'href="([^"#]+)"', text) if "://" not in link]
    assert len(links) > 10
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert not re.search(r'<(script|img|link)[^>]+(src|href)="http', page.read_text())


@pytest.mark.parametrize("model", MODELS)
def test_track_hub_names_files_that_are_there(road, model):
    hub = road.results / f"tracks/toy/{model}/track_hub"
    tracks = re.findall(r"^bigDataUrl (\S+)$", (hub / "trackDb.txt").read_text(), re.MULTILINE)
    assert {(hub / track).name for track in tracks} == {path.name for path in hub.parent.glob("*.bw")}
    assert all((hub / track).exists() for track in tracks)
    for name in ("hub.txt", "hub_ucsc.txt"):
        genomes = re.search(r"^genomesFile (\S+)$", (hub / name).read_text(), re.MULTILINE)[1]
        files = re.findall(
            r"^(?:trackDb|groups|twoBitPath|chromSizes) (\S+)$", (hub / genomes).read_text(), re.MULTILINE
        )
        assert files and all((hub / file).exists() for file in files)
    json.loads((hub / "igv.json").read_text())


def test_the_2bit_is_the_genome_with_its_lower_case(road, world):
    file = py2bit.open(str(road.results / "genomes/toy/genome.2bit"), True)
    for name, sequence in world.contigs.items():
        assert file.sequence(name) == re.sub("[^ACGTNacgtn]", "N", sequence.decode())  # as the format has it
    file.close()


def test_every_job_left_a_log_and_a_table_of_its_resources(road):
    done = road.run("--detailed-summary").splitlines()
    header = next(n for n, line in enumerate(done) if line.startswith("output_file\t"))
    table = pd.DataFrame([line.split("\t") for line in done[header + 1 :]], columns=done[header].split("\t"))
    assert {"train_model", "score_shard", "download", "report_page"} <= set(table["rule"])
    logs = [Path(log) for log in table["log-file(s)"].unique()]
    assert all(
        log.match(f"results/logs/{rule}*") or rule in log.parts
        for log, rule in zip(table["log-file(s)"].map(Path), table["rule"], strict=True)
    )
    for log in logs:
        assert (road.folder / log).is_file()
        measured = pd.read_csv(road.folder / log.with_suffix(".time.tsv"), sep="\t")
        assert measured["s"].notna().all()


def test_settings_of_the_config_are_those_of_the_run(road):
    settings = yaml.safe_load((road.folder / "config.yaml").read_text())
    windows = pq.read_table(road.results / "windows/toy/windows.parquet").to_pandas()
    assert (windows["end"] - windows["start"]).max() == settings["windows"]["size"]
