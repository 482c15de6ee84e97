"""A training can be stopped at any moment and goes on exactly, and several processes do the work of one."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file
from training_world import RECIPE, make_corpus

from glmtracks.jobs import STOPPED
from glmtracks.schemas import WORKFLOW
from glmtracks.training import _run, build, logs
from glmtracks.training.checkpoints import read_checkpoint
from glmtracks.training.loop import fit
from glmtracks.windows.corpus import Corpus


@pytest.fixture
def corpus(make_genome) -> Corpus:
    return make_corpus(make_genome)


@pytest.fixture
def job(corpus, tmp_path) -> dict:
    """A training job as files, for processes of their own."""
    files = {"names": [], "fastas": [], "repeats": [], "species": [], "evidence": [], "regions": []}
    tables = {"windows": [], "split": []}
    for member in corpus.genomes:
        bed, regions = tmp_path / f"{member.name}.bed", tmp_path / f"{member.name}.regions.parquet"
        member.repeats.to_csv(bed, sep="\t", header=False, index=False)
        member.regions.to_parquet(regions)
        whole = [{"contig": c, "start": 0, "end": n, "split": "train"} for c, n in member.genome.contigs.items()]
        tables["windows"].append(member.windows.assign(genome=member.name))
        tables["split"].append(pd.DataFrame(whole).assign(genome=member.name))
        row = (member.name, str(member.genome.path), str(bed), member.species, "", str(regions))
        for key, value in zip(files, row, strict=True):
            files[key].append(value)
    pd.concat(tables["windows"]).to_parquet(tmp_path / "windows.parquet")
    pd.concat(tables["split"]).to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    corpus_files = files | {"windows": str(tmp_path / "windows.parquet"), "split": str(tmp_path / "split.tsv")}
    recipe = RECIPE | {"steps": 120, "checkpoint_every": 10, "dropout": 0.1, "species": True}
    return {
        "kind": "one_pass", "parameters": recipe, "corpus": corpus_files, "seed": 1, "threads": 1,
    }  # fmt: skip


def start(job: dict, folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    path = folder / "job.json"
    path.write_text(json.dumps(job | {"folder": str(folder)}))
    code = """
import json, sys
from glmtracks.jobs import job
with job(sys.argv[1] + ".log"):
    from glmtracks.training import train_model
    train_model(**json.load(open(sys.argv[1])))
