"""Reading and checking the configuration and its sheets; imported while the Snakefile is parsed, so kept light.

Everything wrong is collected and reported at once, in sentences that name file, row and key.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass
from hashlib import sha1
from typing import NamedTuple

from glmtracks.benchmarks import BASELINES, TASKS
from glmtracks.download import is_remote, split_region, wrong_scheme
from glmtracks.errors import InputError
from glmtracks.files import ignores_case
from glmtracks.models.registry import (
    KINDS,
    OF_OBJECTIVE,
    is_on_hub,
    is_ours,
    parameters_of,
    read_config,
    wrong_strategy,
)
from glmtracks.schemas import did_you_mean, fill_defaults, schema, violations
from glmtracks.shard_count import count_shards
from glmtracks.sheets import locate, read_sheet
from glmtracks.tabix import parse_regions

SHEETS = ("genomes", "models", "benchmarks", "callsets")
MAY_BE_BED = ("repeats", "test", "validation")  # columns of the genome sheet that take bed:FILE besides words
RESERVED = {"items", "summary", "alleles"}  # file names that stand beside those of models
LONGEST_NAME = 60  # characters of a corpus' name, which becomes a folder


@dataclass
class Configuration:
    """The checked configuration: `settings` with every default filled in, and the sheets as rows keyed by name."""

    settings: dict
    genomes: dict[str, dict]
    models: dict[str, dict]
    benchmarks: list[dict]
    callsets: dict[str, dict]


class NamedCorpus(NamedTuple):
    """What models are trained on: names of genomes, and of genomes that are held out besides, in alphabetical order."""

    name: str
    genomes: list[str]
    held_out: list[str]


def corpus_of(model: dict) -> NamedCorpus:
    """The corpus of a row of the model sheet; rows with the same genomes have the same.

    It is called like its genomes, joined by +, with those held out after a hyphen. Where that is long, or a genome's
    own hyphen makes it ambiguous, by the first genome, the number of the others, and a hash.
    """
    genomes = sorted(set(model["genomes"]))
    held_out = sorted(set(model["held_out"]) - set(genomes))
    name = "-".join("+".join(names) for names in (genomes, held_out) if names)
    ambiguous = bool(held_out) and "-" in "".join(genomes + held_out)
    if len(name) > LONGEST_NAME or ambiguous:
        name = f"{genomes[0]}+{len(genomes) - 1}-{sha1(f'{genomes} {held_out}'.encode()).hexdigest()[:8]}"
    return NamedCorpus(name, genomes, held_out)


def fingerprint(configuration: Configuration) -> str:
    """12 hexadecimal digits that change with any setting or cell of a sheet, but not with how files are laid out.

    The checksum of weights is left out: it changes no result, only whether there is one. So are the models of a genome
    that all score, and the sheet of call sets.
    """
    settings = {key: value for key, value in configuration.settings.items() if key not in SHEETS}
    models = [{key: value for key, value in row.items() if key != "sha256"} for row in configuration.models.values()]
    every = [*configuration.models]
    genomes = [
        {key: value for key, value in row.items() if (key, value) != ("models", every)}
        for row in configuration.genomes.values()
    ]
    rows = [genomes, models, configuration.benchmarks]
    rows = [[{key: value for key, value in row.items() if key != "_where"} for row in sheet] for sheet in rows]
    return sha1(json.dumps([settings, rows], sort_keys=True).encode()).hexdigest()[:12]


def _check_corpora(rows: list[dict], problems: list[str]) -> None:
    """Check that no two corpora have one name, as that of a-b and that of a with b held out."""
    named = {}
    for row in rows:
        if row.get("source") != "train" or not row["genomes"]:
            continue
        corpus = corpus_of(row)
        other = named.setdefault(corpus.name, corpus)
        if other != corpus:
            problems.append(
                f"{row['_where']}, genomes: what it is trained on would be called {corpus.name}, like what another "
                "model is trained on; rename a genome so that none has a hyphen"
            )


def _printable(text: str) -> str:
    """Text in one line, without characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _check_names(rows: list[dict], problems: list[str]) -> None:
    counts = Counter(row.get("name") for row in rows)
    alike = Counter(name.lower() for name in counts if name)
    for row in rows:
        if row.get("name") and counts[row["name"]] > 1:
            problems.append(f"{row['_where']}, name: {row['name']!r} is used by more than one row")
        if row.get("name") and alike[row["name"].lower()] > 1 and ignores_case("results"):
            problems.append(
                f"{row['_where']}, name: {row['name']!r} differs from another only in case, which the file system of "
                "results/ ignores, so their files would be the same; choose another"
            )
        if row.get("name") in RESERVED:
            problems.append(f"{row['_where']}, name: {row['name']!r} is a reserved word; choose another")
        if "kind" in row and row.get("name") in BASELINES:
            problems.append(
                f"{row['_where']}, name: {row['name']!r} is what benchmarks call a baseline; choose another"
            )


