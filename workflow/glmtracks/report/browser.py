"""The data behind the report's browser, look-up and logos: of each scored genome some slices, and where the rest is."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation.gene_slices import Interval, drawn, features_within
from glmtracks.benchmarks import TASKS
from glmtracks.genome import Genome
from glmtracks.parquet import read_frame
from glmtracks.report import slices
from glmtracks.report.loci import Locus, constrained, known_sites, misses
from glmtracks.report.slices import Room, windows_around
from glmtracks.track_names import TRACKS
from glmtracks.tracks import read_sizes
from glmtracks.tracks.dataset import contigs as contigs_of
from glmtracks.tracks.hub import igv_reference
from glmtracks.windows.split import read_split

MOST_MODELS = 6  # of a genome whose scores the page carries
SEARCHED = 5_000_000  # bases of the test part in which known sites are looked for
LABELLED = ("clinvar", "consequence", "splice_decoy", "allele_frequency", "outgroup")
_REGION_COLUMNS = ["contig", "start", "end", "region", "strand", "gene", "repeat"]
_ITEM_COLUMNS = ["contig", "start", "end", "ref", "alt", "label", "contrast", "score"]


def browser_data(
    results: Path, genomes: Mapping[str, dict], summary: pd.DataFrame, bigwigs: Collection[str]
) -> dict[str, dict]:
    """What the page's JavaScript knows of each scored genome (see `_genome`); genomes without scores have no entry.

    A file of something that none of these has is left from an earlier configuration; nothing makes it anew.

    Args:
        results: the folder results/.
        genomes: rows of the genome sheet by name, those that are scored.
        summary: the benchmark table, which says what was run, on what, and which model is best.
        bigwigs: names of the tracks that are written.
    """
    scored_by = {
        name: [model for model in _by_merit(summary, name, row["models"]) if _dataset(results, name, model).is_dir()]
        for name, row in genomes.items()
    }
    room = Room.of(len(genomes), min(max(map(len, scored_by.values()), default=0), MOST_MODELS))
    return {
        name: _genome(results, name, row, scored_by[name][:MOST_MODELS], room, summary, bigwigs)
        for name, row in genomes.items()
        if scored_by[name]
    }


def to_script(data: object) -> str:
    """JSON that may stand in an HTML script element, whatever names are in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _dataset(results: Path, genome: str, model: str) -> Path:
    return results / "tracks" / genome / model / "scores"


def _by_merit(summary: pd.DataFrame, genome: str, models: list[str]) -> list[str]:
    """Models before baselines; among either the one that predicts held-out bases best first."""
    rows = summary[(summary["genome"] == genome) & summary["scorer"].isin(models)]
    baselines = set(rows.loc[rows["scorer_kind"] == "baseline", "scorer"])
    overall = rows[(rows["metric"] == "nats_per_base") & (rows["contrast"] == "all")]
    nats = overall.set_index("scorer")["value"].to_dict()
    return sorted(models, key=lambda model: (model in baselines, nats.get(model, np.inf)))


def _genome(
    results: Path,
    name: str,
    row: dict,
    models: list[str],
    room: Room,
    summary: pd.DataFrame,
    bigwigs: Collection[str],
) -> dict:
    """What the page carries of a genome; keys are those that workflow/report/scores.js reads.

    loci          what the buttons lead to
    windows       [contig, start, end] of the slices, in genome order; the arrays below run over them in this order
    lengths       contig -> bases, of the contigs of the windows
    ref           the bases
    consequences  of each base and alternative, packed; null without a genome file
    genes, repeats, items   what lies in the windows
    genetic_code  NCBI number
    models        model -> scores, packed; the best first
    files         where the whole genome is, relative to the page
    """
    folder = results / "genomes" / name
    first = _dataset(results, name, models[0])
    genome = Genome(folder / "genome.fa.gz") if (folder / "genome.fa.gz").is_file() else None
    regions = _regions(folder / "regions.parquet")
    tables = _tables(results, name, models[0], summary)
    loci = _loci(first, folder, row, genome, regions, tables, room.loci)
    lengths = contigs_of(first)
    windows = windows_around(loci, lengths, room.flank)
    features = _features(folder, row, windows)
    code, readable = row["genetic_code"], genome is not None and features is not None
    return {
        "loci": [vars(locus) for locus in loci],
        "windows": windows,
        "lengths": {contig: lengths[contig] for contig in dict.fromkeys(contig for contig, *_ in windows)},
        "ref": slices.sequence_of(first, windows),
        "consequences": slices.consequences_of(genome, features, windows, code) if readable else None,
        "genes": drawn(features, lengths),
        "genetic_code": code,
        "repeats": slices.repeats_of(regions, windows),
        "items": slices.items_of(tables, windows),
        "models": {model: slices.scores_of(_dataset(results, name, model), windows) for model in models},
        "files": _files(results, name, row, models, bigwigs),
    }


