"""From result files to the table that a plot is drawn from: one function for each plot.

All take (sources, genome, baseline): files by the names of the plot's `reads`; the genome's name; model -> whether it
is a baseline, in the order of the model sheet. All return a DataFrame, without rows where there is nothing to draw. A
file of one model is known by its path, as everywhere in results/.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.annotation import read_annotation
from glmtracks.benchmarks import TASKS
from glmtracks.consequences import CONSEQUENCES
from glmtracks.gene_parts import CLASSES
from glmtracks.genome import BASES, UNKNOWN, Genome, complement
from glmtracks.models.registry import KINDS
from glmtracks.overview import COUNTS, INTERVALS, headlines, read_summary
from glmtracks.split import read_split

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 60
POINTS = 400  # most points of a training curve
FLANK = 15  # bases before a start codon, and from its first base on
OBSERVED = "bases in the genome"  # no model can be called so: names have no spaces
STRETCH = 1_000_000  # bases of scores held in memory at once
REPEAT = {"repeat", "non-repeat"}
CPG = {"CpG", "non-CpG"}
REGIONS = ["all", "CDS", *(f"CDS codon {position}" for position in (1, 2, 3)), *CLASSES[1:]]


def _summary(sources: dict[str, list], genome: str) -> pd.DataFrame:
    table = read_summary(*sources["summaries"])
    return table[table["genome"] == genome]


def which_are_baselines(sources: dict[str, list], genome: str, kinds: dict[str, str]) -> dict[str, bool]:
    """Model -> whether it is a baseline: by its kind, or because the summary lists it so (an untrained network).

    kinds  model -> kind, in the order of the model sheet
    """
    table = _summary(sources, genome)
    told = set(table.loc[table["scorer_kind"] == "baseline", "scorer"])
    return {model: KINDS[kind].baseline or model in told for model, kind in kinds.items()}


def _scores(sources: dict[str, list], baseline: dict[str, bool]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each model that is not a baseline, with its scored items."""
    for path in map(Path, sources["scores"]):
        if not baseline[path.stem]:
            table = pd.read_parquet(path, columns=["contrast", "label", "score"]).dropna(subset="score")
            yield path.stem, table.astype({"contrast": "category", "label": int})


