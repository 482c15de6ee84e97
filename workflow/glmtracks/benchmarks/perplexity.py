"""How well a model predicts held-out bases: nats per base, perplexity and accuracy, everywhere and by kind of base.

The score is log P(reference). Repeats are never dropped: they are one of the strata, beside region class, codon
position and CpG. The headline is what a model gains on the best Markov chain over all held-out bases.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from glmtracks.annotation.regions import label_positions
from glmtracks.benchmarks import baselines, statistics
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, assign_blocks, in_genome_order, test_pieces
from glmtracks.benchmarks.summary import Contrast, Cut, Metric, Scorer
from glmtracks.genome import BASES, UNKNOWN
from glmtracks.track_names import LLR_COLUMNS

SAMPLED_RUN = 1_000  # bases; where there are too many, such runs are drawn whole
ALL = "all"


def items(inputs: Inputs) -> pd.DataFrame:
    """Every defined base of the test split; above `max_items` a random choice of runs of 1,000 bases."""
    runs = list(test_pieces(inputs, SAMPLED_RUN))
    most = max(inputs.options.max_items // SAMPLED_RUN, 1)
    if len(runs) > most:
        chosen = np.sort(np.random.default_rng(inputs.seed).choice(len(runs), most, replace=False))
        runs = [runs[index] for index in chosen]
    parts = [_defined_bases(inputs, *run) for run in runs]
    if not sum(map(len, parts)):
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = in_genome_order(pd.concat(parts, ignore_index=True), inputs.genome)
    region, codon = _labels(table, inputs.regions)
    context = baselines.contexts(inputs.genome, table)
    cpg = np.where(baselines.is_cpg(context), "CpG", "non-CpG")
    stratum = region["kind"].str.cat([region["repeat"], cpg], sep=" | ")
    return table.assign(
        ref=pd.Categorical.from_codes(context[:, 1], categories=list(BASES)),
        alt=pd.array([None] * len(table), dtype="string"),
        label=pd.array([None] * len(table), dtype="Int8"),
        contrast=ALL,
        stratum=stratum,
        block=assign_blocks(table, inputs.regions),
        region=region["region"].astype("category"),
        codon_position=codon,
        repeat=region["repeat"] == "repeat",
        cpg=cpg == "CpG",
    )


def _defined_bases(inputs: Inputs, contig: str, start: int, end: int) -> pd.DataFrame:
    position = np.flatnonzero(inputs.genome.codes(contig, start, end) != UNKNOWN) + start
    return pd.DataFrame({"contig": contig, "start": position, "end": position + 1})


def _labels(table: pd.DataFrame, regions: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Text columns region (null without annotation), kind (region and codon position), repeat; and codon positions."""
    groups = table.groupby("contig", observed=True, sort=False).indices.items()
    found = [
        label_positions(regions, contig, table["start"].to_numpy()[rows]).set_index(rows) for contig, rows in groups
    ]
    found = pd.concat(found).sort_index()
    codon = found["codon_position"].to_numpy(dtype=np.int8)
    region = found["region"].astype("string")
    kind = region.fillna("unannotated").str.cat(np.where(codon > 0, " codon " + codon.astype(str).astype(object), ""))
    repeat = np.where(found["repeat"], "repeat", "non-repeat")
    return pd.DataFrame({"region": region, "kind": kind, "repeat": repeat}), codon


def score(items: pd.DataFrame, llr: np.ndarray) -> pd.DataFrame:
    """`score` = log P(reference) in nats, `correct` = 1 where the reference is the most likely base; float32.

    Bases that tie for the most likely share the credit, so that a model without an opinion is right one time in four.

    llr  float32 (n, 4): log P(base) - log P(reference), NaN where a base has no score
    """
    best = llr.max(axis=1)
    tied = (llr == best[:, None]).sum(axis=1)
    correct = np.where(np.isnan(best), np.nan, (best <= 0) / np.maximum(tied, 1))
    log_p = -logsumexp(llr.astype(np.float64), axis=1)
    return pd.DataFrame({"score": log_p.astype(np.float32), "correct": correct.astype(np.float32)})


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """Every base equally likely. (The rows of Markov models are baselines too; the summary sees to that.)"""
    return [Scorer("uniform", "baseline", "log P(ref)", score(items, np.zeros((len(items), 4), dtype=np.float32)))]


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """All bases (the headline), and every combination of repeat status x region class or codon position x CpG.

    What does not divide the bases, such as repeat status where no repeat is known, is left out.
    """
    repeat, cpg = items["repeat"].to_numpy(dtype=bool), items["cpg"].to_numpy(dtype=bool)
    region, codon = items["region"].astype("string"), items["codon_position"].to_numpy()
    everything = np.ones(len(items), dtype=bool)
    regions = {name: (region == name).fillna(False).to_numpy(dtype=bool) for name in region.dropna().unique()}
    regions |= {f"CDS codon {position}": codon == position for position in (1, 2, 3)}
    axes = (regions, {"repeat": repeat, "non-repeat": ~repeat}, {"CpG": cpg, "non-CpG": ~cpg})
    axes = [{"": everything} | {kind: chosen for kind, chosen in axis.items() if not chosen.all()} for axis in axes]
    result = []
    for kinds in product(*axes):
        rows = np.flatnonzero(np.logical_and.reduce([axis[kind] for axis, kind in zip(axes, kinds, strict=True)]))
        name = ", ".join(kind for kind in kinds if kind) or ALL
        if len(rows):
            result.append(Contrast(name, rows, name == ALL))
    return result


def _mean(column: str, sign: int):
    def estimate(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
        return statistics.mean(sign * values[column].to_numpy(dtype=np.float64), cut.block, cut.weights)

    return estimate


def _perplexity(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
    return _mean("score", -1)(scorer, values, cut).map(np.exp)


READS = LLR_COLUMNS
METRICS = (
    Metric("nats_per_base", _mean("score", -1), higher_is_better=False),
    Metric("perplexity", _perplexity, higher_is_better=False),
    Metric("accuracy", _mean("correct", 1)),
)
