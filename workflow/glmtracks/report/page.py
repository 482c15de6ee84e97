"""The page that people read first: results/report/index.html, one file that needs no other and no network.

It says in sentences what each model knows about each genome and where it loses, and only then shows tables and plots.
Everything on it is read from results/ by the paths of the results scheme; what it looks like stands in workflow/report.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from glmtracks import __version__, tracks
from glmtracks.annotation.consequences import CONSEQUENCES
from glmtracks.benchmarks import TASKS
from glmtracks.files import atomic, read_json
from glmtracks.models.registry import KINDS
from glmtracks.overview import SUMMARY, VERDICTS, headlines, percent, read_summary, skipped, with_interval
from glmtracks.parquet import read_frame
from glmtracks.plots import CAPTIONS, PLOTS, caption
from glmtracks.plots.style import VARIABLES
from glmtracks.report.browser import browser_data, to_script
from glmtracks.report.callsets import count_reasons
from glmtracks.report.methods import methods
from glmtracks.report.page_scripts import page_scripts
from glmtracks.report.verdicts import verdicts
from glmtracks.track_names import ALL_TRACKS
from glmtracks.windows.split import PARTS, read_split

MOST_DATA = 300_000  # characters of the table behind a plot that the page carries; longer ones are only linked
SHOWN_CONTIGS = 6  # names of contigs listed before an ellipsis
CARD_KEYS = ("kind", "architecture", "sha256", "seen", "licence")


@dataclass(frozen=True)
class Page:
    """What the page is about.

    results   the folder results/
    genomes   rows of the genome sheet by name
    models    rows of the model sheet by name
    callsets  rows of the call set sheet by name
    plots     plots of each scored genome, in their order
    corpora   names of the corpora that models are trained on
    bigwigs   names of the tracks that are written; of others a file may be left from before
    linted    (genome, model) for which was looked what the model has seen of what it is judged by
    """

    results: Path
    genomes: dict[str, dict]
    models: dict[str, dict]
    callsets: dict[str, dict]
    plots: dict[str, list[str]]
    corpora: list[str]
    bigwigs: list[str]
    linted: list[tuple[str, str]] = field(default_factory=list)

    @property
    def scored(self) -> list[str]:
        """Genomes that were scored."""
        return [name for name, row in self.genomes.items() if row["scored"]]

    def scoring(self, genome: str) -> list[str]:
        """Models that give scores of the bases of a genome, not embeddings alone."""
        return [name for name in self.genomes[genome]["models"] if KINDS[self.models[name]["kind"]].scores]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The benchmark table."""
        return read_summary(self.results / SUMMARY)