def _named(rows: list[dict], problems: list[str]) -> list[str] | None:
    """Names of the rows of a sheet; None where problems left none, of which references to it would say nothing new."""
    return [row["name"] for row in rows if row.get("name")] or (None if problems else [])


def _check_reference(row: dict, column: str, known, what: str, problems: list[str]) -> None:
    if known is None:
        return
    values = row.get(column) or []
    for value in values if isinstance(values, list) else [values]:
        if value not in known:
            hint = did_you_mean(str(value), known)
            others = f"known are {', '.join(known)}" if known else "there is none"
            problems.append(f"{row['_where']}, {column}: {value!r} is not a {what}{hint}; {others}")


def _check_file(row: dict, column: str, problems: list[str]) -> None:
    value = row.get(column, "")
    path = value.removeprefix("bed:") if column in MAY_BE_BED else value
    if column in MAY_BE_BED and path == value:
        return
    if path:
        _check_source(path, f"{row['_where']}, {column}", problems)


def _check_source(source: str, where: str, problems: list[str]) -> None:
    """A path, URL or provider id, with a region or without."""
    file, region = split_region(source)
    if region:
        try:
            parse_regions(region)
        except InputError as error:
            problems.append(f"{where}: {error}")
    elif "#" in source and (is_remote(source) or _only_without_region(source)):
        file = source.partition("#")[0]
        problems.append(
            f"{where}: {source!r} asks for a region, which only a .vcf.gz or .vcf.bgz with an index can give"
        )
    if not is_remote(file):
        _check_path(file, where, problems)
        if os.path.isdir(locate(file)):
            problems.append(f"{where}: {file!r} is a folder; name the file in it")
    elif problem := wrong_scheme(file):
        problems.append(f"{where}: {problem}")


def _only_without_region(path: str) -> bool:
    """Whether there is no such file on this machine, but one called like what stands before #."""
    return not os.path.exists(locate(path)) and os.path.isfile(locate(path.partition("#")[0]))


def _check_path(path: str, where: str, problems: list[str]) -> None:
    if "{" in path or "}" in path:
        problems.append(
            f"{where}: {path!r} has a brace, which Snakemake takes for a wildcard; rename the file or folder"
        )
    elif not os.path.exists(locate(path)):
        problems.append(f"{where}: there is no file {path!r}; give a path from the working directory or a URL")


def _check_inputs(row: dict, problems: list[str]) -> None:
    where, task = f"{row['_where']}, inputs", TASKS[row["task"]]
    known = task.inputs + task.optional
    for key, value in row["inputs"].items():
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            hint = did_you_mean(key, known)
            problems.append(f"{where}: {key!r} is not an input of the task {row['task']}{hint}; {takes}")
        elif not isinstance(value, str):
            problems.append(f"{where}: {key} names no file; write {key}=PATH or {key}=URL")
        elif is_remote(value) and "://" not in value:  # providers have genomes and annotations only
            _check_path(value, f"{where}, {key}", problems)
        else:
            _check_source(value, f"{where}, {key}", problems)


