"""What is done of a run, and how long it took: `python -m glmtracks.status results` or `make status`.

The plan is the configuration, what is done is what lies in results/, and times are the tables beside the logs.
"""

import argparse
import csv
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from glmtracks.benchmarks import TASKS, missing_inputs
from glmtracks.config import Configuration, load
from glmtracks.errors import InputError
from glmtracks.models.registry import KINDS
from glmtracks.overview import aligned
from glmtracks.parquet import read_footer
from glmtracks.shard_count import shard_names
from glmtracks.sheets import locate

CONFIG = "config/config.yaml"
_HEADER = ("genome", "model", "trained", "scored", "tracks", "hub", "embeddings", "benchmark")
_SHARD = re.compile(r"\d+-of-(\d+)")


@dataclass(frozen=True)
class Stage:
    """The finished jobs of one rule.

    rule   its name
    jobs   how many
    wall   seconds from the start of the first to the end of the last
    busy   seconds of all jobs together
    """

    rule: str
    jobs: int
    wall: float
    busy: float


def done(results: str | Path, config: Configuration) -> list[tuple[str, ...]]:
    """A row for each scored genome and each model, in the words of the table; the header first.

    Parts that are counted stand as finished/planned. "–" is what is not planned.
    """
    results, rows = Path(results), [_HEADER]
    wanted = config.settings["tracks"]
    track_files = [f"{name}.bw" for name in wanted["bigwigs"]] + ["snvs.tsv.gz"] * wanted["tsv"]
    for genome, about in config.genomes.items():
        if not about["scored"]:
            continue
        rows_of = [row for row in config.benchmarks if row["genome"] == genome]
        runnable = [row["task"] for row in rows_of if not missing_inputs(row["task"], about, row["inputs"])]
        for model in about["models"]:
            kind = KINDS[config.models[model]["kind"]]
            tasks = [task for task in runnable if (kind.embeds if TASKS[task].embeds else kind.scores)]
            tracks = results / "tracks" / genome / model
            embeddings = [f"{model}.parquet"] + [f"{model}.regions.parquet"] * bool(about["embed_bed"])
            scored = (
                _shards(results / "scores" / genome / model, about["shards"]),
                _count(tracks / name for name in track_files),
                _yes(tracks / "track_hub" / "hub.txt"),
            )
            rows.append(
                (
                    genome,
                    model,
                    _yes(results / "models" / model / "config.json"),
                    *(scored if kind.scores else ["–"] * len(scored)),
                    _yes(*(results / "embeddings" / genome / name for name in embeddings)) if kind.embeds else "–",
                    _count(results / "benchmarks" / genome / task / f"{model}.parquet" for task in tasks),
                )
            )
    return rows


def _yes(*paths: Path) -> str:
    return "yes" if all(path.exists() for path in paths) else "no"


def _count(paths: Iterable[Path]) -> str:
    found = [path.exists() for path in paths]
    return f"{sum(found)}/{len(found)}" if found else "–"


def _shards(folder: Path, planned: int) -> str:
    found = [path for path in folder.glob("*.parquet") if (cut := _SHARD.match(path.stem)) and int(cut[1]) == planned]
    return f"{len(found)}/{planned}"


def stages(results: str | Path, since: float = 0) -> list[Stage]:
    """The rules whose jobs ended after `since` (seconds of the epoch), in the order in which they began."""
    logs, times = Path(results) / "logs", defaultdict(list)
    for table in logs.rglob("*.time.tsv"):
        ended = table.stat().st_mtime
        if ended >= since and (seconds := _seconds(table)) is not None:
            times[table.relative_to(logs).parts[0].removesuffix(".time.tsv")].append((ended - seconds, ended))
    found = [
        (min(begin for begin, _ in jobs), Stage(rule, len(jobs), _span(jobs), sum(end - begin for begin, end in jobs)))
        for rule, jobs in times.items()
    ]
    return [stage for _, stage in sorted(found, key=lambda one: one[0])]


def _seconds(table: Path) -> float | None:
    """The wall time in a table of Snakemake's benchmark directive."""
    with table.open(newline="") as handle:
        row = next(csv.DictReader(handle, delimiter="\t"), None)
    return float(row["s"]) if row and row.get("s") not in (None, "", "NA") else None


def _span(jobs: list[tuple[float, float]]) -> float:
    return max(end for _, end in jobs) - min(begin for begin, _ in jobs)


def speeds(results: str | Path, config: Configuration, since: float = 0) -> list[tuple[str, str, int, float]]:
    """Genome, model, bases scored, and bases per second of one job, of the shards that were scored after `since`.

    Shards of rows that are gone, or of another number of them, may lie there still and count for nothing.
    """
    results, found = Path(results), defaultdict(lambda: [0, 0.0])
    planned = (
        (genome, model, name)
        for genome, about in config.genomes.items()
        if about["scored"]
        for model in about["models"]
        for name in shard_names(about["shards"])
    )
    for genome, model, name in planned:
        table = results / "logs" / "score_shard" / genome / model / f"{name}.time.tsv"
        shard = results / "scores" / genome / model / f"{name}.parquet"
        if table.exists() and table.stat().st_mtime >= since and shard.exists() and (seconds := _seconds(table)):
            found[genome, model][0] += _scored(shard)
            found[genome, model][1] += seconds
    return [(*names, bases, bases / seconds) for names, (bases, seconds) in found.items()]


def _scored(shard: Path) -> int:
    """Bases of a shard that have a score: of a model that is asked about the test part alone, most have none."""
    footer = read_footer(shard, "shard of scores")
    column = footer.schema.names.index("entropy")
    groups = (footer.row_group(number).column(column) for number in range(footer.num_row_groups))
    return footer.num_rows - sum(group.statistics.null_count for group in groups)


def timing(results: str | Path, config: Configuration, since: float = 0) -> list[str]:
    """Lines that close a run: wall time of each stage, and how fast genomes were scored; none if nothing was done."""
    rows = [(one.rule, f"{one.jobs:,}", duration(one.wall), duration(one.busy)) for one in stages(results, since)]
    if not rows:
        return []
    lines = aligned([("stage", "jobs", "wall time", "time of all jobs"), *rows])
    fast = [(*names, f"{bases:,}", f"{speed:,.0f}") for *names, bases, speed in speeds(results, config, since)]
    if fast:
        lines += ["", *aligned([("genome", "model", "bases scored", "bases per second and job"), *fast])]
    return lines


def duration(seconds: float) -> str:
    """Seconds in the two units that fit them best.

    >>> duration(7), duration(75), duration(7500)
    ('7 s', '1 min 15 s', '2 h 05 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def _read_settings(file: str) -> dict:
    """What a configuration file says; raises `InputError` where there is none, or none that can be read."""
    path = Path(locate(file))
    if not path.is_file():
        raise InputError(f"{file} does not exist; name the configuration of the run: --configfile")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not valid YAML ({' '.join(str(error).split())}); correct it") from None
    if not isinstance(settings, dict):
        raise InputError(f"{file} has no keys; write key: value, a line each")
    return settings


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m glmtracks.status", description="What is done of a run.")
    parser.add_argument("results", nargs="?", default="results", help="the folder (results)")
    parser.add_argument("--configfile", default=CONFIG, help=f"the configuration of the run ({CONFIG})")
    options = parser.parse_args(arguments)
    try:
        config = load(_read_settings(options.configfile))
        print("\n".join(aligned(done(options.results, config))))
        if times := timing(options.results, config):
            print("", *times, sep="\n")
    except InputError as error:
        sys.exit(f"glmtracks: {error}")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as head that has enough ends it without a word
    main()