def write_page(page: Page, destination: str | Path) -> None:
    """Write the page as HTML. Links are relative to results/report/, where it belongs."""
    environment = Environment(
        loader=FileSystemLoader(CAPTIONS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "percent": percent, "size": _size, "words": _words}
    scored = {name: page.genomes[name] for name in page.scored}
    data = {"genomes": browser_data(page.results, scored, page.summary, page.bigwigs), "consequences": CONSEQUENCES}
    text = environment.get_template("index.html.j2").render(
        version=__version__,
        style=Markup((CAPTIONS / "style.css").read_text(encoding="utf-8")),
        genomes=[_genome_card(page, name) for name in page.genomes],
        corpora=[_corpus_card(page, name) for name in page.corpora],
        linted=_linted(page),
        models=[_model_card(page, name) for name in page.models],
        verdicts=verdicts(page.summary),
        headline=[_cells(row) for row in headlines(page.summary).itertuples()],
        tables=_tables(page.summary),
        tasks=TASKS,
        skipped=skipped(page.summary).to_dict("records"),
        plots=_plots(page),
        stamps=_stamps(page),
        files=_files(page),
        callsets=_callsets(page),
        example=_example(page),
        scripts=page_scripts(data),
        explored=list(data["genomes"]),
        provenance=read_json(page.results / "provenance.json"),
        methods=methods(page.results, page.genomes, page.models, page.summary),
    )
    with atomic(destination) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _count(value) -> str:
    return "–" if value is None or value != value else f"{int(value):,}"


def _size(size: int) -> str:
    """Bytes as people say them.

    >>> _size(23_400_000)
    '23 MB'
    """
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _words(names) -> str:
    """Names in a row, cut where there are too many."""
    names = list(map(str, names))
    rest = len(names) - SHOWN_CONTIGS
    return ", ".join(names[:SHOWN_CONTIGS]) + (f" … ({rest} more)" if rest > 0 else "")


def _cells(row) -> dict:
    """A row of the summary in the words of the tables."""
    counts = f"{_count(row.n_positives)} / {_count(row.n_negatives)}"
    return {
        "genome": row.genome,
        "task": row.task,
        "contrast": row.contrast.replace("_", " "),
        "scorer": row.scorer,
        "kind": row.scorer_kind,
        "metric": row.metric.replace("_", " "),
        "value": with_interval(row.value, row.low, row.high),
        "best": f"{row.best_baseline} {row.best_baseline_value:.3f}" if row.best_baseline else "",
        "difference": with_interval(row.difference, row.difference_low, row.difference_high, sign="+"),
        "verdict": row.verdict if np.isfinite(row.difference) else "none",
        "said": VERDICTS[row.verdict] if np.isfinite(row.difference) else "",
        "n": counts if np.isfinite(row.n_positives) else _count(row.n_items),
        "blocks": f"{_count(row.n_blocks)} {row.block_kind}s" if np.isfinite(row.n_blocks) else "",
        "score": row.score_name,
        "seen": row.seen,
        "hash": row.model_hash[:8],
        "status": "" if row.status == "ok" else row.status,
    }


def _tables(summary: pd.DataFrame) -> list[dict]:
    """All rows with a metric, a table for each genome and task."""
    rows = summary[summary["metric"] != ""]
    return [
        {"genome": genome, "task": task, "rows": [_cells(row) for row in part.itertuples()]}
        for (genome, task), part in rows.groupby(["genome", "task"], sort=False)
    ]


def _genome_card(page: Page, name: str) -> dict:
    folder = page.results / "genomes" / name
    card = {"name": name, "row": page.genomes[name], "split": [], "regions": []}
    if (folder / "split.tsv").exists():
        card["split"] = [
            {"part": part, "bases": rows["bases"].sum(), "contigs": rows["contig"].unique()}
            for part, rows in _by_part(read_split(folder / "split.tsv"))
        ]
    if (folder / "regions.parquet").exists():
        regions = read_frame(folder / "regions.parquet", columns=["start", "end", "region", "repeat"])
        bases = regions["end"] - regions["start"]
        by_region = bases.groupby(regions["region"], observed=True).sum().sort_values(ascending=False)
        shares = by_region / bases.sum()
        card |= {"masked": bases[regions["repeat"]].sum() / bases.sum(), "regions": list(shares.items())}
    return card | {"provenance": read_json(folder / "provenance.json")}


def _by_part(split: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each part of a split, with their bases; training first, what is not used last."""
    rank = {part: number for number, part in enumerate(PARTS)}
    parts = split.assign(bases=split["end"] - split["start"]).groupby("split")
    return sorted(parts, key=lambda group: rank.get(group[0], len(rank)))


def _corpus_card(page: Page, name: str) -> dict:
    folder = page.results / "windows" / name
    parts = [
        {"part": part, "bases": rows.groupby("genome", sort=False)["bases"].sum().to_dict()}
        for part, rows in _by_part(read_split(folder / "split.tsv"))
    ]
    return {"name": name, "parts": parts, "leakage": read_json(folder / "leakage.json")}


def _model_card(page: Page, name: str) -> dict:
    folder = page.results / "models" / name
    config, metrics = read_json(folder / "config.json"), read_json(folder / "metrics.json")
    card = {"name": name, "row": page.models[name], "metrics": metrics} | {key: config.get(key) for key in CARD_KEYS}
    size, recipe = card["architecture"] or {}, config.get("training") or {}
    card["architecture"] = _told(size, without=["vocabulary"])  # some have thousands of tokens
    card["training"] = _told(recipe, without=size)
    return card


def _told(settings: dict, without: Iterable[str]) -> dict:
    """Settings that say something: those that were left empty do not, nor does `without`, which stands elsewhere."""
    return {key: value for key, value in settings.items() if value not in (None, "", []) and key not in without}


def _linted(page: Page) -> list[dict]:
    """What was found of models and genomes, see `glmtracks.windows.seen.look`."""
    return [read_json(page.results / "leakage" / genome / f"{model}.json") for genome, model in page.linted]


def _stamps(page: Page) -> list[str]:
    """What every reader must know before reading a number: leakage that was found or allowed."""
    corpora = {name: read_json(page.results / "windows" / name / "leakage.json") for name in page.corpora}
    models = {f"{found['model']} on {found['genome']}": found for found in _linted(page)}
    allowed = "allow_leak is set. "
    stamps = [
        f"{allowed * found['allow_leak']}{name}: {found['summary']} ({found['verdict']}): read with doubt."
        for names, fine in ((corpora, ("ok",)), (models, ("ok", "unknown")))
        for name, found in names.items()
        if found["verdict"] not in fine
    ]
    if not stamps and any(found["allow_leak"] for found in (corpora | models).values()):
        stamps.append(f"{allowed}Leakage would not have stopped this run; none above the limits was found.")
    return stamps


def _plots(page: Page) -> list[dict]:
    """The plots of every scored genome; curves of training, which are the same for all, stand with the first alone."""
    found = []
    for genome in page.scored:
        for name in page.plots[genome]:
            if name != "training" or genome == page.scored[0]:
                path = f"plots/{genome}/{name}"
                title = PLOTS[name].title if name == "training" else f"{PLOTS[name].title}: {genome}"
                svg = (page.results / "report" / f"{path}.svg").read_text(encoding="utf-8")
                table = (page.results / "report" / f"{path}.tsv").read_text(encoding="utf-8")
                paragraphs = [" ".join(text.split()) for text in caption(name).split("\n\n")]
                drawn = {"svg": inline_svg(svg, f"{genome}-{name}", title), "caption": paragraphs}
                drawn["table"] = Markup(to_script(table)) if len(table) < MOST_DATA else None
                found.append({"genome": genome, "name": name, "title": title, "path": path, **drawn})
    return found


def inline_svg(svg: str, prefix: str, title: str) -> Markup:
    """An SVG of `glmtracks.plots` as a part of a page: own identifiers, a title, and the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<title>.*?</title>\s*|<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    opening = Markup('<svg role="img" aria-label="{}"').format(title)
    return Markup(opening + Markup(svg[len("<svg") :]))


def _link(page: Page, path: str, text: str) -> dict:
    """A link to a file of results/, with its size."""
    target = page.results / path
    return {"href": f"../{path}", "text": text, "size": target.stat().st_size if target.is_file() else None}


def _files(page: Page) -> list[dict]:
    """What was made of each scored genome by each model."""
    found = []
    for genome in page.scored:
        for model in page.genomes[genome]["models"]:
            folder = f"tracks/{genome}/{model}"
            wanted = [f"{name}.bw" for name in ALL_TRACKS if name in page.bigwigs]
            made = [name for name in wanted if (page.results / folder / name).is_file()]
            links = [_link(page, f"{folder}/{name}", name) for name in made]
            if model in page.scoring(genome):
                links.append(_link(page, f"{folder}/track_hub/hub.txt", "track hub"))
                links.append(_link(page, f"{folder}/scores/", "scores (Parquet)"))
            intervals = [(".regions.parquet", "embeddings of intervals")] if page.genomes[genome]["embed_bed"] else []
            for suffix, text in ((".parquet", "embeddings"), *intervals):
                embeddings = f"embeddings/{genome}/{model}{suffix}"
                if (page.results / embeddings).exists():
                    links.append(_link(page, embeddings, text))
            found.append({"genome": genome, "model": model, "links": links})
    return found


def _callsets(page: Page) -> list[dict]:
    """What became of each call set with each model that scores it."""
    found = []
    for name, row in page.callsets.items():
        for model in row["models"]:
            vcf, table = (f"variants/{name}/{model}.{suffix}" for suffix in ("vcf.gz", "parquet"))
            alleles, unscored = count_reasons(page.results / table)
            links = [_link(page, vcf, "VCF"), _link(page, table, "Parquet")]
            if "ref_mismatch" in unscored:
                links.append(_link(page, f"variants/{name}/ref_mismatches.tsv", "REF mismatches"))
            found.append(
                {"name": name, "genome": row["genome"], "model": model, "alleles": alleles, "unscored": unscored}
                | {"links": links}
            )
    return found


def _example(page: Page) -> dict | None:
    """A dataset of scores and an interval of it, to show how they are read."""
    genome = next(filter(page.scoring, page.scored), None)
    if genome is None:
        return None
    dataset = page.results / "tracks" / genome / page.scoring(genome)[-1] / "scores"
    contig, length = next(iter(tracks.contigs(dataset).items()))
    return {"dataset": f"results/{dataset.relative_to(page.results)}", "contig": contig, "end": min(2000, length)}
