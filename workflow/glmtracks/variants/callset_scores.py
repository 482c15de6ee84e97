"""Scoring a shard of a call set: every allele by the method for what it changes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from glmtracks.arrays import AT_ONCE, Sequences, in_portions
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import Genome, encode
from glmtracks.models.registry import read_config
from glmtracks.parquet import WITH_CHECKSUMS, Rows, read_footer
from glmtracks.tracks.shards import DECIMALS
from glmtracks.variants import vcf_fields
from glmtracks.variants.alleles import ALLELES_SCHEMA, CHANGE, REASON_CODE, SCORED, reason_codes, reason_column
from glmtracks.variants.lookups import Lookup
from glmtracks.variants.structural import WRITTEN, spell, stretch_begins, undefined
from glmtracks.variants.vcf_fields import METHODS

if TYPE_CHECKING:
    from glmtracks.scoring.runner import Runner
    from glmtracks.tracks.calibration import Calibration

_ROWS = 1 << 17  # alleles scored at once, about
_FINE = 5  # decimals of influence and distances, which are small
_DECIMALS = {"influence": _FINE, "embedding_l2": _FINE, "embedding_cosine": _FINE}


@dataclass
class Scorers:
    """What alleles are scored with.

    Attributes:
        genome: the reference.
        lookup: gives the scores of single-base changes.
        start: gives the runner of the model, which is asked about all others and for extras; None = these get no score.
        calibration: corrects llr and ranks it; None = the columns are left out.
        extras: of `glmtracks.variants.vcf_fields.EXTRAS`.
        longest: bases of REF or ALT, without those they share, above which an allele gets no score.
        neighbours: bases on each side that extras look at.
    """

    genome: Genome
    lookup: Lookup
    start: "Callable[[], Runner] | None" = None
    calibration: "Calibration | None" = None
    extras: tuple[str, ...] = ()
    longest: int = 5000
    neighbours: int = 100

    @property
    def columns(self) -> list[str]:
        """Columns of the scores."""
        return vcf_fields.columns(calibrated=self.calibration is not None, extras=list(self.extras))

    def score(self, table: pa.Table) -> pa.Table:
        """Scores of alleles (whole groups of a call set, as `glmtracks.variants.callset` writes them), one row each."""
        table = table.unify_dictionaries().combine_chunks()
        scores = {name: np.full(table.num_rows, np.nan) for name in self.columns}
        method = np.zeros(table.num_rows, np.int8)
        reason = reason_codes(table["reason"])
        reason[(reason == SCORED) & (table["width"].to_numpy() > self.longest)] = REASON_CODE["too_long"]
        for alleles in _by_contig(table, reason, self.genome):
            for rows, code, found in (self._singles(alleles), self._haplotypes(alleles, reason)):
                for name, values in found.items():
                    scores[name][rows] = values
                method[rows] = code
            scored = alleles.take(~np.isnan(scores["llr"][alleles.rows]))
            for name, values in self._extras(scored).items():
                scores[name][scored.rows] = values
        unscored = np.isnan(scores["llr"])
        reason[unscored & (reason == SCORED)] = REASON_CODE["not_scored"]
        arrays = {name: _rounded(values, _DECIMALS.get(name, DECIMALS)) for name, values in scores.items()}
        arrays["reason"] = reason_column(reason)
        arrays["method"] = pa.DictionaryArray.from_arrays(pa.array(method, mask=unscored), pa.array(METHODS))
        return pa.table([arrays[name] for name in self.columns], schema=vcf_fields.scores_schema(self.columns))

    def _singles(self, alleles: "_OfContig") -> tuple[np.ndarray, int, dict[str, np.ndarray]]:
        """Rows, method and scores of alleles that change one base, or none."""
        these = alleles.take(alleles.single)
        if not len(these.rows):
            return these.rows, 0, {}
        ref, alt = these.before.joined(), these.after.joined()
        llr, entropy = self.lookup(these.contig, these.positions, ref, alt)
        found = {"llr": llr, "entropy": entropy}
        if self.calibration:
            context = self.genome.windows(these.contig, these.positions - 2, 5, wrap=False)
            found["llr_corrected"] = self.calibration.corrected(llr, context, alt)
            found["phred"] = np.where(ref == alt, np.float32(np.nan), self.calibration.phred(llr))  # no change, no rank
        return these.rows, METHODS.index("llr"), found

    def _haplotypes(self, alleles: "_OfContig", reason: np.ndarray) -> tuple[np.ndarray, int, dict[str, np.ndarray]]:
        """Rows, method and scores of all other alleles; enters too long ones in `reason`."""
        from glmtracks.variants.haplotypes import likelihood_ratios

        these = alleles.take(~alleles.single)
        if not len(these.rows) or self.start is None:
            return these.rows, 0, {}
        runner = self.start()
        fits = these.changes.longest <= min(self.longest, (runner.model.context or 2 * self.longest) // 2)
        reason[these.rows[~fits]] = REASON_CODE["too_long"]
        these = these.take(fits)
        llr, normalised = likelihood_ratios(runner, self.genome, these.changes)
        method = "likelihood" if runner.model.objective == "causal" else "pseudo_likelihood"
        return these.rows, METHODS.index(method), {"llr": llr, "llr_norm": normalised}

    def _extras(self, alleles: "_OfContig") -> dict[str, np.ndarray]:
        """Scores that take forward passes for every allele."""
        from glmtracks.variants.haplotypes import embedding_distances, influences

        found = {}
        if not len(alleles.rows) or self.start is None:
            return found
        if "influence" in self.extras:
            found["influence"] = influences(self.start(), self.genome, alleles.changes, self.neighbours)
        if "embedding" in self.extras:
            distances = embedding_distances(self.start(), self.genome, alleles.changes, self.neighbours)
            found |= dict(zip(vcf_fields.EXTRAS["embedding"], distances, strict=True))
        return found


@dataclass
class _OfContig:
    """Alleles of one contig that can have a score: rows int64 (n,) of the table, and what changes where, as codes."""

    contig: str
    rows: np.ndarray
    positions: np.ndarray
    before: Sequences
    after: Sequences

    @property
    def single(self) -> np.ndarray:
        """Which change one base, or none."""
        return (self.before.lengths == 1) & (self.after.lengths == 1)

    @property
    def changes(self):
        """As `glmtracks.variants.haplotypes` takes them."""
        from glmtracks.variants.haplotypes import Changes

        return Changes(self.contig, self.positions, self.before, self.after)

    def take(self, chosen: np.ndarray) -> "_OfContig":
        """Those of a mask (n,)."""
        return _OfContig(
            self.contig, self.rows[chosen], self.positions[chosen], self.before.take(chosen), self.after.take(chosen)
        )


def _by_contig(table: pa.Table, reason: np.ndarray, genome: Genome) -> Iterator[_OfContig]:
    """The alleles that can have a score, one stretch of a contig after the other.

    Those that do not write what they change come last, few at once, because their bases are those of the genome;
    enters in `reason` where these are not known.
    """
    contigs = table["contig"].chunk(0)
    codes = pc.fill_null(contigs.indices, -1).to_numpy()
    start, front, back, structure, width = (table[name].to_numpy() for name in ("start", *CHANGE))
    texts = (Sequences.of(table[name].chunk(0)) for name in ("ref", "alt"))
    ref, alt = (bases._replace(symbols=encode(bases.symbols)) for bases in texts)
    edges = np.flatnonzero(np.diff(codes)) + 1
    for begin, end in pairwise([0, *edges, len(codes)]):
        rows = begin + np.flatnonzero(reason[begin:end] == SCORED)
        if not len(rows):
            continue
        contig = contigs.dictionary[int(codes[begin])].as_py()
        named, rows = rows[structure[rows] != WRITTEN], rows[structure[rows] == WRITTEN]
        before, after = (bases.take(rows).trim(front[rows], back[rows]) for bases in (ref, alt))
        yield _OfContig(contig, rows, start[rows] + front[rows], before, after)
        if not len(named):  # as on most of the many contigs of a draft
            continue
        for some in in_portions(np.maximum(width[named], alt.lengths[named]), AT_ONCE):
            rows = named[some]
            first = stretch_begins(start[rows], structure[rows])
            before, after = spell(genome, contig, first, structure[rows], width[rows], alt.take(rows))
            unknown = undefined(before) | undefined(after)
            reason[rows[unknown]] = REASON_CODE["undefined_base"]
            yield _OfContig(contig, rows, first, before, after).take(~unknown)


def _rounded(values: np.ndarray, decimals: int) -> pa.Array:
    """float32, null where NaN; -0.0 + 0 is 0.0."""
    return pa.array((np.round(values, decimals) + 0).astype(np.float32), mask=np.isnan(values))


def score_alleles(alleles: str | Path, scorers: Scorers, destination: str | Path, metadata: dict[str, str]) -> None:
    """Score a shard of a call set: a Parquet file with a row for each of its alleles, and `metadata` in its schema."""
    schema = vcf_fields.scores_schema(scorers.columns).with_metadata(metadata)
    folder = Path(alleles).parent
    footer, rows = read_footer(alleles, "table", folder), Rows([Path(alleles)], result=folder)
    if not set(ALLELES_SCHEMA.names) <= set(footer.schema.names):
        raise InputError(f"{folder} was made by an earlier version of glmtracks; delete it and run again")
    with (
        atomic(destination) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", **WITH_CHECKSUMS) as writer,
        tqdm(total=footer.num_rows, unit=" alleles", unit_scale=True, desc="scoring", disable=None) as bar,
    ):
        for table in rows.groups(_ROWS):
            writer.write_table(scorers.score(table))
            bar.update(table.num_rows)


def score_callset(
    *,
    alleles: str | Path,
    fasta: str | Path,
    provenance: str | Path,
    model_folder: str | Path,
    plan: str | Path,
    scores: str | Path | None,
    calibration: str | Path | None,
    destination: str | Path,
    settings: dict,
    longest: int,
    neighbours: int,
    extras: list[str],
    threads: int,
) -> None:
    """Score a shard of a call set with a model.

    Args:
        alleles: a file of `glmtracks.variants.callset.read_callset`.
        scores: dataset of the genome's scores by this model; what it lacks, and all where it is None, is scored afresh.
        calibration: folder of `glmtracks.tracks.calibration`; None = no corrected scores.
        destination: the Parquet file to write.
        settings: how genomes are scored (`scores` of the configuration, and the species).
        longest, neighbours, extras: see `Scorers`.
    """
    from glmtracks.scoring.runner import start_runner
    from glmtracks.variants.lookups import combine, dataset_lookup, model_lookup

    calibrated = None
    if calibration:
        from glmtracks.tracks.calibration import Calibration

        calibrated = Calibration.open(calibration)
    genome = Genome(fasta)
    start = cache(lambda: start_runner(Path(model_folder), settings, threads, Path(plan)))
    scorers = Scorers(
        genome,
        combine(*([dataset_lookup(scores)] if scores else []), model_lookup(start, genome)),
        start,
        calibrated,
        tuple(extras),
        longest,
        neighbours,
    )
    neutral = {"neutral": calibrated.said["neutral"]} if calibrated else {}
    score_alleles(alleles, scorers, destination, _made_by(model_folder, provenance) | neutral)


def _made_by(model_folder: str | Path, provenance: str | Path) -> dict[str, str]:
    """What scores that belong together share."""
    return {
        "model_sha256": read_config(model_folder)["sha256"],
        "genome_sha256": json.loads(Path(provenance).read_text(encoding="utf-8"))["sequence_sha256"],
    }
