"""Held out means held out: sequence of the held-out parts that also stands in the training part is found and cut out.

Paralogs, transposons and subtelomeres make the contigs of one genome share sequence, and the genomes of related
species share nearly all of it, in another order and under other names. Two signs are looked for: canonical 21-mers,
which do not coincide by chance, and alignment, which finds homologous sequence of up to about 20 % divergence (see
`glmtracks.windows.homology`; of stretches below 500 bases less). Repeats are left out of the comparison: they are
everywhere, and they weigh little in training.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from glmtracks.errors import InputError
from glmtracks.files import write_json
from glmtracks.intervals import in_genome_order, merge, subtract, wrap
from glmtracks.kmers import canonical_kmers
from glmtracks.windows.corpus import Corpus, CorpusGenome
from glmtracks.windows.homology import HeldOutIndex
from glmtracks.windows.kmer_sets import ContigWords, K, KmerSet, contig_words, part_words

logger = logging.getLogger(__name__)

HELD_OUT = ("test", "validation")
JOIN = 128  # shared stretches of the training part that are closer than this are cut out as one
WARN, FAIL = 0.01, 0.10


def purge(corpus: Corpus, mode: str, related: float, threads: int = 1) -> None:
    """Take out of `train` what also stands in `validation` or `test`, and out of `validation` what stands in `test`.

    In the split of every genome of the corpus it becomes the part "purged". In the mode `stretches` that is what
    canonical 21-mers or alignments cover, 64 bases on either side of it, and what lies between two such within 128
    bases. In the mode `contigs` it is whole contigs that are related to one of the test part: that share more than
    `related` of the 21-mers of the shorter one. Validation contigs that are related to a training contig, themselves or
    through others, go back to training: where many species were sequenced most have a relative, and those that have
    none say best how strangers fare. In the mode `none` it is nothing.
    """
    if mode == "stretches":
        for part, protected in (("validation", HELD_OUT[:1]), ("train", HELD_OUT)):
            index = HeldOutIndex(corpus, protected, threads)
            _purge_homologs(corpus, part, index)  # first, while homologous sequence is in one piece
            _purge_kmers(corpus, part, protected)
            _purge_homologs(corpus, part, index)  # what a longer alignment beside it hid
    if mode == "contigs":
        _purge_contigs(corpus, related)


def _purge_kmers(corpus: Corpus, part: str, protected: Iterable[str]) -> None:
    sets = [KmerSet(corpus, name) for name in protected]
    found = []
    with tqdm(total=corpus.bases(part), unit=" bases", unit_scale=True, desc=f"21-mers of {part}") as bar:
        for member, contig, start, codes in corpus.stretches(part, overlap=K - 1):
            words, defined = canonical_kmers(codes, K)
            order = np.argsort(words)
            shared = np.logical_or.reduce([known.place(words[order])[1] for known in sets])
            places = np.sort(order[shared & defined[order]])
            found.append((member, contig, _runs(places + start)))
            bar.update(len(codes))
    _take_out(corpus, part, found)


def _runs(starts: np.ndarray) -> np.ndarray:
    """Start and end (n, 2) of the runs of k-mers, from their ascending starts; close ones are one run."""
    new = np.flatnonzero(np.diff(starts) > K + JOIN) + 1
    first, last = np.append(0, new), np.append(new - 1, len(starts) - 1)
    return np.stack([starts[first], starts[last] + K], axis=1) if len(starts) else np.zeros((0, 2), dtype=np.int64)


def _purge_homologs(corpus: Corpus, part: str, index: HeldOutIndex) -> None:
    _take_out(corpus, part, [(found.member, found.contig, found.here) for found in index.hits(corpus, part)])


def _purge_contigs(corpus: Corpus, related: float) -> None:
    test = ContigWords(corpus, "test")
    lost = [c for *c, words in contig_words(corpus, "validation") if test.closest(words) > related]
    _move_contigs(corpus, "validation", lost)
    validation = ContigWords(corpus, "validation")
    lost, known = [], np.zeros(len(validation.contigs), dtype=bool)
    for member, contig, words in _with_bar(corpus, "train"):
        if test.closest(words) > related:
            lost.append((member, contig))
        else:
            known |= validation.shares(words) > related
    _move_contigs(corpus, "train", lost)
    families = _families(corpus, validation, related)
    known = np.isin(families, families[known])
    _move_contigs(corpus, "validation", [validation.contigs[n] for n in np.flatnonzero(known)], to="train")


def _families(corpus: Corpus, validation: ContigWords, related: float) -> np.ndarray:
    """The number of the family of each validation contig: those that are related, or have a relative in common."""
    pairs = [np.flatnonzero(validation.shares(words) > related) for *_, words in contig_words(corpus, "validation")]
    first = np.repeat(np.arange(len(pairs)), [len(others) for others in pairs])
    second = np.concatenate([np.zeros(0, dtype=np.int64), *pairs])
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(len(pairs), len(pairs)))
    return connected_components(graph, directed=False)[1]


def _with_bar(corpus: Corpus, part: str):
    total = sum(member.part(part)["contig"].nunique() for member in corpus.genomes)
    return tqdm(contig_words(corpus, part), total=total, unit=" contigs", desc=f"21-mers of {part}")


def _move_contigs(corpus: Corpus, part: str, contigs: list[tuple[CorpusGenome, str]], to: str = "purged") -> None:
    found = [(member, contig, np.array([[0, member.genome.contigs[contig]]])) for member, contig in contigs]
    _take_out(corpus, part, found, to)


def _take_out(corpus: Corpus, part: str, found: list[tuple[CorpusGenome, str, np.ndarray]], to: str = "purged") -> None:
    """Give to another part what of a part lies in intervals, (n, 2) for a genome and contig, or between close ones."""
    for member in corpus.genomes:
        tables = [
            pd.DataFrame({"contig": contig, "start": intervals[:, 0], "end": intervals[:, 1]})
            for owner, contig, intervals in found
            if owner is member and len(intervals)
        ]
        if tables:
            stretches = wrap(pd.concat(tables, ignore_index=True), member.genome.contigs)
            member.split = _without(member.split, part, stretches, to)


def _without(split: pd.DataFrame, part: str, stretches: pd.DataFrame, to: str) -> pd.DataFrame:
    lost = merge(stretches.assign(start=stretches["start"] - JOIN // 2, end=stretches["end"] + JOIN // 2))
    here = split[split["split"] == part]
    kept = subtract(here, lost).assign(split=part)
    moved = subtract(here, kept).assign(split=to)
    table = pd.concat([split[split["split"] != part], kept, moved])[list(split.columns)]
    return in_genome_order(table, split["contig"])


def lint(corpus: Corpus, mode: str, related: float, threads: int = 1) -> dict:
    """What of the held-out parts the training part still holds.

    Returns k, and in `parts` for test and validation: bases, kmers (distinct canonical 21-mers outside repeats),
    shared_kmers and shared_share (of them, in the training part), sampled_share, and aligned_share (of the bases
    outside repeats, aligned to the training part); `closest`, the training contig that is most like one held out;
    the `limit`; the `verdict`: ok, warn where a share is above 1 %, fail above 10 %; and a `summary` in words. In the
    mode `contigs` the measure is the `closest` alone, which must not be above `related`; stretches may be shared, and
    are not aligned.
    """
    parts = {part: {"bases": corpus.bases(part), **found} for part, found in _shared_kmers(corpus).items()}
    if mode == "contigs":
        closest = _closest(corpus)
        limit, verdict = related, "fail" if closest["share"] > related else "ok"
    else:
        for part, share in _aligned_shares(corpus, threads).items():
            parts[part]["aligned_share"] = share
        closest = None
        share = max(max(found["shared_share"], found["aligned_share"]) for found in parts.values())
        limit, verdict = FAIL, "fail" if share > FAIL else "warn" if share > WARN else "ok"
    blind = [part for part, found in parts.items() if found["bases"] and not found["kmers"]]
    return {
        "k": K,
        "parts": parts,
        "closest": closest,
        "limit": limit,
        "verdict": "warn" if blind and verdict == "ok" else verdict,
        "summary": _in_words(parts, closest)
        + (f"; all of the {blind[0]} part is repeat, so nothing of it was compared" if blind else ""),
    }


def _shared_kmers(corpus: Corpus) -> dict[str, dict]:
    sets = {part: KmerSet(corpus, part) for part in HELD_OUT}
    found = {part: np.zeros(len(known.words), dtype=bool) for part, known in sets.items()}
    for rising in part_words(corpus, "train"):
        for part, known in sets.items():
            place, present = known.place(known.sample(rising))
            found[part][place[present]] = True
    return {
        part: {
            "kmers": len(known.words),
            "shared_kmers": int(found[part].sum()),
            "shared_share": _share(found[part].sum(), len(known.words)),
            "sampled_share": round(known.sampled, 6),
            "aligned_share": None,
        }
        for part, known in sets.items()
    }


def _aligned_shares(corpus: Corpus, threads: int) -> dict[str, float]:
    index = HeldOutIndex(corpus, HELD_OUT, threads)
    covered = [np.zeros(len(defined), dtype=bool) for defined in index.defined]
    for hits in index.hits(corpus, "train"):
        for number, start, end in hits.there.tolist():  # alignments, not bases
            covered[number][start:end] = True
    counts = {part: np.zeros(2, dtype=np.int64) for part in HELD_OUT}
    for part, defined, aligned in zip(index.parts, index.defined, covered, strict=True):
        counts[part] += [(defined & aligned).sum(), defined.sum()]
    return {part: _share(*count) for part, count in counts.items()}


def _closest(corpus: Corpus) -> dict:
    """The training contig that shares most with a contig held out: both, and the share."""
    best = {"share": 0.0, "genome": None, "contig": None, "held_out_genome": None, "held_out_contig": None}
    indexes = [ContigWords(corpus, part) for part in HELD_OUT]
    for member, contig, words in _with_bar(corpus, "train"):
        for index in indexes:
            shares = index.shares(words)
            if len(shares) and shares.max() > best["share"]:
                other, name = index.contigs[shares.argmax()]
                names = (round(float(shares.max()), 6), member.name, contig, other.name, name)
                best = dict(zip(best, names, strict=True))
    return best


def _share(part: int, whole: int) -> float:
    return round(float(part / whole), 6) if whole else 0.0


def _in_words(parts: dict[str, dict], closest: dict | None) -> str:
    if closest is not None:
        what = f"{closest['contig']} of {closest['genome']}" if closest["contig"] else "no training contig"
        return f"{what} shares {closest['share']:.1%} of its {K}-mers with a contig held out, more than any other"
    shares = [
        f"{found['shared_share']:.1%} of the {K}-mers and {found['aligned_share']:.1%} of the bases of the {part} part"
        for part, found in parts.items()
    ]
    return f"{' and '.join(shares)} also stand in the training part"


def check_leakage(shared: Path, destination: Path, allow_leak: bool) -> None:
    """Write what `glmtracks.windows.cutting.cut_corpus` found in a corpus with the setting `allow_leak`.

    Raises `InputError`, and writes nothing, where it is too much and not allowed.
    """
    found = json.loads(Path(shared).read_text(encoding="utf-8"))
    message = f"{'+'.join(found['genomes'])}: {found['summary']}"
    if found["verdict"] == "fail" and not allow_leak:
        raise InputError(
            f"{message} (limit {100 * found['limit']:g}%); set split.purge: stretches, choose other test contigs, or "
            "set split.allow_leak: true"
        )
    logger.log(logging.INFO if found["verdict"] == "ok" else logging.WARNING, f"{message} ({found['verdict']})")
    write_json(destination, {**found, "allow_leak": allow_leak})
