"""Finding, by alignment, what a part of a corpus has in common with the parts that are held out.

minimap2 (Li 2018) with the settings of `glmtracks.evidence.alignment`, which follow homologous sequence of related
species up to about 20 % divergence, wherever it has moved. The shorter a stretch, the more alike it has to be: of 500
bases nearly all are found at 20 %, of 150 bases less than half at 15 %, of 100 bases none from 5 % on. Repeats are
unknown bases on both sides.
"""

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import mappy
import numpy as np
from tqdm import tqdm

from glmtracks.evidence.alignment import SCORES, seed_length
from glmtracks.genome import UNKNOWN, decode
from glmtracks.windows.corpus import Corpus, CorpusGenome

PIECE = 1_000_000  # bases aligned at once
OVERLAP = 20_000  # bases that neighbouring pieces share, so that what lies across an edge is seen


class Hits(NamedTuple):
    """What of a chunk of a genome is aligned to held-out sequence; two arrays of rows (n, 2) and (n, 3), int64."""

    member: CorpusGenome
    contig: str
    here: np.ndarray
    """start, end on the contig"""
    there: np.ndarray
    """number of the stretch of the index, start and end in it"""


class HeldOutIndex:
    """The bases of some parts of a corpus, indexed to align other parts to them."""

    def __init__(self, corpus: Corpus, parts: Iterable[str], threads: int):
        self.threads = threads
        self.parts: list[str] = []
        self.defined: list[np.ndarray] = []
        self._aligner = None
        with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
            fasta = Path(folder) / "held_out.fa"
            with fasta.open("w") as handle:
                for part in parts:
                    for *_, codes in corpus.stretches(part):
                        handle.write(f">{len(self.parts)}\n{decode(codes)}\n")
                        self.parts.append(part)
                        self.defined.append(codes != UNKNOWN)
            size = sum(int(defined.sum()) for defined in self.defined)
            if size:
                seed, window = seed_length(size), 5 if size < 100_000_000 else 10
                self._aligner = mappy.Aligner(
                    str(fasta), preset="asm20", k=seed, w=window, scoring=SCORES, n_threads=threads
                )

    def hits(self, corpus: Corpus, part: str) -> Iterator[Hits]:
        """Alignments of the chunks of a part to the index, with a progress bar."""
        if self._aligner is None:
            return
        chunks = corpus.stretches(part, overlap=OVERLAP, chunk=PIECE)
        with (
            ThreadPoolExecutor(self.threads) as pool,
            tqdm(total=corpus.bases(part), unit=" bases", unit_scale=True, desc=f"aligning {part}") as bar,
        ):
            while batch := list(islice(chunks, 4 * self.threads)):  # not all chunks are held in memory
                for chunk, hits in zip(batch, pool.map(self._map, batch), strict=True):
                    bar.update(min(len(chunk[3]), PIECE))
                    yield hits

    def _map(self, chunk: tuple[CorpusGenome, str, int, np.ndarray]) -> Hits:
        member, contig, start, codes = chunk
        found = [
            (start + hit.q_st, start + hit.q_en, int(hit.ctg), hit.r_st, hit.r_en)
            for hit in self._aligner.map(decode(codes))
        ]
        table = np.array(found, dtype=np.int64).reshape(-1, 5)
        return Hits(member, contig, table[:, :2], table[:, 2:])