def differences(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """Headline rows of the summary, as they are."""
    table = _summary(sources, genome)
    names = ["task", "contrast", "scorer", "metric", *INTERVALS, "best_baseline", "best_baseline_value", "verdict"]
    columns = [*names, *COUNTS, "seen", "status"]
    return headlines(table)[columns].query("contrast != ''")


def perplexity_by_region(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """region, repeat ("all", "repeat", "non-repeat"), scorer, scorer_kind, nats_per_base, low, high, n_bases."""
    table = _summary(sources, genome)
    table = table[(table["metric"] == "nats_per_base") & table["value"].notna()]
    if table.empty:
        return pd.DataFrame()
    words = table["contrast"].str.split(", ").map(set)
    table = table.assign(
        region=[", ".join(found - REPEAT - CPG) or "all" for found in words],
        repeat=[", ".join(found & REPEAT) or "all" for found in words],
        nats_per_base=table["value"],
        n_bases=table["n_items"].astype(int),
    )[[not found & CPG for found in words]]
    rank = {name: number for number, name in enumerate(REGIONS)}
    table = table.sort_values(
        "repeat", key=lambda names: names.map(["all", "non-repeat", "repeat"].index), kind="stable"
    )
    table = table.sort_values("region", key=lambda names: names.map(rank).fillna(len(rank)), kind="stable")
    return table[["region", "repeat", "scorer", "scorer_kind", "nats_per_base", "low", "high", "n_bases"]]


def llr_by_consequence(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, consequence, n, mean and quantiles (q0.01 … q0.99) of llr; most severe consequence first."""
    sign = -1 if TASKS["consequence"].score.startswith("-") else 1
    rows = []
    for model, table in _scores(sources, baseline):
        told = set()
        for (contrast, label), score in table.groupby(["contrast", "label"], observed=True)["score"]:
            name = contrast.split(" vs ")[1 - label]
            if name not in told:  # the comparison class stands, with the same items, in every contrast
                llr = sign * score.to_numpy(dtype=np.float64)
                found = {f"q{q:g}": value for q, value in zip(QUANTILES, np.quantile(llr, QUANTILES), strict=True)}
                rows.append({"model": model, "consequence": name, "n": len(llr), "mean": llr.mean(), **found})
                told.add(name)
    table = pd.DataFrame(rows)
    return table.sort_values("consequence", key=lambda c: c.map(CONSEQUENCES.index), kind="stable") if rows else table


def outgroup_llr(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """Histograms of llr: model, contrast, label (1 = carried by the sister species), n, low, high (of the bin), share.

    And auroc, auroc_low, auroc_high: the headline of the model in the contrast. At most 1 % of the items lie beyond
    the bins.
    """
    headline = headlines(_summary(sources, genome)).query("task == 'outgroup'").set_index(["scorer", "contrast"])
    tables = []
    for model, scores in _scores(sources, baseline):
        for contrast, items in scores.groupby("contrast", observed=True):
            first, last = np.quantile(items["score"], [0.005, 0.995])
            edges = np.linspace(first, max(last, first + 1e-3), BINS + 1)
            found = headline.reindex([(model, contrast)])[["value", "low", "high"]].iloc[0]
            for label, score in items.groupby("label")["score"]:
                counts, _ = np.histogram(score, edges)
                columns = {"model": model, "contrast": contrast, "label": label, "n": len(score)}
                bins = {"low": edges[:-1], "high": edges[1:], "share": counts / len(score)}
                auroc = dict(zip(("auroc", "auroc_low", "auroc_high"), found, strict=True))
                tables.append(pd.DataFrame({**columns, **bins, **auroc}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def training(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, part (train | validation), step, nats_per_base, smoothed.

    A row of validation is the loss at the end, without a step; baselines have one too. Long curves are averaged to 400
    points.
    """
    curves = [_curve(Path(path)) for path in sources["training"]]
    if not any(map(len, curves)):
        return pd.DataFrame()
    final = [_validation(Path(path)) for path in sources["metrics"]]
    table = pd.concat([part for part in curves + final if len(part)], ignore_index=True)
    drawn = set(table.loc[table["part"] == "train", "model"])
    return table[table["model"].isin(drawn) | table["model"].map(baseline)]


def _curve(path: Path) -> pd.DataFrame:
    try:
        history = pd.read_csv(path, sep="\t")
    except pd.errors.EmptyDataError:  # a model that took no step
        history = pd.DataFrame()
    if "train_nats_per_base" not in history or history.empty:
        return pd.DataFrame()
    history = history[["step", "train_nats_per_base"]].set_axis(["step", "nats_per_base"], axis=1)
    history = history.groupby(np.arange(len(history)) * POINTS // max(len(history), POINTS)).mean()
    width = max(len(history) // 20, 1)
    smoothed = history["nats_per_base"].rolling(width, center=True, min_periods=1).mean()
    history = history.assign(smoothed=smoothed)
    return history.assign(model=path.parent.name, part="train")[["model", "part", *history.columns]]


def _validation(path: Path) -> pd.DataFrame:
    value = json.loads(path.read_text()).get("validation_nats_per_base")
    row = {"model": path.parent.name, "part": "validation", "step": np.nan, "nats_per_base": value}
    return pd.DataFrame() if value is None else pd.DataFrame([row])


def logo_start_codons(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """source, position, A, C, G, T, n: mean probability of each base around annotated start codons.

    source    `OBSERVED` (how often each base stands there), then the best model and the best baseline by held-out
              nats per base, where the genome has that task; else the first of each
    position  -15 … -1, 1 … 15; 1 is the first base of the start codon. There is no position 0.
    n         start codons: those in the test part of scored contigs whose 30 bases are all defined
    """
    datasets = {Path(path).parent.name: path for path in sources["datasets"]}
    if not datasets:
        return pd.DataFrame()
    starts = _start_codons(sources, tracks.contigs(next(iter(datasets.values()))))
    shown = _best_models(_summary(sources, genome), [m for m in baseline if m in datasets], baseline)
    fasta, columns = Genome(sources["fasta"][0]), ["position", *BASES]
    sums, n = {name: np.zeros((2 * FLANK, 4)) for name in (OBSERVED, *shown)}, 0
    for contig, low, high, position, forward in _stretches(starts):
        offsets = np.where(forward[:, None], np.arange(-FLANK, FLANK), np.arange(FLANK, -FLANK, -1)) + position[:, None]
        codes = fasta.codes(contig, low, high)[offsets - low]
        codes = np.where(forward[:, None], codes, complement(codes))
        defined = (codes != UNKNOWN).all(axis=1)
        n += int(defined.sum())
        sums[OBSERVED] += (codes[defined, :, None] == np.arange(4)).sum(axis=0)
        for model in shown:
            log_probs = tracks.log_probs(tracks.read(datasets[model], (contig, low, high), tracks.LLR_COLUMNS))
            found = np.exp(log_probs)[offsets - low]
            found = np.where(forward[:, None, None], found, found[..., ::-1])  # A, C, G, T reversed is the complement
            sums[model] += found[defined].sum(axis=0)
    if not n:
        return pd.DataFrame()
    place = np.concatenate([np.arange(-FLANK, 0), np.arange(1, FLANK + 1)])
    tables = [
        pd.DataFrame(np.column_stack([place, total / n]), columns=columns).assign(source=name, n=n)
        for name, total in sums.items()
    ]
    return pd.concat(tables, ignore_index=True).astype({"position": int})[["source", *columns, "n"]]


def _best_models(summary: pd.DataFrame, models: list[str], baseline: dict[str, bool]) -> list[str]:
    """The best model and the best baseline among `models`; the first of each where the summary does not tell."""
    found = summary[(summary["task"] == "perplexity") & (summary["headline"] == "yes")]
    loss = found.set_index("scorer")["value"].to_dict()
    ranked = sorted(models, key=lambda model: loss.get(model, np.inf))
    sides = ([model for model in ranked if baseline[model] is side] for side in (False, True))
    return [side[0] for side in sides if side]


def _start_codons(sources: dict[str, list], scored: dict[str, int]) -> pd.DataFrame:
    """First bases of complete coding sequences in the test part: contig, position (0-based), forward."""
    features = read_annotation(sources["annotation"][0])
    coding = features[(features["feature"] == "CDS") & features["contig"].isin(list(scored))]
    ends = coding.groupby(["contig", "transcript", "strand"], observed=True, sort=False).nth
    first, last = ends(0), ends(-1)
    first, last = first[first["strand"] == "+"], last[last["strand"] == "-"]
    starts = pd.concat([first.assign(position=first["start"]), last.assign(position=last["end"] - 1)])
    starts = starts[starts["phase"] == 0].drop_duplicates(["contig", "position", "strand"])
    split = read_split(sources["split"][0]).query("split == 'test'")
    inside = starts.reset_index().merge(split[["contig", "start", "end"]], on="contig", suffixes=("", "_part"))
    position, length = inside["position"], inside["contig"].map(scored).astype("int64")
    kept = position.between(inside["start_part"], inside["end_part"], inclusive="left")
    kept &= (position >= FLANK) & (position + FLANK < length)
    return inside[kept].assign(forward=inside["strand"] == "+")[["contig", "position", "forward"]]


def _stretches(starts: pd.DataFrame) -> Iterator[tuple[str, int, int, np.ndarray, np.ndarray]]:
    """Start codons that lie within 1 Mb: contig, the interval to read, positions and strands."""
    for (contig, _), rows in starts.groupby(["contig", starts["position"] // STRETCH], sort=False, observed=True):
        position, forward = rows["position"].to_numpy(), rows["forward"].to_numpy()
        yield str(contig), int(position.min()) - FLANK, int(position.max()) + FLANK + 1, position, forward
