"""Whether a model has seen what it is judged by, where training did not hold that out: as far as what it saw is here.

A loaded model brings no corpus along, only names of genomes, contigs that were held out of its training, and how much
was purged for them. Of a model that was trained here on other genomes, their training part is known. Of the test part
of a genome there are, for such models,

    sequence that it was trained on    of a genome that it saw, on contigs that config.json does not list as held out
    sequence that was held out for it  on contigs so listed, where config.json tells that what shares sequence with
                                       them was purged from its training: so nothing of it can stand there
    all other sequence                 compared, as `glmtracks.windows.leakage` does, with the training part of the
                                       genomes that it saw, or with all of them but their held-out contigs

What stands in genomes that are no rows of the genome sheet, or that nobody named, is unknown, and said to be.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from glmtracks.bed import read_bed
from glmtracks.benchmarks.table import seen_status
from glmtracks.errors import InputError
from glmtracks.files import write_json
from glmtracks.genome import Genome
from glmtracks.intervals import tile
from glmtracks.models.registry import read_config
from glmtracks.windows.corpus import Corpus, CorpusGenome
from glmtracks.windows.kmer_sets import K
from glmtracks.windows.leakage import FAIL, WARN, lint
from glmtracks.windows.split import read_split

logger = logging.getLogger(__name__)

NO_NAMES = ("none", "unknown")  # what stands in `seen` beside names of genomes
ORDER = ("fail", "warn", "unknown", "ok")  # of what is found, the first is the verdict


def lint_seen(
    *,
    model_folder: Path,
    genome: str,
    fasta: Path,
    repeats: Path,
    split: Path,
    seen: dict[str, tuple[Path, Path]],
    leakage_settings: dict,
    destination: Path,
    trained_on: Path | None = None,
    threads: int = 1,
) -> None:
    """Write what of a genome's test part a model has seen, as JSON (see `look`, with purge and allow_leak).

    genome            its name in the genome sheet; fasta, repeats (BED) and split (split.tsv) are its files
    seen              name -> FASTA and repeats of the genomes that the model saw and that are rows of the sheet
    leakage_settings  purge, related and allow_leak of the configuration's split
    trained_on        split.tsv of the corpus of a model that was trained here

    Raises InputError, and writes nothing, where that is too much and `allow_leak` is not set.
    """
    table = read_split(split)
    test = table.loc[table["split"] == "test", ["contig", "start", "end", "split"]].reset_index(drop=True)
    member = _member(genome, fasta, repeats, test)
    mode, related = leakage_settings["purge"], leakage_settings["related"]
    training = None if trained_on is None else read_split(trained_on).query("split == 'train'")
    found = look(read_config(model_folder), member, seen, mode, related, threads, training)
    found = {"model": Path(model_folder).name, "genome": genome, **found, **leakage_settings}
    message = f"{found['model']} on {genome}: {found['summary']}"
    if found["verdict"] == "fail" and not leakage_settings["allow_leak"]:
        way_out = "benchmark it on contigs or genomes that it did not see, leave the model out"
        if trained_on is not None:
            way_out = f"name {genome} in the column held_out of {found['model']}, so that training is purged of it"
        raise InputError(f"{message} (limit {100 * found['limit']:g}%); {way_out}, or set split.allow_leak: true")
    logger.log(logging.INFO if found["verdict"] == "ok" else logging.WARNING, f"{message} ({found['verdict']})")
    write_json(destination, found)


def _member(name: str, fasta: Path, repeats: Path, split: pd.DataFrame) -> CorpusGenome:
    return CorpusGenome(name, Genome(fasta), read_bed(repeats), split, pd.DataFrame())


def look(
    config: dict,
    judged: CorpusGenome,
    seen: dict[str, tuple[Path, Path]],
    mode: str = "stretches",
    related: float = 0.02,
    threads: int = 1,
    training: pd.DataFrame | None = None,
) -> dict:
    """What of the test part of a genome a model was trained on.

    config   its config.json: seen, held_out (genome -> contigs) and purged (genome -> bases), as training writes them
    judged   the genome; all rows of its split are the test part
    seen     as of `lint_seen`
    mode, related  as of `leakage.lint`
    training  intervals that the model was trained on (genome, contig, start, end), where they are known

    Returns seen (the status that results carry), compared and absent (names of genomes), bases (of the test part, and
    of it trained on, protected and asked about), shared_share (of the 21-mers of the bases asked about), aligned_share,
    closest, the limit, the verdict (ok, warn, fail as of `leakage.lint`, or unknown) and a summary in words.
    """
    listed, test = config.get("seen", ["unknown"]), judged.split
    held_out = config.get("held_out", {})
    names = [name for name in listed if name not in NO_NAMES]
    own = test["contig"].isin(held_out.get(judged.name, []))
    trained = ~own & (judged.name in names)
    protected = own & (judged.name in names) & (config.get("purged", {}).get(judged.name, 0) > 0)
    bases = {
        "test": _bases(test), "trained": _bases(test[trained]), "protected": _bases(test[protected]),
        "asked": _bases(test[~trained & ~protected]),
    }  # fmt: skip
    found = {
        "seen": seen_status({**config, "loaded": True}, judged.name, set(test["contig"])),
        "compared": [name for name in names if name in seen],
        "absent": [name for name in names if name not in seen],
        "bases": bases,
        "shared_share": None,
        "aligned_share": None,
        "closest": None,
        "limit": FAIL,
    }
    share = bases["trained"] / max(bases["test"], 1)
    verdicts = {"fail" if share > FAIL else "warn" if share > WARN else "ok"}
    if found["absent"] or "unknown" in listed:
        verdicts.add("unknown")
    if "fail" not in verdicts and bases["asked"] and found["compared"]:
        member = CorpusGenome(judged.name, judged.genome, judged.repeats, test[~trained & ~protected], judged.windows)
        others = [_trained_part(name, *seen[name], held_out.get(name, []), training) for name in found["compared"]]
        told = lint(Corpus([*others, member]), mode, related, threads)
        verdicts.add(told["verdict"])
        found |= {key: told["parts"]["test"][key] for key in ("shared_share", "aligned_share")}
        found |= {"closest": told["closest"], "limit": told["limit"]}
    verdict = next(word for word in ORDER if word in verdicts)
    return {**found, "verdict": verdict, "summary": _in_words(found, listed)}


def _trained_part(
    name: str, fasta: Path, repeats: Path, held_out: Iterable[str], training: pd.DataFrame | None
) -> CorpusGenome:
    """A genome that a model saw: the part that it was trained on, or all but the contigs that were held out."""
    if training is None:
        whole = tile(Genome(fasta).contigs).assign(split="train")
        part = whole[~whole["contig"].isin(list(held_out))]
    else:
        part = training.loc[training["genome"] == name, ["contig", "start", "end", "split"]]
    return _member(name, fasta, repeats, part.reset_index(drop=True))


def _bases(table: pd.DataFrame) -> int:
    return int((table["end"] - table["start"]).sum())


def _in_words(found: dict, listed: list[str]) -> str:
    """What was found, in one sentence; what is unknown comes last."""
    bases, told = found["bases"], []
    if list(listed) == ["none"]:
        return "it was trained on no genome"
    if bases["trained"]:
        told.append(f"it was trained on {bases['trained']:,} of the {bases['test']:,} bases of the test part")
    if bases["protected"]:
        which = "all" if bases["protected"] == bases["test"] else f"{bases['protected']:,} of the"
        told.append(
            f"{which} {bases['test']:,} bases of the test part were held out of its training, and what shares sequence "
            "with them was purged from it, as its config.json says"
        )
    where = f"what it saw of {' and '.join(found['compared'])}"
    if found["closest"] is not None:
        share = found["closest"]["share"]
        told.append(f"no contig of {where} shares more than {share:.1%} of its {K}-mers with one of the test part")
    elif found["shared_share"] is not None:
        shares = f"{found['shared_share']:.1%} of the {K}-mers and {found['aligned_share']:.1%} of the bases"
        told.append(f"{shares} of the test part also stand in {where}")
    if found["absent"]:
        plural = "sequence is" if len(found["absent"]) == 1 else "sequences are"
        told.append(f"unknown for {', '.join(found['absent'])}, whose {plural} not here")
    if "unknown" in listed:
        told.append("what else it saw is unknown" if found["compared"] or found["absent"] else "what it saw is unknown")
    return "; ".join(told)
