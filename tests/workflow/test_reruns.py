"""What a run makes anew after a change, and that it comes out as before: on copies of the road's finished run."""

import json
import os
import re
import shutil

import pandas as pd
import pyarrow.parquet as pq
import worlds
import yaml
from conftest import planned


def test_a_second_run_says_that_there_is_nothing_to_do(road):
    assert "Nothing to be done" in road.run()


def test_a_touch_claims_no_time(road, tmp_path):
    touched = road.copy(tmp_path / "touched")
    assert "time of all jobs" not in touched.run("--touch", "--forceall")


def test_shards_of_another_size_give_the_same_bytes(road, tmp_path):
    again = road.copy(tmp_path / "again")
    sheet = again.folder / "genomes.tsv"
    genomes = pd.read_csv(sheet, sep="\t", dtype=str, keep_default_na=False)
    genomes.loc[genomes["name"] == "toy", "shards"] = "3"
    genomes.to_csv(sheet, sep="\t", index=False)
    scores = "results/tracks/toy/tiny/scores"
    assert planned(again.run(scores)) == {"score_shard": 3, "join_shards": 1}
    files = sorted(path.relative_to(again.folder) for path in (again.folder / scores).rglob("*.parquet"))
    assert len(files) == len(worlds.road().contigs)
    assert all((again.folder / file).read_bytes() == (road.folder / file).read_bytes() for file in files)
    assert (again.folder / scores / "_common_metadata").read_bytes() == (
        road.folder / scores / "_common_metadata"
    ).read_bytes()


def test_a_parameter_of_one_model_recomputes_that_model_alone(road, tmp_path):
    touched = road.copy(tmp_path / "touched")
    sheet = touched.folder / "models.tsv"
    sheet.write_text(sheet.read_text().replace("steps=5", "steps=6"))
    output = touched.run("--dry-run")
    assert planned(output) == {
        "all": 1,
        "annotate_variants": 1,
        "score_callset": 1,
        "benchmark_scores": 3,
        "benchmark_summary": 3,
        "benchmark_table": 1,
        "bigwig": 11,
        "calibrate": 1,
        "embed": 1,
        "embed_regions": 1,
        "join_shards": 1,
        "model_card": 1,
        "plan_scoring": 1,
        "plot": 7,
        "provenance": 1,
        "report_page": 1,
        "score_shard": 1,
        "track_hub": 1,
        "train_model": 1,
    }
    assert not re.search(r"Job \d+: .*markov", output)


def test_a_default_that_is_written_down_makes_nothing_anew(road, tmp_path):
    touched = road.copy(tmp_path / "touched")
    config = yaml.safe_load((touched.folder / "config.yaml").read_text())
    config |= {"windows": {"promoter": 1000, **config["windows"]}, "split": {"gap": 1024} | config.get("split", {})}
    (touched.folder / "config.yaml").write_text(yaml.safe_dump(dict(reversed(config.items())), sort_keys=False))
    sheet = touched.folder / "models.tsv"
    sheet.write_text(sheet.read_text().replace("steps=5", "warmup=0.1; steps=5"))
    assert not planned(touched.run("--dry-run"))


def test_another_licence_is_written_on_the_card_and_trains_nothing_anew(road, tmp_path):
    touched = road.copy(tmp_path / "touched")
    models = pd.read_csv(touched.folder / "models.tsv", sep="\t", dtype=str, keep_default_na=False)
    touched.sheet("models", models.assign(licence="CC0-1.0").to_dict("records"))
    jobs = planned(touched.run("--dry-run"))
    assert set(jobs) == {"all", "model_card", "benchmark_table", "provenance", "report_page"}
    card = "results/models/tiny/README.md"
    touched.run(card)
    assert "| licence | CC0-1.0 |" in (touched.folder / card).read_text()


def test_another_number_of_draws_asks_no_model_and_draws_no_item_anew(road, tmp_path):
    touched = road.copy(tmp_path / "touched")
    config = touched.folder / "config.yaml"
    config.write_text(config.read_text().replace("draws: 100", "draws: 101"))
    jobs = planned(touched.run("--dry-run"))
    assert jobs.pop("benchmark_summary") == 3
    assert set(jobs) == {"all", "benchmark_table", "plot", "provenance", "report_page"}


def test_a_model_loaded_from_its_folder_scores_as_it_did_when_trained(road, tmp_path):
    project = road.copy(tmp_path / "loaded")
    shutil.copytree(project.results / "models/tiny", project.folder / "given")
    models = pd.read_csv(project.folder / "models.tsv", sep="\t", dtype=str, keep_default_na=False).to_dict("records")
    loaded = {"name": "loaded", "kind": "one_pass", "source": "given", "seen": "toy", "licence": "MIT"}
    project.sheet("models", [*models, loaded])
    shard = "results/scores/toy/{}/0001-of-0001.parquet"
    assert planned(project.run(shard.format("loaded"))) == {"load_model": 1, "plan_scoring": 1, "score_shard": 1}
    scores, before = (pq.read_table(project.folder / shard.format(name)) for name in ("loaded", "tiny"))
    assert scores.equals(before)
    card = json.loads((project.results / "models/loaded/config.json").read_text())
    assert card["seen"] == ["toy"] and card["licence"] == "MIT"
    project.run("results/provenance.json")
    given = project.folder / "given/config.json"
    given.write_text(given.read_text() + "\n")
    os.utime(given, (0, 0))
    done = project.snakemake("--dry-run")
    assert done.returncode and "touch given/config.json, then run again" in done.stdout
    given.touch()
    assert planned(project.run("--dry-run", shard.format("loaded")))["load_model"] == 1


