"""The benchmark's number for a Markov model against one counted here, in ten lines, from the FASTA and split.tsv."""

from collections import Counter
from functools import cache

import numpy as np
import pandas as pd
import pyfaidx
import pytest
from worlds import reverse_complement

ORDER, PRIOR = 3, 4.0


def reference(sequences: dict[str, str], counted: list[str]) -> float:
    """Nats per base of the test contigs by the definition in `glmtracks.models.markov`, from words on both strands."""
    counts = Counter()
    for strand in (*counted, *(reverse_complement(sequence.encode()).decode() for sequence in counted)):
        for word in (strand[at : at + ORDER + 1] for at in range(len(strand) - ORDER)):
            if set(word) <= set("ACGT"):
                counts.update(word[cut:] for cut in range(ORDER + 1))

    @cache
    def probability(context: str, base: str) -> float:
        lower = probability(context[1:], base) if context else 0.25
        total = sum(counts[context + other] for other in "ACGT")
        return (counts[context + base] + PRIOR * lower) / (total + PRIOR)

    losses = []
    for sequence in sequences.values():
        for at in np.flatnonzero(np.isin(list(sequence), list("ACGT"))):
            known = sequence[max(at - ORDER, 0) : at]
            while not set(known) <= set("ACGT"):
                known = known[1:]
            losses.append(-np.log(probability(known, sequence[at])))
    return float(np.mean(losses))


@pytest.fixture(scope="module")
def parts(road) -> dict[str, list[str]]:
    """Sequences, in capitals, of the stretches of each part of the split."""
    fasta = pyfaidx.Fasta(str(road.results / "genomes/toy/genome.fa.gz"), sequence_always_upper=True)
    split = pd.read_csv(road.results / "windows/toy/split.tsv", sep="\t")
    split["sequence"] = [str(fasta[row.contig][row.start : row.end]) for row in split.itertuples()]
    return split.groupby("split")["sequence"].agg(list).to_dict()


@pytest.fixture(scope="module")
def benchmarked(road) -> pd.Series:
    """The value of each metric over all held-out bases."""
    summary = pd.read_csv(road.results / "benchmarks/summary.tsv", sep="\t")
    rows = summary[(summary["task"] == "perplexity") & (summary["contrast"] == "all") & (summary["scorer"] == "markov")]
    return rows.set_index("metric")["value"]


def test_perplexity_of_a_markov_model_is_that_of_a_reference_count(parts, benchmarked):
    test = dict(enumerate(parts["test"]))
    nats = reference(test, parts["train"])
    assert benchmarked["nats_per_base"] == pytest.approx(nats, abs=2e-5)  # scores carry three decimals
    assert benchmarked["perplexity"] == pytest.approx(np.exp(nats), abs=1e-4)
    assert abs(reference(test, [*parts["train"], *parts["validation"]]) - nats) > 1e-4  # validation is not counted
