"""A methods paragraph for a paper, from what a run did: its files say the settings, envs/*.yaml the versions."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from glmtracks import __version__
from glmtracks.files import read_json

ENVIRONMENTS = Path(__file__).resolve().parents[3] / "envs"
REPEATS = {
    "dust": ("pydustmasker", "by symmetric DUST"),
    "tantan": ("tantan", "by tantan"),
    "windowmasker": ("blast", "by WindowMasker"),
    "soft": (None, "from the lower case of the FASTA"),
}
# What a sentence names -> who is to be cited for it.
CITATIONS = {
    "Snakemake": "Mölder et al. 2021, F1000Research, doi:10.12688/f1000research.29032",
    "PyTorch": "Paszke et al. 2019, NeurIPS 32, arXiv:1912.01703",
    "NumPy": "Harris et al. 2020, Nature, doi:10.1038/s41586-020-2649-2",
    "SciPy": "Virtanen et al. 2020, Nature Methods, doi:10.1038/s41592-019-0686-2",
    "bioframe": "Open2C et al. 2024, Bioinformatics, doi:10.1093/bioinformatics/btae088",
    "HTSlib and pysam": "Danecek et al. 2021, GigaScience, doi:10.1093/gigascience/giab008",
    "minimap2": "Li 2018, Bioinformatics, doi:10.1093/bioinformatics/bty191",
    "bigtools": "Huey and Abdennur 2024, Bioinformatics, doi:10.1093/bioinformatics/btae350",
    "matplotlib": "Hunter 2007, Computing in Science & Engineering, doi:10.1109/MCSE.2007.55",
    "scoring of variants by genomic language models": "Benegas et al. 2023, PNAS, doi:10.1073/pnas.2311219120",
    "symmetric DUST": "Morgulis et al. 2006, J. Comput. Biol., doi:10.1089/cmb.2006.13.1028",
    "tantan": "Frith 2011, Nucleic Acids Research, doi:10.1093/nar/gkq1212",
    "WindowMasker": "Morgulis et al. 2006, Bioinformatics, doi:10.1093/bioinformatics/bti774",
}
_TOOLS = {  # as papers call them -> the package that environments pin
    "PyTorch": "pytorch",
    "NumPy": "numpy",
    "SciPy": "scipy",
    "bioframe": "bioframe",
    "HTSlib and pysam": "pysam",
    "minimap2": "mappy",
    "bigtools": "pybigtools",
    "matplotlib": "matplotlib",
}


def versions() -> dict[str, str]:
    """Package -> version of everything that the conda environments of the workflow pin."""
    pinned = re.compile(r"^\s*-\s*([\w.-]+)=+([\w.]+)\s*$", re.MULTILINE)
    texts = (file.read_text(encoding="utf-8") for file in sorted(ENVIRONMENTS.glob("*.yaml")))
    return dict(found for text in texts for found in pinned.findall(text))


def methods(
    results: Path, genomes: Mapping[str, dict], models: Mapping[str, dict], summary: pd.DataFrame
) -> dict[str, list[str]]:
    """The text of the methods section and its references.

    Args:
        results: the folder results/.
        genomes, models: rows of the sheets by name.
        summary: the benchmark table.

    Returns:
        paragraphs (without line breaks) and references (what is cited, and the citation), in the order of the text.
    """
    pinned = versions()
    scored = {name: row for name, row in genomes.items() if row["scored"]}
    repeats = {row["repeats"]: [] for row in scored.values()}
    for name, row in scored.items():
        repeats[row["repeats"]].append(name)
    tools = ", ".join(f"{name} {pinned[package]}" for name, package in _TOOLS.items() if package in pinned)
    paragraphs = [
        f"Genomes were annotated with glmtracks {__version__}, a Snakemake workflow. "
        + " ".join(_genome(results, name, row) for name, row in scored.items())
        + "".join(f" {_repeats(one, names if len(repeats) > 1 else [], pinned)}" for one, names in repeats.items()),
        *_others(results, {name: row for name, row in genomes.items() if not row["scored"]}),
        *(
            _model(results, name, row, [genome for genome, about in scored.items() if name in about["models"]])
            for name, row in models.items()
        ),
        _scores(),
        *_benchmark(summary),
        f"The environments pin {tools}.",
    ]
    text = " ".join(paragraphs)
    cited = [name for name in CITATIONS if name in text or name.startswith("scoring")]
    return {"paragraphs": paragraphs, "references": [f"{name}: {CITATIONS[name]}" for name in cited]}


def _genome(results: Path, name: str, row: dict) -> str:
    made = read_json(results / "genomes" / name / "provenance.json")
    plural = "" if made.get("contigs") == 1 else "s"
    size = f", {made['bases']:,} bases on {made['contigs']:,} contig{plural}" if "bases" in made else ""
    digest = f", SHA-256 beginning with {made['sha256'][:16]}" if "sha256" in made else ""
    genes = ""
    if row["annotation"]:
        genes = f" Genes are those of {Path(row['annotation']).name} (genetic code {row['genetic_code']})."
    return f"{name} is {Path(made.get('origin', row['fasta'])).name}{size}{digest}.{genes}"


def _others(results: Path, genomes: dict[str, dict]) -> list[str]:
    """Sister genomes and those of training corpora, by which numbers stand or fall although they have no scores."""
    told = " ".join(_genome(results, name, row) for name, row in genomes.items())
    return [f"Other genomes were used without being scored. {told}"] if told else []


def _repeats(kind: str, genomes: list[str], pinned: dict[str, str]) -> str:
    """Where repeats come from; those of `genomes`, which stand there only where not all genomes are alike."""
    whose = f"Repeats of {', '.join(genomes)}" if genomes else "Repeats"
    if kind == "none":
        return f"{whose} were not marked."
    package, words = REPEATS.get(kind.partition(":")[0], (None, "from a BED"))
    version = f" ({package} {pinned[package]})" if package in pinned else ""
    return f"{whose} were taken {words}{version}."


def _model(results: Path, name: str, row: dict, scored: list[str]) -> str:
    folder = results / "models" / name
    config, metrics = read_json(folder / "config.json"), read_json(folder / "metrics.json")
    size = f" with {metrics['parameters']:,} parameters" if metrics.get("parameters") else ""
    count = (config.get("training") or {}).get("steps")
    if row["source"] == "train":
        steps = f" for {count:,} steps" if isinstance(count, int) and count else ""
        origin = f"trained on the training part of {', '.join(row['genomes'])}{steps}"
    else:
        digest = f", SHA-256 beginning with {config['sha256'][:16]}" if config.get("sha256") else ""
        origin = f"loaded from {row['source']}{digest}"
    origin = f"left untrained, on {', '.join(row['genomes'])}" if count == 0 else origin
    asked = [_asked(read_json(results / "scores" / genome / name / "plan.json"), genome) for genome in scored]
    return f"The model {name} is of kind {config.get('kind', row['kind'])}{size}, {origin}.{''.join(asked)}"


def _asked(plan: dict, genome: str) -> str:
    if not plan:
        return ""
    spacing = f" with masks every {plan['spacing']} bases" if plan.get("spacing") else ""
    strands = "both strands" if plan.get("strands") == 2 else "one strand"
    how = f"the strategy {plan['strategy']}{spacing}, on {strands}, in {plan['precision']}"
    return f" It was asked about {genome} by {how}."


def _scores() -> str:
    return (
        "Every base was given the log-likelihood ratio of each single-nucleotide change, log P(alternative) − "
        "log P(reference) given the bases around (natural logarithm; negative: less likely than the reference), and "
        "the Shannon entropy of the four probabilities in bits."
    )


def _benchmark(summary: pd.DataFrame) -> list[str]:
    rows = summary[(summary["headline"] == "yes") & summary["value"].notna()]
    if rows.empty:
        return []
    tasks = ", ".join(rows["task"].unique())
    blocks = ", ".join(sorted(set(rows.loc[rows["low"].notna(), "block_kind"]) - {""}))
    over = f" over blocks of kind {blocks}" if blocks else ""
    return [
        f"Models and baselines were compared on held-out sequence in the tasks {tasks}; intervals are 95 % intervals "
        f"of a block bootstrap{over}, and differences are paired with the best baseline of the same comparison."
    ]