"""
    library = os.environ | {"PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, str(path)]
    with open(folder / "stderr.txt", "a") as said:
        return subprocess.Popen(command, stderr=said, start_new_session=True, env=library)


def train(job: dict, folder: Path) -> None:
    """The job to its end; where it fails, what it said is what pytest shows."""
    status = start(job, folder).wait()
    assert status == 0, (folder / "stderr.txt").read_text()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def started_to_checkpoint(job: dict, folder: Path) -> subprocess.Popen:
    """The job, when it has written a checkpoint of this start."""
    checkpoint = folder / "checkpoints" / "last.ckpt"
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    process = start(job, folder)
    while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
        time.sleep(0.01)
    assert process.poll() is None, "the run ended before it could be stopped: " + (folder / "stderr.txt").read_text()
    return process


def wait_for_the_end_of_the_group(number: int) -> None:
    """Until no process of a group is left; fails after some minutes."""
    for _ in range(6000):
        try:
            os.killpg(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("processes are left of a job that was killed")


def test_a_run_that_was_killed_and_then_asked_to_end_ends_with_the_weights_of_one_that_was_not(job, tmp_path):
    killed = tmp_path / "killed"
    process = started_to_checkpoint(job, killed)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    other = shutil.copytree(killed, tmp_path / "other")
    process = started_to_checkpoint(job, killed)
    os.killpg(process.pid, signal.SIGTERM)  # what a cluster sends first
    assert process.wait() == STOPPED and (killed / "checkpoints" / "last.ckpt").exists()
    assert (killed / "job.json.log").read_text().splitlines()[-1].startswith("glmtracks: the job was")
    train(job, killed)
    parts = sorted(path.name for path in (killed / "logs" / "csv").iterdir())
    assert len(parts) == 3  # it did go on, and not start anew
    train(job, tmp_path / "whole")
    whole, resumed = weights(tmp_path / "whole"), weights(killed)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    histories = [pd.read_csv(tmp_path / name / "training.tsv", sep="\t") for name in ("whole", "killed")]
    pd.testing.assert_frame_equal(*histories)
    told = json.loads((tmp_path / "whole" / "config.json").read_text())["data"]
    assert [member["species"] for member in told] == job["corpus"]["species"]
    assert not (tmp_path / "whole" / "checkpoints").exists()
    job["parameters"] |= {"steps": 15}
    train(job, other)
    assert [path.name for path in (other / "logs" / "csv").iterdir()] == ["from_step_00000000"]  # another recipe


class Stopped(Exception):
    """What ends a training in the middle."""


class StopAt(Callback):
    """Ends a training at the hook of a number."""

    def __init__(self, number: int):
        self.left = number

    def _hook(self, *_) -> None:
        self.left -= 1
        if not self.left:
            raise Stopped

    on_train_batch_end = on_validation_start = on_validation_epoch_end = on_validation_end = on_train_end = _hook


def test_a_run_that_is_stopped_at_any_moment_and_moved_ends_as_one_that_was_not(
    corpus, make_genome, tmp_path, monkeypatch
):
    monkeypatch.setattr(logs, "LOG_EVERY", 3)  # also of a step whose checkpoint follows no validation
    recipe = RECIPE | {"steps": 6, "validations": 3, "checkpoint_every": 1}  # all validations at steps of checkpoints
    random = "".join(np.random.default_rng(0).choice(list("ACGT"), 200))  # so that an early validation is the best
    for member in corpus.genomes:
        member.genome = make_genome({"a": "ACGGTTACAGTCA" * 200, "b": random}, f"random_{member.name}")

    def result(folder: Path, *callbacks: Callback) -> tuple[list[torch.Tensor], pd.DataFrame]:
        model = build("one_pass", recipe)
        history = fit(model, corpus, recipe, folder, callbacks)
        return list(model.parameters()), history

    whole, history = result(tmp_path / "whole")
    assert history["validation_nats_per_base_outside_repeats"].dropna().argmin() == 0
    for number in range(1, 17):  # hooks of six steps, three validations and the end
        stopped, moved = tmp_path / f"stopped_{number}", tmp_path / f"moved_{number}"
        with pytest.raises(Stopped):
            result(stopped, StopAt(number))
        stopped.rename(moved)
        resumed, resumed_history = result(moved)
        assert all(torch.equal(one, other) for one, other in zip(whole, resumed, strict=True)), number
        pd.testing.assert_frame_equal(history, resumed_history)


def test_a_run_without_validation_that_is_stopped_after_its_last_step_ends_with_the_averaged_weights(corpus, tmp_path):
    recipe = RECIPE | {"steps": 6, "checkpoint_every": 3, "average": 0.5}
    for member in corpus.genomes:
        member.windows = member.windows[member.windows["split"] == "train"]
    whole, stopped, resumed = (build("one_pass", recipe) for _ in range(3))
    fit(whole, corpus, recipe, tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(stopped, corpus, recipe, tmp_path / "stopped", [StopAt(7)])  # the end, behind six steps
    fit(resumed, corpus, recipe, tmp_path / "stopped")
    assert all(map(torch.equal, whole.parameters(), resumed.parameters()))


@pytest.mark.parametrize("half", [",2", "0", ",27,1.3e", "\0\0\0"])
def test_half_a_line_of_the_logs_of_a_run_that_was_stopped_is_not_in_the_history(half, corpus, tmp_path):
    recipe = RECIPE | {"checkpoint_every": 10}
    history = fit(build("one_pass", recipe), corpus, recipe, tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(build("one_pass", recipe), corpus, recipe, tmp_path / "stopped", [StopAt(31)])
    with open(tmp_path / "stopped" / "logs" / "csv" / "from_step_00000000" / "metrics.csv", "a") as log:
        log.write(half)
    resumed = fit(build("one_pass", recipe), corpus, recipe, tmp_path / "stopped")
    pd.testing.assert_frame_equal(history, resumed)


def test_a_damaged_checkpoint_is_none(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"fingerprint": "of this", "global_step": 3, "weights": torch.zeros(100)}, path)
    assert read_checkpoint(path, "of this")["global_step"] == 3
    assert read_checkpoint(path, "of another") is None
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-100], b"no archive"):
        path.write_bytes(damaged)
        assert read_checkpoint(path, "of this") is None
    for place in range(len(whole)):  # a byte that says nothing, as of dates and of padding, may be another
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        content = read_checkpoint(path, "of this")
        assert content is None or (content["global_step"] == 3 and not content["weights"].any())


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()])
def test_a_checkpoint_that_cannot_be_read_for_now_is_not_taken_for_damaged(error, tmp_path, monkeypatch):
    torch.save({"fingerprint": "of this", "global_step": 3}, tmp_path / "last.ckpt")
    monkeypatch.setattr(torch, "load", lambda *_, **__: (_ for _ in ()).throw(error))
    with pytest.raises(type(error)):
        read_checkpoint(tmp_path / "last.ckpt", "of this")


def test_two_processes_give_the_weights_of_one(job, tmp_path):
    job["parameters"] |= {"steps": 8, "dropout": 0.0}  # sums over processes round differently
    train(job, tmp_path / "one")
    job["parameters"]["processes"] = 2
    train(job, tmp_path / "two")
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-5)
    assert [p.name for p in (tmp_path / "two").glob("*.safetensors")] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("said", "sentence"), [("glmtracks: no room\nTraceback of the launcher\n", "no room"), ("Traceback of a bug\n", "")]
)
def test_the_sentence_that_one_of_several_processes_ends_by_is_all_that_is_said_in_the_end(said, sentence, capsys):
    code = f"import sys; print('step 1', flush=True); sys.stderr.write({said!r}); sys.exit(1)"
    assert _run([sys.executable, "-c", code]) == (1, sentence)
    assert capsys.readouterr().err == "step 1\n" + ("" if sentence else said)


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "markov"}', None])
def test_a_job_that_holds_no_arguments_is_named_in_a_sentence(text, tmp_path, monkeypatch):
    job = tmp_path / "job.json"
    if text is not None:
        job.write_text(text)
    monkeypatch.setattr(sys, "argv", ["training", str(job)])
    with pytest.raises(SystemExit, match=r"^glmtracks: .*job\.json does not hold the arguments of .* as JSON \("):
        runpy.run_module("glmtracks.training", run_name="__main__")


def test_several_processes_that_are_killed_or_asked_to_end_do_and_go_on_later(job, tmp_path):
    """The signal reaches Snakemake's job alone, as from a cluster or from kill; the others hear of it."""
    job["parameters"] |= {"processes": 2, "steps": 60, "validations": 30}
    process = started_to_checkpoint(job, tmp_path / "killed")
    process.kill()
    process.wait()
    wait_for_the_end_of_the_group(process.pid)
    process = started_to_checkpoint(job, tmp_path / "killed")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=600) == STOPPED  # and does not wait for a process that is no more
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        os.killpg(process.pid, 0)
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    log = (tmp_path / "killed" / "job.json.log").read_text()
    assert log.splitlines()[-1].startswith("glmtracks: the job was") and "Traceback" not in log
    assert "nats per base outside repeats in validation" in log  # what the others said
    train(job, tmp_path / "killed")
    assert len(list((tmp_path / "killed" / "logs" / "csv").iterdir())) == 3  # it did go on, and not start anew


def test_processes_that_measure_differently_train_in_one_number_format(tmp_path):
    script = tmp_path / "asks.py"
    script.write_text("""
import os, torch
from glmtracks.training import loop
number = int(os.environ["RANK"])
loop.pick_precision = lambda name, device: (torch.bfloat16, torch.float32)[number]
open(f"{os.environ['OUT']}/{number}", "w").write(loop._precision("auto", torch.device("cpu")))
""")
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1", "OUT": str(tmp_path)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    subprocess.run(launcher, env=environment, check=True, timeout=600)
    assert [(tmp_path / number).read_text() for number in "01"] == ["bf16-mixed"] * 2
