"""Germline classifications of ClinVar's VCF: which variants are pathogenic or benign, and how well that is reviewed.

Vocabulary: https://www.ncbi.nlm.nih.gov/clinvar/docs/clinsig/ and .../docs/review_status/, of 2017 to now. What stands
after a | in CLNSIG (drug_response, risk_factor, other …) is no statement on a Mendelian disease and is passed over.
"""

import logging
import re
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd

from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ContigNames
from glmtracks.variants.snv_records import read_snvs

logger = logging.getLogger(__name__)

PATHOGENIC = {"pathogenic", "likely_pathogenic"}
BENIGN = {"benign", "likely_benign"}
# Germline classifications that say neither; together with one of the above they leave a variant without a label.
UNDECIDED = {
    "uncertain_significance",
    "conflicting_interpretations_of_pathogenicity",
    "conflicting_classifications_of_pathogenicity",
    "established_risk_allele",
    "likely_risk_allele",
    "uncertain_risk_allele",
}
STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided_multiple_submitters_no_conflicts": 2,
    "criteria_provided_multiple_submitters": 2,
    "criteria_provided_single_submitter": 1,
    "criteria_provided_conflicting_interpretations": 1,
    "criteria_provided_conflicting_classifications": 1,
}
SOMATIC = 2  # the value of ORIGIN (a sum of flags) that knows of tumours only
NO_STATEMENT = -1  # in place of the stars of a record that says nothing of the germline, so that it never counts
COLUMNS = ["label", "stars", "molecular_consequence", "gene"]


def label_of(significance: str) -> int | None:
    """1 for a pathogenic or likely pathogenic variant, 0 for a benign or likely benign one, None for all others.

    >>> label_of("Pathogenic/Likely_pathogenic/Pathogenic,_low_penetrance|risk_factor")
    1
    >>> label_of("Benign/Likely_benign|other")
    0
    >>> label_of("Conflicting_classifications_of_pathogenicity") is None
    True

    Args:
        significance: CLNSIG, as it stands in the file.
    """
    found = _germline_terms(significance)
    if found and found <= PATHOGENIC:
        return 1
    return 0 if found and found <= BENIGN else None


def _germline_terms(significance: str) -> set[str]:
    """The germline classifications in CLNSIG: none where it says nothing on a Mendelian disease."""
    found = set()
    for part in significance.lower().replace(",_low_penetrance", "").replace("|low_penetrance", "").split("|"):
        terms = {term.strip("_ ") for term in re.split(r"[/,]", part)}
        if terms <= PATHOGENIC | BENIGN | UNDECIDED:
            found |= terms
    return found


def stars_of(review_status: str) -> int:
    """Review stars 0..4 of CLNREVSTAT; 0 for a status without assertion criteria, or unknown.

    >>> stars_of("criteria_provided,_multiple_submitters,_no_conflicts")
    2
    >>> stars_of("no_assertion_criteria_provided")
    0
    """
    return STARS.get(re.sub(r"[^a-z]+", "_", review_status.lower()).strip("_"), 0)


def read_clinvar(
    path: str | Path,
    genome: Genome,
    names: ContigNames,
    within: pd.DataFrame | None = None,
    min_stars: int = 1,
) -> pd.DataFrame:
    """Single-nucleotide variants that ClinVar calls (likely) pathogenic or (likely) benign, each once.

    Conflicting and uncertain ones are left out, as is what was seen in tumours only (ORIGIN = 2). Where a variant
    stands in several records the best reviewed counts; it is left out if those disagree, or are uncertain or
    conflicting. The log counts all this.

    Args:
        path: ClinVar's VCF.
        genome, names, within: as of `snv_records.read_snvs`.
        min_stars: fewest review stars.

    Returns:
        contig, start (0-based), ref, alt (uint8 codes), label (int8: 1 = pathogenic), stars (int8),
        molecular_consequence (terms of MC, such as "intron_variant,synonymous_variant": what it does to different
        transcripts, the most severe not the first) and gene (first symbol of GENEINFO), both strings, empty where the
        file has none; in the order of the file.

    Raises:
        InputError: as `read_snvs`; the file has no CLNSIG, or none that is known.
    """
    seen = {"records": 0, "known": 0}

    def read(record: cyvcf2.Variant, _: int) -> tuple:
        info = record.INFO
        significance = info.get("CLNSIG") or ""
        germline = _germline_terms(significance) and info.get("ORIGIN") not in (SOMATIC, str(SOMATIC))
        label = label_of(significance) if germline else None
        seen["records"] += bool(significance)
        seen["known"] += any(term in significance.lower() for term in ("pathogenic", "benign", "uncertain"))
        return (
            -1 if label is None else label,
            stars_of(info.get("CLNREVSTAT") or "") if germline else NO_STATEMENT,
            ",".join(term.partition("|")[2] for term in (info.get("MC") or "").split(",")),
            re.split(r"[:|]", info.get("GENEINFO") or "")[0],
        )

    batches = list(read_snvs(path, genome, names, read, COLUMNS, within))
    if seen["records"] and not seen["known"]:
        raise InputError(
            f"{path}: no CLNSIG says Pathogenic, Benign or Uncertain; ClinVar's files from before 2017 have numbers "
            "there: take a later one."
        )
    if batches and not seen["records"]:
        raise InputError(f"{path} has no CLNSIG in its INFO; is it ClinVar's VCF?")
    table = pd.concat(batches, ignore_index=True) if batches else _empty()
    labelled, reviewed = table["label"] >= 0, table["stars"] >= min_stars
    kept = _once(table[reviewed])
    logger.info(
        "%s: %d SNVs, %d (likely) pathogenic or benign, %d of them with %d or more stars, %d once each",
        path, len(table), labelled.sum(), (labelled & reviewed).sum(), min_stars, len(kept),
    )  # fmt: skip
    return kept.astype({"label": np.int8, "stars": np.int8})


def _empty() -> pd.DataFrame:
    columns = dict.fromkeys(["contig", "molecular_consequence", "gene"], "str")
    numbers = {"start": np.int64, "ref": np.uint8, "alt": np.uint8, "label": np.int8, "stars": np.int8}
    return pd.DataFrame(columns=["contig", "start", "ref", "alt", *COLUMNS]).astype({**columns, **numbers})


def _once(table: pd.DataFrame) -> pd.DataFrame:
    """Each variant with a label once, by its best reviewed records; none where those disagree or have no label."""
    key = ["contig", "start", "alt"]
    best = table["stars"] == table.groupby(key, observed=True)["stars"].transform("max")
    table = table[best]
    agree = table.groupby(key, observed=True)["label"].transform("nunique") == 1
    return table[agree & (table["label"] >= 0)].drop_duplicates(key).reset_index(drop=True)
