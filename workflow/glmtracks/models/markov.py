"""A Markov chain of order k: the baseline that every model must beat."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glmtracks.errors import InputError
from glmtracks.kmers import kmers
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.windows.corpus import Corpus


class Markov(GenomicLanguageModel):
    """P(base | the k bases to its left), counted on both strands and smoothed towards the lower orders.

    With n(c, b) the number of times base b follows context c of length j on either strand,

        P_j(b | c) = (n(c, b) + prior · P_{j-1}(b | c without its first base)) / (n(c, ·) + prior),    P_{-1} = 1/4,

    where the counts of lower orders are the marginals of those of order k. A context that holds an unknown base is cut
    behind it, so that the longest usable order predicts.
    """

    kind = "markov"
    objective = "causal"
    strands = 1  # as chains are used everywhere; their counts are of both strands

    def __init__(self, order: int, prior: float):
        super().__init__(order=order, prior=prior)
        self.order, self.prior = order, prior
        self.register_buffer("counts", torch.zeros(4 ** (order + 1), dtype=torch.int64))
        self._table: Tensor | None = None

    @property
    def receptive_field(self) -> int:
        return self.order

    def table(self) -> Tensor:
        """Log-probabilities (contexts of order 0, then of order 1, … up to order k; 4), float32."""
        if self._table is None:
            prediction, rows = torch.full((1, 4), 0.25, dtype=torch.float64), []
            for order in range(self.order + 1):
                counts = self.counts.view(-1, 4**order, 4).sum(0).double()
                # the last bases of a context are its low digits
                prediction = prediction.repeat(4**order // len(prediction), 1)
                prediction = (counts + self.prior * prediction) / (counts.sum(1, keepdim=True) + self.prior)
                rows.append(prediction.log().float())
            self._table = torch.cat(rows).to(self.counts.device)
        return self._table

    @torch.inference_mode()
    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        length = codes.shape[-1]
        known = codes < 4
        digits = torch.where(known, codes, 0).long()
        context, usable = torch.zeros_like(digits), torch.zeros_like(digits)
        unbroken = torch.ones_like(known)
        for distance in range(1, min(self.order, length - 1) + 1):
            context[..., distance:] += digits[..., :-distance] << 2 * (distance - 1)
            unbroken[..., distance:] &= known[..., :-distance]
            unbroken[..., :distance] = False
            usable += unbroken
        contexts = 1 << 2 * usable  # of this order; in the table 1 + 4 + 16 + … of lower orders stand before them
        return self.table()[(contexts - 1) // 3 + (context & (contexts - 1))]

    def fit(self, corpus: Corpus, parameters: dict, folder: Path) -> pd.DataFrame:
        """Count (k+1)-mers over the training part of every genome of the corpus, both strands.

        Raises `InputError` where there is none: without counts every base would be as likely as any other.
        """
        counts = np.zeros(4 ** (self.order + 1), dtype=np.int64)
        for *_, codes in corpus.stretches("train", overlap=self.order, repeats=True):
            words, defined = kmers(codes, self.order + 1)
            counts += np.bincount(words[defined], minlength=len(counts))
        if not counts.any():
            raise InputError(
                f"the training part of the corpus has no {self.order + 1} defined bases in a row to count; leave "
                "contigs for training when naming those for test and validation"
            )
        forward = counts.reshape((4,) * (self.order + 1))
        both = forward + np.flip(forward).T  # an axis is a base: complementing flips it, reversing reverses their order
        self.counts.copy_(torch.from_numpy(both.reshape(-1)))
        self._table = None
        return pd.DataFrame({"step": [0], "counted": [int(both.sum())]})