def _loci(
    dataset: Path,
    folder: Path,
    row: dict,
    genome: Genome | None,
    regions: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    count: int,
) -> list[Locus]:
    """About `count` loci of all kinds; the beginning of the genome where there is nothing of interest."""
    scored = contigs_of(dataset)
    place = _place(folder / "split.tsv", scored)
    contig, start, end = place
    here = regions[(regions["contig"] == contig) & (regions["start"] < end) & (regions["end"] > start)]
    sites = known_sites(genome, _features(folder, row, [place]), here, row["genetic_code"], max(count // 15, 1))
    sites = [site for site in sites if site.contig in scored]
    rest = max(count - len(sites), 2)
    wrong = [locus for locus in misses(tables, rest // 2) if locus.contig in scored]
    found = [*constrained(dataset, regions, max(rest - len(wrong), 1) // 2), *sites, *wrong][:count]
    text = "The beginning of the part that is looked at"
    return found or [Locus("site", f"{contig}:{start + 1:,}", text, contig, start, start + 1)]


def _place(split: Path, scored: Mapping[str, int]) -> Interval:
    """Where known sites are looked for: the longest held-out interval on a scored contig, or the first contig."""
    if split.exists():
        table = read_split(split)
        test = table[(table["split"] == "test") & table["contig"].isin(list(scored))]
        if len(test):
            row = test.loc[(test["end"] - test["start"]).idxmax()]
            return row["contig"], int(row["start"]), int(min(row["end"], row["start"] + SEARCHED))
    contig, length = next(iter(scored.items()))
    return contig, 0, min(length, SEARCHED)


def _features(folder: Path, row: dict, intervals: list[Interval]) -> pd.DataFrame | None:
    path = folder / "annotation.gff3.gz"
    return features_within(path, intervals) if row["annotation"] and path.is_file() else None


def _regions(path: Path) -> pd.DataFrame:
    table = read_frame(path) if path.exists() else pd.DataFrame({"contig": [], "start": [], "end": []})
    table = table.reindex(columns=_REGION_COLUMNS)
    return table.assign(repeat=table["repeat"].fillna(False).astype(bool))


def _tables(results: Path, genome: str, model: str, summary: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The scored items of the tasks that have labels, of those that were run."""
    run = set(summary.loc[(summary["genome"] == genome) & (summary["scorer"] == model), "task"])
    tasks = [task for task in LABELLED if task in TASKS.keys() & run]
    paths = {task: results / "benchmarks" / genome / task / f"{model}.parquet" for task in tasks}
    return {task: read_frame(path, columns=_ITEM_COLUMNS) for task, path in paths.items() if path.exists()}


def _files(results: Path, genome: str, row: dict, models: list[str], bigwigs: Collection[str]) -> dict:
    """Addresses relative to results/report/ of what a served page reads: null where it does not exist."""

    def there(path: str) -> str | None:
        return f"../{path}" if (results / path).is_file() else None

    def track(model: str, name: str) -> str | None:
        return there(f"tracks/{genome}/{model}/{name}.bw") if name in bigwigs else None

    folder = f"genomes/{genome}"
    sizes, sequence = there(f"{folder}/chrom.sizes"), there(f"{folder}/genome.2bit")
    reference = None
    if sizes and sequence:
        size = sum(read_sizes(results / folder / "chrom.sizes").values())
        reference = igv_reference(genome, size, f"../{folder}/genome.fa.gz", sequence, sizes)
    indexed = row["annotation"] and there(f"{folder}/annotation.gff3.gz.tbi")
    return {
        "reference": reference,
        "sequence": sequence,
        "genes": there(f"{folder}/annotation.gff3.gz") if indexed else None,
        "repeats": there(f"{folder}/repeats.bed.gz") if there(f"{folder}/repeats.bed.gz.tbi") else None,
        "tracks": {model: {name: track(model, name) for name in TRACKS} for model in models},
    }
