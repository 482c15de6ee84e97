"""The plots of the report by name. Imported while the Snakefile is parsed, so it imports nothing heavy itself.

A new plot is one entry in `PLOTS`, a caption in workflow/report/{name}.rst, and two functions called like it: in
`tables`, from files to the table that is drawn; in `figures`, from that table to a figure. Every plot is written beside
its table, so that anyone can check it or draw it anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CAPTIONS = Path(__file__).resolve().parents[2] / "report"


@dataclass(frozen=True)
class Plot:
    """What the workflow knows of a plot without drawing it.

    title   heading
    reads   what it is drawn from, among the names that rules/report.smk gives to files
    task    the benchmark task whose result it shows; a genome without that task does not get the plot
    empty   what is written in the picture where there is nothing to draw, one sentence
    """

    title: str
    reads: tuple[str, ...]
    empty: str
    task: str | None = None


PLOTS = {
    "differences": Plot(
        "Better or worse than the best baseline",
        ("summaries",),
        "No task of this genome has a result to compare.",
    ),
    "perplexity_by_region": Plot(
        "How well held-out bases are predicted, by region",
        ("summaries",),
        "No held-out base has a score.",
        task="perplexity",
    ),
    "llr_by_consequence": Plot(
        "Scores of changes, by what they do to a gene",
        ("scores", "summaries"),
        "No change of the test part has a score by a model that is not a baseline.",
        task="consequence",
    ),
    "outgroup_llr": Plot(
        "Scores of substitutions that a sister species carries",
        ("scores", "summaries"),
        "No substitution of the test part has a score by a model that is not a baseline.",
        task="outgroup",
    ),
    "logo_start_codons": Plot(
        "What the model expects around start codons",
        ("summaries", "datasets", "annotation", "fasta", "split"),
        "No start codon lies in the scored test part of this genome.",
    ),
    "logo_sites": Plot(
        "What the model expects at splice sites and stop codons",
        ("summaries", "datasets", "annotation", "fasta", "split"),
        "No splice site and no stop codon lies in the scored test part of this genome.",
        task="sites",
    ),
    "calibration": Plot(
        "Whether probabilities mean what they say",
        ("summaries", "datasets", "split"),
        "No held-out base has a score.",
        task="perplexity",
    ),
    "windows_map": Plot(
        "Windows of the genome as the model sees them, by region class",
        ("scores", "summaries"),
        "No model that is not a baseline has embeddings of enough windows.",
        task="windows",
    ),
    "clinvar_curves": Plot(
        "How well pathogenic variants are told from benign ones",
        ("scores", "summaries"),
        "ClinVar has too few variants on the test part of this genome for a curve.",
        task="clinvar",
    ),
    "llr_by_frequency": Plot(
        "Scores of alleles, by how common they are",
        ("scores", "summaries"),
        "No allele of the test part has a score by a model that is not a baseline.",
        task="allele_frequency",
    ),
    "frequency_by_llr": Plot(
        "How common alleles are, by their score",
        ("scores", "summaries"),
        "No allele of the test part has a score by a model that is not a baseline.",
        task="allele_frequency",
    ),
    "odds_by_frequency": Plot(
        "Which frequencies the least expected changes have",
        ("summaries",),
        "There are too few alleles on the test part of this genome for an odds ratio.",
        task="allele_frequency",
    ),
    "odds_ratios": Plot(
        "Rare alleles among the changes that are least expected",
        ("summaries",),
        "There are too few alleles on the test part of this genome for an odds ratio.",
        task="allele_frequency",
    ),
    "training": Plot(
        "How the models were trained",
        ("training", "metrics", "summaries"),
        "No model of this run was trained by gradient descent.",
    ),
}


def plots_of(tasks: Iterable[str], lacks: set[str]) -> list[str]:
    """The plots that a genome gets, in the order of the report.

    tasks  tasks that are run on the genome
    lacks  names among the `reads` of plots that this genome does not have
    """
    return [name for name, plot in PLOTS.items() if plot.task in (None, *tasks) and not lacks.intersection(plot.reads)]


def caption(name: str) -> str:
    """The caption of a plot, paragraphs of plain text: what it shows, and what in it would be bad."""
    return (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8").strip()


def make_plot(
    name: str, genome: str, baselines: dict[str, bool], sources: dict[str, list], svg: str | Path, tsv: str | Path
) -> None:
    """Write a plot as SVG and the table it is drawn from, tab-separated.

    name       one of `PLOTS`
    baselines  model -> whether its row tells that it is one, in the order of the model sheet
    sources    for each name in the plot's `reads` a list of paths

    Where there is nothing to draw, the picture says so in a sentence and the table has no rows.
    """
    from glmtracks.files import atomic
    from glmtracks.plots import figures, style, tables

    baseline = tables.which_are_baselines(sources, genome, baselines)
    table = getattr(tables, name)(sources, genome, baseline)
    if len(table):
        looks = style.looks([model for model in baselines if not baseline[model]])
        figure = getattr(figures, name)(table, looks)
    else:
        figure = style.sentence(PLOTS[name].empty)
    with atomic(svg) as svg_out, atomic(tsv) as tsv_out:
        style.save(figure, svg_out, title=f"{PLOTS[name].title}: {genome}")
        table.to_csv(tsv_out, sep="\t", index=False, float_format="%.6g")
