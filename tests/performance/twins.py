"""Models of other objectives with as many parameters, and about the receptive field, of a given one."""

import inspect

import torch

from glmtracks.models.registry import model_class
from glmtracks.schemas import fill_defaults, schema
from glmtracks.scoring.devices import pick_device
from glmtracks.sheets import read_sheet

from .corpus import CHECKOUT, SEED

PRESET = CHECKOUT / "config" / "presets" / "yeast" / "models.tsv"
LARGE = {"width": 512, "layers": 23, "kernel": 3, "max_dilation": 128}  # one_pass of 25 M parameters, 1.3 kb of reach
BATCH = {"cpu": 16, "cuda": 128}  # windows of a training step; the preset's are those of a GPU
CLOSE = 0.05  # share by which parameters and receptive field may differ
LAYERS, WIDTHS = range(1, 25), range(16, 513, 8)


def preset() -> dict:
    """Parameters of the one-pass model of the preset for yeast, as in its sheet, with a batch for this device.

    Without dropout, since nothing is learned by heart in the minutes that a model is given here.
    """
    rows = read_sheet(str(PRESET), "models", [])
    trained = [row["parameters"] for row in rows if row["kind"] == "one_pass" and row["parameters"].get("steps", 1)]
    return trained[0] | {"batch": BATCH[pick_device("auto").type], "dropout": 0}


def architecture(kind: str, parameters: dict) -> dict:
    """What the class of a kind takes of some parameters, with the defaults of the kind."""
    filled, taken = fill_defaults(parameters, schema(f"parameters/{kind}")), inspect.signature(model_class(kind))
    return {key: filled[key] for key in taken.parameters if key in filled and key != "species"}


def recipe(kind: str, parameters: dict) -> dict:
    """The default recipe of a kind with the batch of some parameters; training is not stopped early."""
    kept = {key: parameters[key] for key in ("batch",) if key in parameters}
    filled = fill_defaults(kept | {"seed": SEED}, schema(f"parameters/{kind}"))
    return filled | {"patience": filled["validations"]}


def size(kind: str, shape: dict) -> tuple[int, int]:
    """Number of parameters, and receptive field in bases, of a model."""
    with torch.device("meta"):  # without memory for weights
        model = model_class(kind)(**shape)
    return sum(p.numel() for p in model.parameters()), model.receptive_field


def twin(kind: str, other: str, shape: dict) -> dict:
    """The architecture of `kind` with the number of parameters that is closest to that of `other` of a given shape.

    Layers and width are searched; parameters and receptive field lie within 5 % of the other's, and kernel and
    dilations are the defaults of the kind (a kernel of nine bases for `masked`, as in GPN), or those of `shape` where
    both are causal. Raises ValueError where there is none.
    """
    wanted, field = size(other, shape)
    kept = {} if kind == "masked" else {key: shape[key] for key in ("kernel", "max_dilation")}
    filled, best, gap = architecture(kind, kept), None, CLOSE * wanted
    for layers in LAYERS:
        for width in WIDTHS:
            found = filled | {"layers": layers, "width": width}
            parameters, reach = size(kind, found)
            if abs(reach - field) > CLOSE * field or parameters > wanted + gap:
                break  # wider ones have the same receptive field and more parameters
            if abs(parameters - wanted) <= gap:
                best, gap = found, abs(parameters - wanted)
    if best is None:
        raise ValueError(f"no {kind} model is like a {other} model of {shape}")
    return best
