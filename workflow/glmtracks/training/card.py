"""The model card: what a stranger has to know before using the weights, written beside them."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from glmtracks.files import atomic, sha256
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.registry import read_config
from glmtracks.windows.corpus import Corpus

TEMPLATE = Path(__file__).resolve().parents[2] / "report" / "model_card.md.j2"


def write_card(folder: Path, model: GenomicLanguageModel, corpus: Corpus) -> None:
    """Write README.md to the folder of a trained model, from its config.json and metrics.json and the corpus."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    config, metrics = read_config(folder), json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    text = environment.get_template(TEMPLATE.name).render(
        name=folder.name,
        model=model,
        config=config,
        recipe={key: value for key, value in config["training"].items() if key not in model.architecture},
        metrics=metrics,
        groups=dict.fromkeys(key.partition("_nats_per_base")[2] for key in metrics if "_nats_per_base" in key),
        genomes=[_describe(member) for member in corpus.genomes],
    )
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _describe(member) -> dict:
    lengths = member.split["end"] - member.split["start"]
    bases = lengths.groupby(member.split["split"]).sum().to_dict()
    windows = member.windows["split"].value_counts().to_dict()
    return {
        "name": member.name,
        "species": member.species,
        "sha256": sha256(member.genome.path),
        "contigs": len(member.genome.contigs),
        "bases": bases,
        "windows": windows,
        "repetitions": member.repetitions,
        "evidence": member.evidence.name if member.evidence else "",
    }
