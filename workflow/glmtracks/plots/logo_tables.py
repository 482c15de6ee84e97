"""Tables of sequence logos: what stands around the sites of genes, and what models expect there."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.annotation import read_annotation
from glmtracks.annotation.gene_parts import ACCEPTOR, DONOR, STRANDS, transcript_parts
from glmtracks.genome import BASES, UNKNOWN, Genome, complement
from glmtracks.overview import read_summary
from glmtracks.variants.snv_records import inside
from glmtracks.windows.split import read_split

FLANK = 15  # bases before the first base of a site, and from it on
OBSERVED = "bases in the genome"  # no model can be called so: names have no spaces
STRETCH = 1_000_000  # bases of scores held in memory at once


def logo_start_codons(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """source, position, A, C, G, T, n: mean probability of each base around annotated start codons.

    source    `OBSERVED` (how often each base stands there), then the best model and the best baseline by held-out
              nats per base, where the genome has that task; else the first of each
    position  -15 … -1, 1 … 15; 1 is the first base of the start codon. There is no position 0.
    n         start codons: those in the test part whose 30 bases are all defined, and scored by the models shown
    """
    return _logo(sources, genome, baseline, "start")


def logo_sites(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """site (donor, acceptor, stop), and the columns of `logo_start_codons` around such sites.

    Position 1 is the first base of the intron, the first base after it, and the first base of the stop codon.
    """
    tables = [_logo(sources, genome, baseline, site) for site in ("donor", "acceptor", "stop")]
    return pd.concat([table for table in tables if len(table)] or [pd.DataFrame()], ignore_index=True)


def _logo(sources: dict[str, list], genome: str, baseline: dict[str, bool], site: str) -> pd.DataFrame:
    datasets = {Path(path).parent.name: path for path in sources["datasets"]}
    summary = read_summary(*sources["summaries"])
    shown = _best_models(summary[summary["genome"] == genome], [m for m in baseline if m in datasets], baseline)
    contigs = [tracks.contigs(datasets[model]) for model in shown]
    scored = {name: size for name, size in contigs[0].items() if all(name in c for c in contigs)} if shown else {}
    if not scored:
        return pd.DataFrame()
    places = _places(sources, scored, site)
    fasta, columns = Genome(sources["fasta"][0]), ["position", *BASES]
    sums, n = {name: np.zeros((2 * FLANK, 4)) for name in (OBSERVED, *shown)}, 0
    for contig, low, high, position, forward in _stretches(places):
        offsets = np.where(forward[:, None], np.arange(-FLANK, FLANK), np.arange(FLANK, -FLANK, -1)) + position[:, None]
        codes = fasta.codes(contig, low, high)[offsets - low]
        codes = np.where(forward[:, None], codes, complement(codes))
        chance = {OBSERVED: np.where(codes[..., None] == UNKNOWN, np.nan, codes[..., None] == np.arange(4))}
        for model in shown:
            log_probs = tracks.log_probs(tracks.read(datasets[model], (contig, low, high), tracks.LLR_COLUMNS))
            found = np.exp(log_probs)[offsets - low]
            # A, C, G, T reversed is the complement
            chance[model] = np.where(forward[:, None, None], found, found[..., ::-1])
        known = np.all([np.isfinite(found).all(axis=(1, 2)) for found in chance.values()], axis=0)
        n += int(known.sum())
        for source, found in chance.items():
            sums[source] += found[known].sum(axis=0)
    if not n:
        return pd.DataFrame()
    place = np.concatenate([np.arange(-FLANK, 0), np.arange(1, FLANK + 1)])
    tables = [
        pd.DataFrame(np.column_stack([place, total / n]), columns=columns).assign(site=site, source=name, n=n)
        for name, total in sums.items()
    ]
    return pd.concat(tables, ignore_index=True).astype({"position": int})[["site", "source", *columns, "n"]]


def _best_models(summary: pd.DataFrame, models: list[str], baseline: dict[str, bool]) -> list[str]:
    """The best model and the best baseline among `models`; the first of each where the summary does not tell."""
    found = summary[(summary["task"] == "perplexity") & (summary["headline"] == "yes")]
    loss = found.set_index("scorer")["value"].to_dict()
    ranked = sorted(models, key=lambda model: loss.get(model, np.inf))
    sides = ([model for model in ranked if baseline[model] is side] for side in (False, True))
    return [side[0] for side in sides if side]


def _places(sources: dict[str, list], scored: dict[str, int], site: str) -> pd.DataFrame:
    """First bases of sites, in reading direction, in the test part: contig, position (0-based), forward."""
    features = read_annotation(sources["annotation"][0])
    features = features[features["contig"].isin(list(scored))]
    found = _codons(features, site) if site in ("start", "stop") else _splice_sites(features, scored, site)
    found = found.drop_duplicates(["contig", "position", "forward"])
    split = read_split(sources["split"][0]).query("split == 'test'")
    position, length = found["position"], found["contig"].map(scored).astype("int64")
    kept = inside(found.assign(start=position), split)
    kept &= (position >= FLANK) & (position + FLANK < length)
    return found.loc[kept, ["contig", "position", "forward"]]


def _codons(features: pd.DataFrame, site: str) -> pd.DataFrame:
    """First bases of the first, or the last, codons of coding sequences; of the last, those that no intron cuts."""
    coding = features[features["feature"] == "CDS"]
    ends = coding.groupby(["contig", "transcript", "strand"], observed=True, sort=False).nth
    low, high = ends(0), ends(-1)
    if site == "start":
        low, high = (part[part["phase"] == 0] for part in (low, high))
        plus, minus = low.assign(position=low["start"]), high.assign(position=high["end"] - 1)
    else:
        low, high = (part[part["end"] - part["start"] >= 3] for part in (low, high))
        plus, minus = high.assign(position=high["end"] - 3), low.assign(position=low["start"] + 2)
    return pd.concat(
        [plus[plus["strand"] == "+"].assign(forward=True), minus[minus["strand"] == "-"].assign(forward=False)]
    )


def _splice_sites(features: pd.DataFrame, contigs: dict[str, int], site: str) -> pd.DataFrame:
    """First bases of introns, or of what follows them."""
    parts = transcript_parts(features, contigs)
    parts = parts[parts["region"] == (DONOR if site == "donor" else ACCEPTOR)]
    forward = parts["strand"] == STRANDS.index("+")
    before, after = (parts["start"], parts["end"]) if site == "donor" else (parts["end"], parts["start"])
    return parts.assign(position=np.where(forward, before, after - 1), forward=forward)


def _stretches(places: pd.DataFrame) -> Iterator[tuple[str, int, int, np.ndarray, np.ndarray]]:
    """Sites that lie within 1 Mb: contig, the interval to read, positions and strands."""
    for (contig, _), rows in places.groupby(["contig", places["position"] // STRETCH], sort=False, observed=True):
        position, forward = rows["position"].to_numpy(), rows["forward"].to_numpy()
        yield str(contig), int(position.min()) - FLANK, int(position.max()) + FLANK + 1, position, forward