def test_a_cell_that_moves_to_another_column_is_noticed(project):
    contigs = dict(zip("abcd", worlds.road().contigs.values(), strict=False))
    worlds.write_fasta(project.folder / "toy.fa", contigs)
    (project.folder / "b.bed").write_text("b\t0\t5000\n")
    row = {"name": "toy", "fasta": "toy.fa", "include": "^[a-c]$", "test": "^a$", "validation": "bed:b.bed"}
    split = "results/genomes/toy/split.tsv"
    project.configure([row])
    project.run(split)
    for changed, jobs in (
        ({"test": "bed:b.bed", "validation": "^a$"}, {"split": 1}),
        ({"include": "", "exclude": "^[a-c]$"}, {"genome": 1, "split": 1}),
        ({"circular": "^[a-c]$"}, {"genome": 1, "split": 1}),
    ):
        project.sheet("genomes", [{**row, **changed}])
        assert planned(project.run("--dry-run", split)) == jobs
    project.run(split)
    project.sheet("genomes", [row])
    assert planned(project.run("--dry-run", split)) == {"genome": 1, "split": 1}


def test_files_and_numbers_that_change_places_are_noticed(road, tmp_path):
    project = road.copy(tmp_path / "project")
    tracks = [project.folder / f"results/tracks/toy/tiny/{track}.bw" for track in ("llr_A", "llr_C")]
    items = "results/benchmarks/toy/allele_frequency/items.parquet"

    def judge(phylop, phastcons):
        inputs = f"population=calls.vcf;phylop={phylop};phastcons={phastcons}"
        project.sheet("benchmarks", [{"genome": "toy", "task": "allele_frequency", "inputs": inputs}])

    judge(*tracks)
    (project.folder / items).parent.mkdir()
    (project.folder / items).touch()
    os.utime(project.folder / items, (0, 0))  # for --touch to note what it would be made from
    project.run("--touch", items)
    assert not planned(project.run("--dry-run", items))
    judge(*reversed(tracks))
    assert planned(project.run("--dry-run", items)) == {"benchmark_items": 1}
    config = project.folder / "config.yaml"  # whose defaults are 5000 and 100
    config.write_text(config.read_text() + "variants: {longest: 100, neighbours: 5000}\n")
    assert planned(project.run("--dry-run", "variants"))["score_callset"] == 2


def test_to_allow_a_leak_trains_nothing_anew(road, tmp_path):
    project = road.copy(tmp_path / "project")
    config = project.folder / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["split"]["allow_leak"] = True
    config.write_text(yaml.safe_dump(settings))
    jobs = planned(project.run("--dry-run"))
    assert jobs["check_leakage"] == 1 and not {"windows", "train_model", "score_shard"} & jobs.keys()


def test_models_in_another_order_are_listed_anew_and_not_asked_again(road, tmp_path):
    project = road.copy(tmp_path / "project")
    models = pd.read_csv(project.folder / "models.tsv", sep="\t", dtype=str, keep_default_na=False)
    project.sheet("models", models.to_dict("records")[::-1])
    jobs = planned(project.run("--dry-run"))
    assert jobs.pop("plot") and jobs == {
        "all": 1,
        "benchmark_summary": 3,
        "benchmark_table": 1,
        "provenance": 1,
        "report_page": 1,
    }


def test_a_genome_exchanged_for_an_older_file_stops_the_run(road, tmp_path):
    project = road.copy(tmp_path / "project")
    genome = project.folder / "toy.fa"
    genome.write_text(genome.read_text().replace("ACGT", "ACGA"))
    os.utime(genome, (0, 0))
    done = project.snakemake("--dry-run")
    assert done.returncode and "touch toy.fa, then run again" in done.stdout
    genome.touch()
    assert planned(project.run("--dry-run"))["genome"] == 1


def test_a_table_of_contig_names_exchanged_for_an_older_file_stops_the_run(project):
    worlds.write_fasta(project.folder / "toy.fa", {"chr1": b"ACGT" * 500})
    noted, names = project.results / "provenance.json", project.folder / "names.tsv"
    noted.parent.mkdir()
    noted.write_text(json.dumps({"inputs": {"names.tsv": {"sha256": "0" * 64}}}))
    names.write_text("1\tchr1\n")
    os.utime(names, (1e9, 1e9))
    project.configure([{"name": "toy", "fasta": "toy.fa", "contig_aliases": "names.tsv"}])
    done = project.snakemake("-n")
    assert done.returncode and "names.tsv is another file than the results were made from" in done.stdout


def test_a_table_of_contig_names_that_changes_is_read_again(road, tmp_path):
    project = road.copy(tmp_path / "named")
    sheet, table = project.folder / "genomes.tsv", project.folder / "names.tsv"
    table.write_text("NC_0003.1\tchr3\n")
    sheet.write_text(sheet.read_text().replace("NC_0003.1=chr3", "names.tsv"))
    project.run("--touch")
    assert not planned(project.run("--dry-run"))
    table.write_text(table.read_text() + "third\tchr3\n")
    again = planned(project.run("--dry-run"))
    assert again["annotation"] == again["embed_regions"] == again["read_callset"] == 1


def test_another_name_of_a_contig_concerns_only_what_reads_files_that_may_use_it(road, tmp_path):
    project = road.copy(tmp_path / "named")
    sheet = project.folder / "genomes.tsv"
    sheet.write_text(sheet.read_text().replace("NC_0003.1=chr3", "NC_0003.1=chr3,third=chr3"))
    jobs = planned(project.run("--dry-run"))
    assert jobs["annotation"] == jobs["embed_regions"] == jobs["read_callset"] == 1
    assert not {"split", "repeats"} & set(jobs)
