"""Every configuration that comes with the workflow can be planned, with neither data nor network."""

import pytest
from conftest import CHECKOUT, planned, snakemake

PRESETS = sorted((CHECKOUT / "config/presets").glob("*.yaml"))
NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "ftp_proxy", "all_proxy"), "http://127.0.0.1:9")


def test_the_presets_of_the_readme_are_there():
    named = {"arabidopsis", "human", "human_chr20", "human_mito", "human_mito_demo", "yeast", "yeast_genome"}
    assert named <= {preset.stem for preset in PRESETS}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_preset_is_planned_without_data_or_network(tmp_path, preset):
    done = snakemake(tmp_path, "--dry-run", "--configfile", str(preset), environment=NO_NETWORK)
    assert done.returncode == 0, done.stdout
    jobs = planned(done.stdout)
    assert jobs["genome"] >= 1 and jobs["bigwig"] >= 5 and jobs["report_page"] == 1
    assert {path.name for path in tmp_path.iterdir()} <= {".snakemake"}
    assert "Warning" not in done.stdout


def test_the_demo_is_three_genomes_four_models_five_tasks(tmp_path):
    done = snakemake(tmp_path, "--dry-run", environment=NO_NETWORK)
    genomes, scored, models, embedding, tasks, shards, tracks, annotated, plots = 3, 1, 4, 2, 5, 2, 6, 2, 9
    assert planned(done.stdout) == {
        "all": 1,
        "genome": genomes,
        "annotation": scored,
        "repeats": scored,
        "regions": scored,
        "split": scored,
        "windows": scored,
        "check_leakage": scored,
        "train_model": models - 1,
        "model_card": models - 1,
        "load_model": 1,
        "list_contigs": scored,
        "plan_scoring": models,
        "score_shard": shards * models,
        "join_shards": models,
        "calibrate": models,
        "bigwig": tracks * models,
        "track_hub": models,
        "two_bit": scored,
        "read_callset": 1,
        "score_callset": annotated,
        "annotate_variants": annotated,
        "embed": embedding,
        "benchmark_items": tasks,
        "benchmark_scores": (tasks - 1) * models,
        "benchmark_embeddings": embedding,
        "lint_seen": 1,
        "benchmark_summary": tasks,
        "benchmark_table": 1,
        "plot": plots,
        "provenance": 1,
        "report_page": 1,
    }


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("genomes", {"genome": 3, "annotation": 1, "repeats": 1, "regions": 1, "list_contigs": 1}),
        (
            "models",
            {
                "genome": 3 - 2,
                "annotation": 1,
                "repeats": 1,
                "regions": 1,
                "split": 1,
                "windows": 1,
                "check_leakage": 1,
                "train_model": 3,
                "model_card": 3,
                "load_model": 1,
            },
        ),
    ],
)
def test_a_target_of_the_readme_makes_no_more_than_it_needs(tmp_path, target, rules):
    assert planned(snakemake(tmp_path, "--dry-run", target).stdout) == {**rules, target: 1}


def test_snakemake_finds_nothing_to_complain_about(tmp_path):
    done = snakemake(tmp_path, "--lint")
    assert done.returncode == 0, done.stdout
    assert "your workflow is in a good condition" in done.stdout


def test_every_published_model_is_planned_without_data_or_network(tmp_path):
    (tmp_path / "callsets.tsv").write_text("name\tgenome\tvcf\n")
    sheets = ("models=config/models/published.tsv", "callsets=callsets.tsv")
    done = snakemake(tmp_path, "--dry-run", "--config", *sheets, environment=NO_NETWORK)
    assert done.returncode == 0, done.stdout
    sheet = (CHECKOUT / "config/models/published.tsv").read_text().splitlines()
    rows = [line for line in sheet if not line.startswith("#")][1:]
    jobs = planned(done.stdout)
    assert jobs["load_model"] == jobs["plan_scoring"] == jobs["embed"] == len(rows) and "train_model" not in jobs
    assert jobs["join_shards"] == jobs["track_hub"] == len(rows) - 1  # one has embeddings alone


def test_another_workflow_may_take_this_one_in(tmp_path):
    lines = [
        "module tracks:",
        f'    snakefile: "{CHECKOUT / "Snakefile"}"',
        "    config: config",
        "use rule * from tracks as tracks_*",
        "import os",
        f'assert os.environ["PYTHONPATH"] == "{CHECKOUT / "workflow"}"',
        "rule mine:",
        "    input: rules.tracks_models.input",
        "    default_target: True",
    ]
    (tmp_path / "Snakefile").write_text("\n".join(lines) + "\n")
    done = snakemake(tmp_path, "--dry-run", "-s", "Snakefile", "--config", "seed=1")
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout)["tracks_train_model"] == 3
