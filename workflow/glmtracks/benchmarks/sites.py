"""Does a model know the sites that make a gene: splice sites, start and stop codons, the three positions of codons?

The items are the held-out bases of these sites, the score is log P(reference), and the headline is how often the most
likely base is the right one, compared with the best Markov chain. Each base stands in one contrast. Predictions are
read on the reference's forward strand, and what a base is, is read on the strand of its gene.
"""

import numpy as np
import pandas as pd

from glmtracks.annotation.codons import read_code, read_codons
from glmtracks.annotation.consequences import transcripts_within
from glmtracks.annotation.regions import label_positions
from glmtracks.benchmarks import baselines, columns, perplexity, statistics
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample, assign_blocks, in_genome_order, test_pieces
from glmtracks.benchmarks.summary import Contrast, Cut, Metric, Scorer
from glmtracks.genome import BASES, UNKNOWN

SPLICE = {"splice_donor": "donor", "splice_acceptor": "acceptor"}
CODONS = ("codon 1", "codon 2", "codon 3")
KINDS = (*SPLICE.values(), "start", "stop", *CODONS)

READS = perplexity.READS
score = perplexity.score
baselines_of = perplexity.baselines_of


def items(inputs: Inputs) -> pd.DataFrame:
    """Bases of sites of the test split, at most `max_items`, rare kinds of site before frequent ones.

    Donor and acceptor are the two intron bases at each end; start and stop the codons that begin and end a complete
    CDS; codon 1 to 3 all other coding bases with a reading frame. Bases that are coding in one transcript and a splice
    site of another are coding.
    """
    sample = Sample("contrast", inputs.options.max_items, inputs.seed)
    by_contig = dict(list(inputs.features.groupby("contig", observed=True)))
    for contig, start, end in test_pieces(inputs):
        if contig in by_contig:
            sample.add(_bases(inputs, by_contig[contig], contig, start, end))
    table = sample.rows()
    if table.empty:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = in_genome_order(table, inputs.genome)
    repeat = np.where(table["repeat"], "repeat", "non-repeat")
    return table.assign(
        ref=pd.Categorical.from_codes(baselines.contexts(inputs.genome, table)[:, 1], categories=list(BASES)),
        alt=pd.array([None] * len(table), dtype="string"),
        label=pd.array([None] * len(table), dtype="Int8"),
        stratum=table["contrast"].str.cat([table["strand"].astype(str), repeat], sep=" | "),
        block=assign_blocks(table, inputs.regions),
    )


def _bases(inputs: Inputs, features: pd.DataFrame, contig: str, start: int, end: int) -> pd.DataFrame:
    """Defined bases of sites in an interval: contig, start, end, contrast (the kind of site), strand, repeat."""
    position = np.arange(start, end)
    table = label_positions(inputs.regions, contig, position)[["region", "strand", "codon_position", "repeat"]]
    kind = table["region"].astype("string").map(SPLICE).to_numpy(dtype=object, na_value=None)
    for number, name in enumerate(CODONS, 1):
        kind[table["codon_position"] == number] = name
    features = transcripts_within(features, inputs.genome.contigs, contig, start, end)
    codons, code = read_codons(inputs.genome, features), read_code(inputs.genetic_code)
    known = codons.index >= 0
    for name, complete in (
        ("stop", known & codons.last & code.stop[codons.index]),
        ("start", known & codons.first & code.start[codons.index]),
    ):
        here = codons.position[complete].ravel()
        kind[here[(here >= start) & (here < end)] - start] = name
    table = table.assign(contig=contig, start=position, end=position + 1, contrast=kind)
    defined = inputs.genome.codes(contig, start, end) != UNKNOWN
    return table[defined & table["contrast"].notna()].drop(columns=["region", "codon_position"])


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One contrast for each kind of site, all of them headlines."""
    return sorted(columns.contrasts(items), key=lambda contrast: KINDS.index(contrast.name))


def _median_perplexity(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
    return statistics.Estimate(float(np.exp(-values["score"].median())))


NATS, PERPLEXITY, ACCURACY = perplexity.METRICS
METRICS = (
    ACCURACY,
    NATS,
    PERPLEXITY,
    Metric("median_perplexity", _median_perplexity, higher_is_better=False),  # as published; without interval
)