def _check_genomes(rows: list[dict], names: list[str] | None, problems: list[str]) -> None:
    for row in rows:
        row["species"] = row["species"] or row.get("name", "")
        others = names and [name for name in names if name != row.get("name")]
        _check_reference(row, "outgroups", others, "genome other than this one", problems)
        for column in ("fasta", "annotation", "evidence", "embed_bed", "neutral", *MAY_BE_BED):
            _check_file(row, column, problems)


def _check_models(rows: list[dict], genomes: list[str] | None, problems: list[str]) -> None:
    for row in rows:
        _check_reference(row, "kind", KINDS, "kind of model", problems)
        for column in ("genomes", "held_out"):
            _check_reference(row, column, genomes, "genome of the genome sheet", problems)
        if row.get("source") == "train" and not row["genomes"]:
            problems.append(f"{row['_where']}, genomes: is empty; a model to train needs the genomes to train it on")
        if row.get("source") not in (None, "train") and not is_on_hub(row["source"]):
            _check_model_folder(row, problems)
        if row.get("kind") in KINDS:
            if KINDS[row["kind"]].published and row.get("source") == "train":
                problems.append(
                    f"{row['_where']}, source: a model of kind {row['kind']} is loaded, not trained; give a folder or "
                    "hub:owner/name@revision"
                )
            _check_strategy(row, problems)
            _check_parameters(row, problems)
    _check_corpora(rows, problems)


def _check_strategy(row: dict, problems: list[str]) -> None:
    """Check that a kind of model can be asked by the strategy of its row; what is none the schema refuses."""
    facts, strategies = KINDS[row["kind"]], {name for names in OF_OBJECTIVE.values() for name in names}
    if not facts.scores and row["strategy"] != "auto":
        problems.append(
            f"{row['_where']}, strategy: a model of kind {row['kind']} has embeddings alone and is asked for "
            "no probabilities; leave it empty"
        )
    elif row["strategy"] in strategies and (problem := wrong_strategy(row["kind"], facts.objective, row["strategy"])):
        problems.append(f"{row['_where']}, strategy: {problem}")


def _check_model_folder(row: dict, problems: list[str]) -> None:
    _check_path(row["source"], f"{row['_where']}, source", problems)
    if not is_ours(locate(row["source"])):
        return
    try:
        kind = read_config(locate(row["source"]))["kind"]
    except InputError as error:
        problems.append(f"{row['_where']}, source: {error}")
    else:
        if row.get("kind") in KINDS and row["kind"] != kind:
            problems.append(f"{row['_where']}, kind: {row['source']} holds a model of kind {kind}; correct the sheet")
    if row["parameters"]:
        problems.append(
            f"{row['_where']}, parameters: the model in {row['source']} has its own, which stay; leave it empty"
        )


def _check_parameters(row: dict, problems: list[str]) -> None:
    """Check the parameters of a model against those of its kind, and fill in defaults."""
    rules, where = schema(parameters_of(row["kind"])), f"{row['_where']}, parameters"
    wrong = violations(row["parameters"], rules, where)
    problems += wrong
    row["parameters"] = known = fill_defaults(row["parameters"], rules)
    if wrong or not known.get("steps"):  # nothing is shared where nothing is trained
        return
    if known["processes"] > 1 and known["batch"] % known["processes"]:
        problems.append(
            f"{where}: batch = {known['batch']} windows cannot be divided among processes = {known['processes']}; "
            "change one of them"
        )


def _scores(row: dict) -> bool:
    """Whether a row of the model sheet is of a kind that gives probabilities of bases, or of none."""
    return row.get("kind") not in KINDS or KINDS[row["kind"]].scores


