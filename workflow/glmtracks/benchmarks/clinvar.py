"""Does a model know what causes disease? ClinVar's pathogenic variants against its benign ones and against common ones.

Label 1 = pathogenic or likely pathogenic; label 0 = benign or likely benign, or, where a population is given, a minor
allele that is common there and not among the former. Only variants with the review stars asked for enter, of the test
part of the genome; a "pathogenic" one that a population carries more often than `max_af` is left out. Every class of
consequence is a contrast of its own, because "all" is won by knowing what a stop codon is; the consequence rank is
among its baselines. The score is -llr. It measures constraint, not mechanism, and classifications were partly made with
the help of conservation scores, which is to the favour of phyloP.
"""

import logging

import numpy as np
import pandas as pd

from glmtracks.benchmarks import baselines, columns, labelled, snvs
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample
from glmtracks.benchmarks.summary import Contrast, Scorer
from glmtracks.evidence.clinvar import read_clinvar
from glmtracks.evidence.population import read_population
from glmtracks.tracks.calibration import Calibration

logger = logging.getLogger(__name__)

TOWARD_DAMAGE = 1
READS = snvs.READS
METRICS = (snvs.AUROC, snvs.AUPRC, snvs.within_stratum(baselines.RATES))
ALL = "all"
BENIGN, COMMON = "P/LP vs B/LB", "P/LP vs common"
KEY = ["contig", "start", "alt"]
# Effects by the terms of the Sequence Ontology in ClinVar's MC, for genomes without annotation; the most severe first.
EFFECT_OF_TERM = {
    "nonsense": "stop_gained",
    "stop_lost": "stop_lost",
    "initiator_codon_variant": "start_lost",
    "initiatior_codon_variant": "start_lost",  # as ClinVar spells it
    "splice_donor_variant": "splice",
    "splice_acceptor_variant": "splice",
    "missense_variant": "missense",
    "synonymous_variant": "synonymous",
    "5_prime_UTR_variant": "5UTR",
    "3_prime_UTR_variant": "3UTR",
    "non-coding_transcript_variant": "ncRNA",
    "intron_variant": "intron",
}

USES = labelled.USES
derived = labelled.derived


def items(inputs: Inputs) -> pd.DataFrame:
    """Variants of either label, once in "all" and once in their class, a pair of contrasts for each kind of label 0."""
    names = labelled.contig_names(inputs)
    variants = read_clinvar(inputs.files["clinvar"], inputs.genome, names, inputs.test, inputs.options.stars)
    variants = variants.assign(kind=np.where(variants["label"] == 1, "P/LP", "B/LB"))
    if "population" in inputs.files:
        variants = pd.concat([_without_frequent(variants, inputs), _common(variants, inputs)], ignore_index=True)
    sample = Sample("kind", inputs.options.max_items, inputs.seed)
    sample.add(variants)
    variants = sample.rows()
    if variants.empty:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table, _ = snvs.describe(variants, inputs)
    table = labelled.with_known(table, inputs)
    if inputs.features is None:
        table["effect"] = table["molecular_consequence"].map(_most_severe, na_action="ignore")
    table["trinucleotide"] = table["stratum"]
    table["stratum"] = table["stratum"].astype(str) + " " + table["effect"].fillna("").astype(str)
    parts = [
        _contrast(table[of_effect], f"{effect} {name}", kinds)
        for name, kinds in ((BENIGN, ("P/LP", "B/LB")), (COMMON, ("P/LP", "common")))
        for effect, of_effect in _classes(table)
    ]
    # the first is told of in any case, so that the summary says which label is missing
    parts = [part for number, part in enumerate(parts) if part["label"].nunique() == 2 or (number == 0 and len(part))]
    if not parts:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = pd.concat([*parts, labelled.neutral(inputs)], ignore_index=True)
    table = table.drop(columns=["kind", "consequence", "molecular_consequence", "trinucleotide"])
    return snvs.finished(table, inputs.seed, TOWARD_DAMAGE)


def _most_severe(terms: str) -> str | None:
    """The most severe effect among terms of MC, separated by commas; None where none of them is known."""
    found = set(terms.split(","))
    return next((effect for term, effect in EFFECT_OF_TERM.items() if term in found), None)


def _classes(table: pd.DataFrame) -> list[tuple[str, np.ndarray]]:
    """Names of classes and which rows are of them: all, then every effect, the commonest first."""
    effects = table["effect"].value_counts().index
    return [(ALL, np.ones(len(table), dtype=bool)), *((name, (table["effect"] == name).to_numpy()) for name in effects)]


def _contrast(table: pd.DataFrame, name: str, kinds: tuple[str, str]) -> pd.DataFrame:
    """Items of two kinds, with the rates of the first among substitutions fitted in other blocks."""
    rows = table[table["kind"].isin(kinds)]
    label = (rows["kind"] == kinds[0]).to_numpy(dtype=np.int8)
    return rows.assign(contrast=name, label=label, **baselines.label_rates(rows, rows["trinucleotide"], label))


def _without_frequent(variants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """The variants without pathogenic ones that are more frequent in the population than such can be."""
    found = [
        batch.merge(variants[KEY], on=KEY)
        for batch in read_population(
            inputs.files["population"], inputs.genome, labelled.contig_names(inputs), inputs.test
        )
    ]
    frequency = pd.concat(found) if found else pd.DataFrame(columns=[*KEY, "af", "faf95"])
    frequency = frequency.assign(frequency=frequency["faf95"].fillna(frequency["af"]))
    highest = frequency.groupby(KEY, observed=True)["frequency"].max().rename("frequency").reset_index()
    frequency = variants.merge(highest, on=KEY, how="left")["frequency"].to_numpy(dtype=np.float64)
    pathogenic = (variants["label"] == 1).to_numpy()
    frequent = pathogenic & (frequency > inputs.options.max_af)
    logger.info(
        "%d of %d pathogenic variants are more frequent than %g in %s and are left out",
        frequent.sum(), pathogenic.sum(), inputs.options.max_af, inputs.files["population"],
    )  # fmt: skip
    return variants[~frequent]


def _common(variants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Common minor alleles of the population, once each, that ClinVar does not call pathogenic: of kind common."""
    sample = Sample("kind", inputs.options.max_items, inputs.seed)
    pathogenic = pd.MultiIndex.from_frame(variants.loc[variants["label"] == 1, KEY])
    common = inputs.options.common
    for batch in read_population(inputs.files["population"], inputs.genome, labelled.contig_names(inputs), inputs.test):
        singletons = batch["ac"] <= 1  # which few samples make frequent
        batch = batch[batch["passed"] & batch["af"].between(common, 1 - common) & ~singletons]
        batch = batch[~pd.MultiIndex.from_frame(batch[KEY]).isin(pathogenic)]
        sample.add(batch[["contig", "start", "ref", "alt"]].assign(label=np.int8(0), kind="common"))
    found = sample.rows()
    return found.drop_duplicates(KEY) if len(found) else found


def score(items: pd.DataFrame, llr: np.ndarray, calibration: Calibration | None = None) -> pd.DataFrame:
    """-llr of every item, and that corrected."""
    return labelled.score(items, llr, calibration=calibration)


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One contrast for each class and kind of label 0."""
    return labelled.contrasts(items, METRICS[0].name)


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_DAMAGE)
