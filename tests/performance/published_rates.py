"""How much of a processor's matrix-product rate published architectures use, and what tokens of k bases save."""

import logging
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from glmtracks.models.published import Published
from glmtracks.scoring.devices import matrix_product_rate, pick_device
from glmtracks.scoring.strategies import choose

from .efficiency import SIZE
from .published_sizes import BASE, ESM, ESM_6, SIZES, Size, build
from .table import Measured

logger = logging.getLogger(__name__)

GOAL = 0.4
EXEMPT = ("plant_caduceus",)  # of the goal: the scan
RUNS = 3  # of each timing, after one that warms up; the best counts
ASKED = 48  # bases of the window of which every base is asked about


def measure_published(threads: int) -> list[Measured]:
    """Shares for each architecture at a published size in float32, as these are run, and the cost of k-mers."""
    torch.set_num_threads(threads)
    return [*(_share(name, size) for name, size in SIZES.items()), measure_kmers()]


@torch.inference_mode()
def _share(name: str, size: Size, runs: int = RUNS) -> Measured:
    """From windows to log-probabilities, a few bases of each hidden."""
    device = pick_device("auto")
    model, (rows, length) = build(size).to(device), size.batch
    codes = torch.randint(4, (rows, length), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(device)

    def ask() -> None:
        if model.objective == "masked":
            model.log_probs(codes, hidden=torch.arange(length, device=device).expand(rows, -1) % 64 == 0)
        else:
            model.log_probs(codes)

    with FlopCounterMode(display=False) as counter:
        ask()
    seconds, rates = [], []
    for _ in range(runs):  # in turns, since other programs may slow down either
        rates.append(matrix_product_rate(device, torch.float32, SIZE[device.type]))
        began = time.perf_counter()
        ask()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    speed = counter.get_total_flops() / min(seconds)
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    note = (
        f"{size.kind}, {millions:.0f} M weights, {rows} × {length:,} bases, {rows * length / min(seconds):,.0f} bases/s"
    )
    note += f", {speed / 1e9:,.0f} of {max(rates) / 1e9:,.0f} GFLOP/s" + (f"; {size.note}" if size.note else "")
    found = Measured(
        f"{name}: share of the float32 matrix-product rate",
        speed / max(rates),
        "" if size.kind in EXEMPT else f"≥ {GOAL}",
        note,
    )
    logger.info(f"{found.name}: {found.value:.3f}, {note}")
    return found


def measure_kmers(options: dict = BASE, length: int = ASKED, runs: int = RUNS) -> Measured:
    """Seconds of asking about every base of a window with single masks: k-mers, over single bases divided by k.

    The network is the same but for its vocabulary. One pass hides a k-mer and answers for k bases, and it reads a k-th
    of the tokens.
    """
    shape = ESM | options | {"max_position_embeddings": length + 3}
    single = ["<unk>", "<pad>", "<mask>", "<cls>", *"ACGTN"]
    kmer, base = (_seconds(_esm(vocabulary, shape), length, runs) for vocabulary in (ESM_6, single))
    note = f"{kmer:.2f} s against {base:.2f} s for {length} bases, one strand; k = 6, so 1 is a sixth of the cost"
    return Measured("6-mers over single bases, exact cost of a base times k", 6 * kmer / base, "≤ 1", note)


def _esm(vocabulary: list[str], shape: dict) -> Published:
    return build(Size("nucleotide_transformer", vocabulary, shape | {"vocab_size": len(vocabulary)}, (1, 0)))


@torch.inference_mode()
def _seconds(model: Published, length: int, runs: int) -> float:
    codes = torch.randint(4, (1, length), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    strategy, seconds = choose(model, "masked", strands=1), []
    for _ in range(runs + 1):
        began = time.perf_counter()
        strategy.log_probs(model, codes)
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
