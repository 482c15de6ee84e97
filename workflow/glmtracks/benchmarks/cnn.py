"""A small convolutional network on the bases themselves: what labelled windows alone teach, without pretraining."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.base import reverse_complement

SHOWN, MOST_EPOCHS, LEAST_EPOCHS, BATCH = 60_000, 12, 3, 128  # windows shown in a training, so that it takes seconds
RATE, DECAY, DROPOUT = 4e-3, 1e-2, 0.2
FILTERS, WIDTH = 32, 9  # of the first layer, as wide as the motifs that most binding sites are
POOL, CHANNELS, SPAN = 4, 48, 5  # of the second, which sees some 25 bases
AT_ONCE = 4_096  # windows predicted at a time


class Network(nn.Module):
    """Two layers of convolutions, mean and maximum over what they find, and a linear layer over both.

    The convolutions are written as linear layers over stretches, which is twice as fast on a CPU for so few channels.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.first, self.second = nn.Linear(4 * WIDTH, FILTERS), nn.Linear(FILTERS * SPAN, CHANNELS)
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(2 * CHANNELS, classes))

    def forward(self, codes: Tensor) -> Tensor:
        """Logits (batch, classes) of windows, uint8 (batch, length); an unknown base is four zeros."""
        letters = F.one_hot(codes.long(), 5)[..., :4].float()
        found = _over_stretches(self.first, letters, WIDTH)
        found = found[:, : found.shape[1] // POOL * POOL].unflatten(1, (-1, POOL)).amax(dim=2)
        found = _over_stretches(self.second, found, SPAN)
        return self.head(torch.cat([found.mean(dim=1), found.amax(dim=1)], dim=1))


def _over_stretches(layer: nn.Linear, values: Tensor, width: int) -> Tensor:
    """A convolution of (batch, length, channels) without padding, rectified."""
    return layer(values.unfold(1, width, 1).flatten(2)).relu()


class OneHotCnn:
    """A classifier of windows with the interface of scikit-learn: `fit`, `predict_proba`, `classes_`.

    Each window is shown from either strand by chance, and asked about on both; classes weigh the same whatever their
    number, as in the linear probe. Every step is the same by `seed`, on one thread.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def fit(self, codes: np.ndarray, classes: np.ndarray) -> "OneHotCnn":
        """Train on windows, uint8 (n, length), 0..3 for A, C, G, T and 4 for unknown, and their classes, text (n,)."""
        self.classes_, truth = np.unique(classes.astype(str), return_inverse=True)
        windows, truth = torch.from_numpy(np.ascontiguousarray(codes)), torch.from_numpy(truth)
        weight = 1 / torch.bincount(truth).float()
        draws = torch.Generator().manual_seed(self.seed)
        with _one_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._network = Network(len(self.classes_)).train()
            optimiser = torch.optim.AdamW(self._network.parameters(), lr=RATE, weight_decay=DECAY)
            epochs = min(max(SHOWN // len(windows), LEAST_EPOCHS), MOST_EPOCHS)
            steps = epochs * -(-len(windows) // BATCH)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
            for _ in range(epochs):
                for rows in torch.randperm(len(windows), generator=draws).split(BATCH):
                    turned = torch.rand(len(rows), 1, generator=draws) < 0.5
                    shown = torch.where(turned, reverse_complement(windows[rows]), windows[rows])
                    loss = F.cross_entropy(self._network(shown), truth[rows], weight=weight)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
        self._network.eval()
        return self

    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """Probabilities of the classes, float64 (n, classes): the mean of the logits of both strands."""
        windows = torch.from_numpy(np.ascontiguousarray(codes))
        with _one_thread(), torch.inference_mode():
            logits = [(self._network(w) + self._network(reverse_complement(w))) / 2 for w in windows.split(AT_ONCE)]
            return torch.cat(logits).double().softmax(dim=1).numpy()


class _one_thread:
    """While it lasts, torch computes on one thread, so that sums are made in one order on every machine."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_) -> None:
        torch.set_num_threads(self._before)
