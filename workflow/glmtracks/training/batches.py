"""Which windows a training step sees: a function of seed and step alone, so that a run can stop and go on anywhere."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from glmtracks.errors import InputError
from glmtracks.training.packed import PackedCorpus, Windows, reverse_complement


class Batches(Dataset):
    """Batch number `step`: windows in random order, each randomly moved and read from a random strand.

    Every window is seen once, or as often as its genome's repetitions say, before any is seen again. With `ranks`
    processes each gets its share of the same batch.
    """

    def __init__(self, packed: PackedCorpus, *, batch: int, seed: int, rank: int = 0, ranks: int = 1):
        self.packed, self.batch, self.seed = packed, batch, seed
        self.mine = slice(rank, None, ranks)
        rows = packed.rows("train")
        self.train = np.repeat(rows, packed.windows["repetitions"].to_numpy()[rows])
        if not len(self.train):
            raise InputError(
                "the corpus has no training window; leave contigs for training when naming those for test, or set "
                "windows.recipe: genome where the others have no annotation"
            )
        if batch % ranks:
            raise InputError(f"a batch of {batch} windows cannot be divided among {ranks} processes; change batch")
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 0, epoch]).permutation(self.train)

    def __getitem__(self, step: int) -> Windows:
        rng = np.random.default_rng([self.seed, 1, step])
        epoch, place = np.divmod(np.arange(step * self.batch, (step + 1) * self.batch), len(self.train))
        rows = np.concatenate([self._order(int(e))[place[epoch == e]] for e in np.unique(epoch)])
        table = self.packed.windows
        left, right = (table[side].to_numpy()[rows] for side in ("slack_left", "slack_right"))
        shift = rng.integers(-left, right + 1)
        other_strand = rng.random(self.batch) < 0.5
        noise = rng.random((self.batch, self.packed.size), dtype=np.float32)
        windows = self.packed.cut(rows[self.mine], shift[self.mine], noise[self.mine])
        return reverse_complement(windows, torch.from_numpy(other_strand[self.mine]))


class _Steps(Sampler):
    """The steps from `start` on; without a length, since the trainer counts what is left from its checkpoint."""

    def __init__(self, start: int, end: int):
        self.range = range(start, end)

    def __iter__(self) -> Iterator[int]:
        return iter(self.range)


def training_loader(batches: Batches, start: int, end: int, cuda: bool) -> DataLoader:
    """The batches of steps `start` to `end`. Beside a GPU they are cut ahead of time, in processes of their own."""
    processes = {"num_workers": 2, "multiprocessing_context": "fork"}  # which share the bases; others are sent a copy
    ahead = {**processes, "pin_memory": True, "prefetch_factor": 8} if cuda else {}
    return DataLoader(batches, sampler=_Steps(start, end), batch_size=None, **ahead)


class _Cuts(Dataset):
    """Given windows, cut once and for all, a few at a time."""

    def __init__(self, packed: PackedCorpus, rows: np.ndarray, at_once: int):
        self.packed = packed
        self.groups = np.array_split(rows, -(-len(rows) // at_once)) if len(rows) else []

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, number: int) -> Windows:
        rows = self.groups[number]
        noise = np.random.default_rng([0, number]).random((len(rows), self.packed.size), dtype=np.float32)
        return self.packed.cut(rows, noise=noise)


def validation_loader(packed: PackedCorpus, part: str, most: int, at_once: int) -> DataLoader:
    """At most `most` evenly spaced windows of a part of the split, on the strand of the genome, always the same."""
    rows = packed.rows(part)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return DataLoader(_Cuts(packed, rows, at_once), batch_size=None)
