"""A small genome with genes, models without an idea, and the benchmark run from items to summary."""

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.annotation import read_features
from glmtracks.annotation.regions import make_regions
from glmtracks.benchmarks import inputs, scores, summary
from glmtracks.genome import decode

CONTIGS, LENGTH = 10, 3_000


def make_world(make_genome, folder, contigs=CONTIGS, annotated=True, **options):
    """`Inputs` of random contigs, each with a gene of two exons, all of them held out; files go to `folder`."""
    rng = np.random.default_rng(0)
    genome = make_genome({f"c{n}": decode(rng.integers(0, 4, LENGTH)) for n in range(contigs)})
    features = None
    if annotated:
        lines = [line for n in range(contigs) for line in _gene(f"c{n}", "+-"[n % 2])]
        gff = folder / "genes.gff3"
        gff.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
        features = read_features(gff)
    masked = pd.DataFrame({"contig": list(genome.contigs), "start": 2_500, "end": 2_800})
    test = pd.DataFrame({"contig": list(genome.contigs), "start": 0, "end": LENGTH})
    regions = make_regions(genome, features, masked, promoter=200)
    return inputs.Inputs(genome, regions, test, features, options=inputs.Options(**options))


def _gene(contig, strand):
    def row(kind, start, end, phase, attributes):
        return "\t".join([contig, "x", kind, str(start), str(end), ".", strand, phase, attributes])

    yield row("gene", 601, 1800, ".", f"ID=g{contig}")
    yield row("mRNA", 601, 1800, ".", f"ID=t{contig};Parent=g{contig}")
    for start, end in ((601, 1200), (1501, 1800)):
        yield row("exon", start, end, ".", f"Parent=t{contig}")
        yield row("CDS", start, end, "0", f"ID=p{contig};Parent=t{contig}")


def write_scores(genome, folder, log_probs, contigs=None):
    """A dataset of genome scores; log_probs(contig, codes) gives (n, 4)."""
    shards = []
    for contig in contigs or genome.contigs:
        codes = genome.codes(contig, 0, genome.contigs[contig])
        with tracks.ScoresWriter(folder / f"{contig}.parquet", {"model": "m"}) as writer:
            writer.write(contig, 0, codes, log_probs(contig, codes))
        shards.append(folder / f"{contig}.parquet")
    tracks.write_dataset(shards, genome.contigs, folder / "scores")
    return folder / "scores"


def noise(contig, codes):
    """A model without an idea, different for every contig."""
    rng = np.random.default_rng(int(contig[1:]))
    values = rng.normal(size=(len(codes), 4))
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))


def run(task, given, folder, models, draws=200):
    """The whole benchmark of one task; models: name -> (kind, dataset)."""
    inputs.draw_items(task, given, folder / "items.parquet")
    for name, (_, dataset) in models.items():
        scores.score_items(task, folder / "items.parquet", dataset, folder / f"{name}.parquet")
    table = [
        {"name": name, "kind": kind, "seen": "no", "hash": "abc", "baseline": kind == "markov"}
        for name, (kind, _) in models.items()
    ]
    files = [folder / f"{name}.parquet" for name in models]
    summary.summarise(task, "toy", folder / "items.parquet", files, table, folder / "summary.tsv", draws=draws)
    return pd.read_parquet(folder / "items.parquet"), pd.read_csv(folder / "summary.tsv", sep="\t")


def pick(table, **wanted):
    found = table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])]
    assert len(found) == 1, found
    return found.iloc[0]
