"""Training a model on the windows of a corpus, with Lightning."""

import inspect
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from glmtracks.errors import InputError
from glmtracks.files import atomic, sha256, write_json
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.registry import model_class, save
from glmtracks.scoring.devices import pick_device, pick_precision
from glmtracks.scoring.strategies import choose
from glmtracks.training.packed import PackedCorpus
from glmtracks.training.validation import FINAL_WINDOWS, WINDOWS, validate
from glmtracks.windows.corpus import Corpus, CorpusGenome

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"  # where they lie in the folder of a training
SENTENCE = "glmtracks: "  # what the sentence begins with that tells a person why a process ended


def train_model(**job) -> None:
    """Train a new model of a kind on a corpus and write its folder; see `run` for the job.

    The parameter `processes` says how many share each batch; 0 means one for each GPU, as many of them as the batch can
    be divided among, or one where there is none. The result is that of one process, up to rounding, and to which
    channels are dropped out, which each draws for itself.
    """
    parameters, gpus = job["parameters"], torch.cuda.device_count()
    processes = parameters.get("processes", 1) or _sharing(parameters["batch"], gpus)
    if processes == 1 or not parameters["steps"]:
        run(**job)
        return
    if 0 < gpus < processes:
        raise InputError(
            f"processes = {processes} need a GPU each, and there {'is' if gpus == 1 else 'are'} {gpus} here; change "
            "processes, or train where there are as many"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file, default=str)  # paths
        file.flush()
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        # the other processes end when this one does, even killed, so that no two runs write to one folder
        command = [*launcher, "-m", "glmtracks.training", file.name, "--while-stdin-is-open"]
        status, sentence = _run(command)
        if status:
            raise InputError(sentence or f"training in {processes} processes failed; what they said stands above")


def _sharing(batch: int, gpus: int) -> int:
    """The most processes, one for each GPU, that can share a batch evenly."""
    return next(count for count in range(max(gpus, 1), 0, -1) if batch % count == 0)


def _run(command: list[str]) -> tuple[int, str]:
    """The status of a command, and the sentence for a person that it ended by, if any.

    What it says before that is said here; behind it the launcher only tells where in its own code it noticed. The
    command is asked to end where this process is.
    """
    ending = ""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while said := process.stdout.read1():
                before, mark, behind = (ending + said.decode(errors="replace")).partition(SENTENCE)
                sys.stderr.write(before)
                sys.stderr.flush()
                ending = mark + behind
            return process.wait(), ending.removeprefix(SENTENCE).partition("\n")[0]
        except BaseException:
            process.terminate()
            process.communicate()
            raise


def run(
    *,
    kind: str,
    parameters: dict,
    corpus: dict,
    seed: int,
    threads: int,
    folder: str | Path,
) -> None:
    """Train a new model and write to `folder`: weights, config.json, metrics.json and training.tsv.

    `parameters` holds the architecture (what the class of the kind takes) and the recipe of its training; a seed in
    them takes precedence over `seed`. `corpus` holds the arguments of `Corpus.read`. Called in each of several
    processes by torchrun, or alone.
    """
    folder = Path(folder)
    torch.set_num_threads(max(threads // int(os.environ.get("LOCAL_WORLD_SIZE", 1)), 1))
    read, parameters = Corpus.read(**corpus), {"seed": seed, **parameters}
    species = tuple(dict.fromkeys(member.species for member in read.genomes)) if parameters.get("species") else ()
    model = build(kind, parameters, species)
    history = model.fit(read, parameters, folder)
    if int(os.environ.get("RANK", 0)):
        return
    trained = parameters.get("steps", 1) > 0  # a Markov chain is counted, in no steps
    metrics = _metrics(model, PackedCorpus(read, species), parameters, FINAL_WINDOWS if trained else WINDOWS)
    seen = [member.name for member in read.genomes] if trained else ["none"]
    held_out = {member.name: _without_training(member.split) for member in read.genomes}
    purged = {member.name: _purged(member.split) for member in read.genomes}
    save(
        model,
        folder,
        seen=seen,
        held_out=held_out,
        purged=purged,
        training=parameters,
        receptive_field=model.receptive_field,
        data=[described(member) for member in read.genomes],
    )
    write_json(folder / "metrics.json", metrics)
    with atomic(folder / "training.tsv") as temporary:
        history.to_csv(temporary, sep="\t", index=False, float_format="%.5f")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # until now a run that is stopped goes on from them


def _metrics(model: GenomicLanguageModel, packed: PackedCorpus, parameters: dict, windows: int) -> dict:
    """The content of metrics.json: how large a model is, and how well it predicts what it was trained on and what not.

    Asked about at most `windows` windows for validation, and fewer by a model that needs several passes for each.
    """
    metrics = {"parameters": sum(p.numel() for p in model.parameters())}
    device, passes = pick_device("auto"), choose(model).passes(model, packed.size)
    precision = pick_precision(parameters["precision"], device) if "precision" in parameters else torch.float32
    model.to(device).eval()  # one that took no step would still drop channels out
    for part, most in (("train", WINDOWS), ("validation", windows)):
        metrics |= validate(model, packed, part, max(most // passes, 10), precision)
    model.cpu()
    for key, value in metrics.items():
        logger.info(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value:,}")
    return metrics


def _without_training(split: pd.DataFrame) -> list[str]:
    """Contigs of a split of which nothing is trained on."""
    trained = split["contig"][split["split"] == "train"]
    return list(dict.fromkeys(split["contig"][~split["contig"].isin(trained)]))


def _purged(split: pd.DataFrame) -> int:
    """Bases that were taken out of contigs of which other bases are trained on."""
    rows = split[(split["split"] == "purged") & ~split["contig"].isin(_without_training(split))]
    return int((rows["end"] - rows["start"]).sum())


def described(member: CorpusGenome) -> dict:
    """What the card of a model tells of a genome of its corpus."""
    lengths = member.split["end"] - member.split["start"]
    bases = lengths.groupby(member.split["split"]).sum().to_dict()
    windows = member.windows["split"].value_counts().to_dict()
    return {
        "name": member.name,
        "species": member.species,
        "sha256": sha256(member.genome.path),
        "contigs": len(member.genome.contigs),
        "bases": bases,
        "windows": windows,
        "repetitions": member.repetitions,
        "evidence": member.evidence.name if member.evidence else "",
    }


def build(kind: str, parameters: dict, species: tuple[str, ...] = ()) -> GenomicLanguageModel:
    """A new, untrained model of a kind, with initial weights drawn by `parameters["seed"]`."""
    torch.manual_seed(parameters["seed"])
    cls = model_class(kind)
    known = {**parameters, "species": list(species)}
    return cls(**{key: known[key] for key in inspect.signature(cls).parameters if key in known})
