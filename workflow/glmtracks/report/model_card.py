"""The model card: what a stranger has to know before using the weights, written beside them."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from glmtracks.files import atomic, read_json
from glmtracks.models.registry import KINDS, read_config

TEMPLATE = Path(__file__).resolve().parents[2] / "report" / "model_card.md.j2"


def write_card(folder: Path, licence: str) -> None:
    """Write README.md to the folder of a trained model, from what lies there and the licence of its weights."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    config, metrics = read_config(folder), read_json(folder / "metrics.json")
    text = environment.get_template(TEMPLATE.name).render(
        name=folder.name,
        config=config,
        objective=KINDS[config["kind"]].objective,
        licence=licence,
        recipe={key: value for key, value in config["training"].items() if key not in config["architecture"]},
        metrics=metrics,
        groups=dict.fromkeys(key.partition("_nats_per_base")[2] for key in metrics if "_nats_per_base" in key),
    )
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