def _check_uses(
    sheets: dict[str, list[dict]], genomes: dict[str, dict], names: dict[str, list[str] | None], problems: list[str]
) -> None:
    benchmarks, callsets, models = sheets["benchmarks"], sheets["callsets"], names["models"] or []
    embedding = {row["name"]: row["kind"] for row in sheets["models"] if row.get("name") and not _scores(row)}
    scored = names["genomes"] and [row["name"] for row in sheets["genomes"] if row.get("name") and row["scored"]]
    for row in genomes.values():
        _check_reference(row, "models", names["models"], "model of the model sheet", problems)
        if row["models"] and not row["scored"]:
            problems.append(f"{row['_where']}, models: score nothing where the column scored is no; leave it empty")
        row["models"] = [name for name in models if name in row["models"]] or models
        for name in row["models"] if row["embed_bed"] else []:
            if f"{name}.regions" in row["models"]:
                problems.append(
                    f"{row['_where']}, embed_bed: what {name} makes of it is called {name}.regions, like another "
                    "model; rename that"
                )
    for row in benchmarks:
        _check_reference(row, "task", TASKS, "task", problems)
        if row.get("task") in TASKS:
            _check_inputs(row, problems)
        _check_reference(row, "genome", scored, "scored genome of the genome sheet", problems)
    for row in callsets:
        _check_reference(row, "genome", names["genomes"], "genome of the genome sheet", problems)
        _check_reference(row, "models", names["models"], "model of the model sheet", problems)
        for name in row["models"]:
            if name in embedding:
                problems.append(
                    f"{row['_where']}, models: {name!r} is of kind {embedding[name]}, which has embeddings alone and "
                    "scores no variants; leave it out"
                )
        scoring = genomes[row["genome"]]["models"] if row.get("genome") in genomes else models
        row["models"] = row["models"] or [name for name in scoring if name not in embedding]
    pairs = Counter((row.get("genome"), row.get("task")) for row in benchmarks)
    for row in benchmarks:
        if pairs[row.get("genome"), row.get("task")] > 1:
            problems.append(
                f"{row['_where']}: genome {row.get('genome')!r} and task {row.get('task')!r} stand in more than one row"
            )
    for row in callsets:
        _check_file(row, "vcf", problems)
        if row["sha256"] and split_region(row.get("vcf", ""))[1]:
            problems.append(
                f"{row['_where']}, sha256: is that of a whole file, of which only a region is fetched; leave it empty"
            )


def _check_settings(settings: dict, problems: list[str]) -> None:
    windows, split = settings["windows"], settings["split"]
    if split["gap"] < windows["size"] + windows["jitter"]:
        problems.append(
            f"configuration, split.gap: {split['gap']} is below windows.size + windows.jitter = "
            f"{windows['size'] + windows['jitter']}; windows of different parts would overlap"
        )
    if split["test"] + split["validation"] >= 1:
        problems.append("configuration, split: test and validation together leave nothing to train on")


def load(config: dict) -> Configuration:
    """Check a configuration and the sheets that it names.

    Raises `InputError` with one line for each violation, all of them at once.
    """
    rules = schema("config")
    problems = violations(config, rules, "configuration")
    settings = fill_defaults({k: v for k, v in config.items() if k in rules["properties"]}, rules)
    if problems:  # sheets cannot be trusted to be found, but report on those that can
        settings = {
            **fill_defaults({}, rules),
            **{k: v for k, v in settings.items() if k in SHEETS and isinstance(v, str)},
        }
    else:
        _check_settings(settings, problems)
    sheets = {name: read_sheet(settings[name], name, problems) for name in SHEETS}
    names = {name: _named(sheets[name], problems) for name in ("genomes", "models")}
    for name in ("genomes", "models", "callsets"):
        _check_names(sheets[name], problems)
    genomes = {row["name"]: row for row in sheets["genomes"] if row.get("name")}
    _check_genomes(sheets["genomes"], names["genomes"], problems)
    _check_models(sheets["models"], names["genomes"], problems)
    _check_uses(sheets, genomes, names, problems)
    if problems:
        lines = (f"  - {_printable(problem)}" for problem in problems)
        raise InputError("\n".join([f"{len(problems)} problem(s) in the configuration:", *lines]))
    for row in genomes.values():
        row["shards"] = row["shards"] or count_shards(locate(row["fasta"]), settings["shards"])
    models, callsets = ({row["name"]: row for row in sheets[name]} for name in ("models", "callsets"))
    return Configuration(settings, genomes, models, sheets["benchmarks"], callsets)
