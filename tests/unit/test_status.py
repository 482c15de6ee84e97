"""The command `make status`."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hostile_files import SHEETS, configure

from glmtracks import status
from glmtracks.config import Configuration


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"genomes:\tmy/genomes.tsv\n", "config.yaml is not valid YAML (while scanning"),
        ("genomes: müller.tsv\n".encode("latin-1"), "config.yaml is not valid YAML ('utf-8' codec"),
        (b"- genomes\n", "config.yaml has no keys; write key: value"),
        (None, "config.yaml does not exist; name the configuration of the run"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named_in_a_sentence(tmp_path, content, said):
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"^glmtracks: ") as caught:
        status.main([str(tmp_path / "results"), "--configfile", str(path)])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_of_a_model_without_probabilities_of_bases_only_its_embeddings_are_planned(tmp_path):
    models = {"both": {"kind": "one_pass"}, "embedding": {"kind": "dnabert_s"}, "counted": {"kind": "markov"}}
    genome = {"name": "toy", "scored": True, "models": list(models), "shards": 4, "annotation": "toy.gff"}
    genome |= {"embed_bed": ""}
    tasks = [{"genome": "toy", "task": task, "inputs": {}} for task in ("perplexity", "windows")]
    config = Configuration({"tracks": {"bigwigs": ["entropy"], "tsv": False}}, {"toy": genome}, models, tasks, {})
    assert [row[1:] for row in status.done(tmp_path, config)[1:]] == [
        ("both", "no", "0/4", "0/1", "no", "no", "0/2"),
        ("embedding", "no", "–", "–", "–", "no", "0/1"),
        ("counted", "no", "0/4", "0/1", "no", "–", "0/1"),
    ]


def test_what_is_wanted_besides_counts_too(tmp_path):
    genome = {"scored": True, "models": ["m"], "shards": 1, "embed_bed": "promoters.bed"}
    tracks = {"bigwigs": ["entropy"], "tsv": True}
    config = Configuration({"tracks": tracks}, {"toy": genome}, {"m": {"kind": "one_pass"}}, [], {})
    (tmp_path / "tracks/toy/m").mkdir(parents=True)
    (tmp_path / "tracks/toy/m/entropy.bw").touch()
    (tmp_path / "embeddings/toy").mkdir(parents=True)
    (tmp_path / "embeddings/toy/m.parquet").touch()
    said = dict(zip(*status.done(tmp_path, config), strict=True))
    assert (said["tracks"], said["embeddings"]) == ("1/2", "no")


def test_bases_without_score_and_shards_of_models_that_are_gone_or_of_another_number_of_jobs_are_not_counted(tmp_path):
    for model, shard in (("m", "0001-of-0001"), ("m", "0001-of-0002"), ("gone", "0001-of-0001")):
        scores, times = (tmp_path / folder / "toy" / model for folder in ("scores", "logs/score_shard"))
        for folder in (scores, times):
            folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"entropy": [1.0, None, 1.5, 2.0]}), scores / f"{shard}.parquet")
        (times / f"{shard}.time.tsv").write_text("s\n2.0\n")
    genome = {"scored": True, "models": ["m"], "shards": 1}
    config = Configuration({}, {"toy": genome}, {"m": {"kind": "markov"}}, [], {})
    assert status.speeds(tmp_path, config) == [("toy", "m", 3, 1.5)]


def test_a_damaged_shard_is_named_in_a_sentence_below_what_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(configure(tmp_path, SHEETS)))
    name = "0001-of-0004"
    shard, times = f"scores/sister/m/{name}.parquet", f"logs/score_shard/sister/m/{name}.time.tsv"
    for path, text in ((shard, "PAR1"), (times, "s\n2\n")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(SystemExit, match=rf"^glmtracks: .*{name}.parquet is damaged or cut off"):
        status.main([str(tmp_path), "--configfile", str(tmp_path / "config.yaml")])
    assert "1/4" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "overview"])
def test_a_reader_that_has_enough_ends_the_command_without_a_word(tmp_path, command):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", f"glmtracks.{command}", str(tmp_path)]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b""
