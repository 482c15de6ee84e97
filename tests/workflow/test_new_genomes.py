"""Genomes that nobody has seen, with nothing but FASTA and genes, of the kinds that break things; to the very end."""

import re
from collections.abc import Iterable

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyBigWig
import pyfaidx
import pytest
import worlds
from conftest import MODELS, Project

from glmtracks.bed import read_bed

CIRCLE, CIRCLE_LENGTH = "NC_000999.1", 120_000
ORIGIN_GENE = (CIRCLE_LENGTH - 151, CIRCLE_LENGTH + 209)  # 360 bases, 0-based half-open on a line past the origin
GENOMES = {"fragments": "fragments.gtf", "circle": "circle.gff", "bare": ""}
RUN = [("fragments", "perplexity"), ("fragments", "consequence"), ("circle", "consequence"), ("bare", "perplexity")]
UNSCORED = ("bare", "markov")  # by the column `models`
SKIPPED = [("bare", "consequence"), ("circle", "outgroup")]


def fragments(rng: np.random.Generator) -> worlds.World:
    """300 contigs of 200 to 3,000 bases, all in lower case, with dots and pipes in their names and IUPAC codes."""
    lengths = np.exp(rng.uniform(np.log(200), np.log(3000), size=300)).astype(int).tolist()
    names = [f"gi|{n}|ref|NC_{n:06d}.1|" if n % 2 else f"scaffold.{n}" for n in range(300)]
    world = worlds.World.grow(rng, dict(zip(names, lengths, strict=True)), spacing=1000)
    world.contigs = {name: (sequence[:-9] + b"RYSWKMBDN").lower() for name, sequence in world.contigs.items()}
    return world


def circle(rng: np.random.Generator) -> worlds.World:
    """A bacterial chromosome with a gene that crosses its origin, and genes that begin with GTG."""
    world = worlds.World.grow(rng, {CIRCLE: CIRCLE_LENGTH - 600}, spacing=1000)
    sequence = bytearray(world.contigs[CIRCLE] + worlds.random_dna(rng, 600))
    start, end = ORIGIN_GENE
    coding = worlds.coding_sequence(rng, (end - start) // 3)
    sequence[start:], sequence[: end - CIRCLE_LENGTH] = coding[: CIRCLE_LENGTH - start], coding[CIRCLE_LENGTH - start :]
    world.genes = [gene for gene in world.genes if len(gene.exons) == 1]
    for gene in (gene for gene in world.genes[::4] if gene.strand == "+"):
        sequence[gene.start : gene.start + 3] = b"GTG"
    world.genes.append(worlds.Gene("origin", CIRCLE, "+", [ORIGIN_GENE]))
    return worlds.World({CIRCLE: bytes(sequence)}, world.genes)


def ncbi_gff(world: worlds.World) -> Iterable[str]:
    """Genes as in the annotation of NCBI's bacteria: no transcripts, no exons, the CDS hangs on the gene."""
    yield from ("##gff-version 3", "#!gff-spec-version 1.21", f"##sequence-region {CIRCLE} 1 {CIRCLE_LENGTH}")
    of_all = f"ID={CIRCLE}:1..{CIRCLE_LENGTH};Dbxref=taxon:1;Is_circular=true;gbkey=Src;genome=chromosome"
    yield f"{CIRCLE}\tRefSeq\tregion\t1\t{CIRCLE_LENGTH}\t.\t+\t.\t{of_all}"
    for gene in world.genes:
        place = f"{gene.start + 1}\t{gene.end}\t.\t{gene.strand}"
        name = f"Name={gene.name};gbkey={{}};locus_tag=T_{gene.name}"
        of_gene = f"ID=gene-T_{gene.name};{name.format('Gene')};gene_biotype=protein_coding"
        yield f"{CIRCLE}\tRefSeq\tgene\t{place}\t.\t{of_gene}"
        product = f"ID=cds-WP_{gene.name}.1;Parent=gene-T_{gene.name};{name.format('CDS')};transl_table=11"
        yield f"{CIRCLE}\tProtein Homology\tCDS\t{place}\t0\t{product};product=hypothetical protein%2C small"


def gtf(world: worlds.World) -> Iterable[str]:
    """Genes as GTF without transcript rows; gene rows have an empty transcript_id, and the stop codon is no CDS."""
    for gene in world.genes:
        stop = (gene.start, gene.start + 3) if gene.strand == "-" else (gene.end - 3, gene.end)
        coding = [(max(start, gene.start + 3 * (gene.strand == "-")), end) for start, end in gene.exons]
        coding = [(start, min(end, gene.end - 3 * (gene.strand == "+"))) for start, end in coding]
        rows = {"gene": [(gene.start, gene.end)], "exon": gene.exons, "CDS": coding, "stop_codon": [stop]}
        for kind, intervals in rows.items():
            names = f'gene_id "{gene.name}"; transcript_id "{"" if kind == "gene" else gene.name + ".1"}"; '
            for start, end in intervals:
                yield f"{gene.contig}\ttest\t{kind}\t{start + 1}\t{end}\t.\t{gene.strand}\t.\t{names}"


def make(project: Project) -> None:
    rng, folder = np.random.default_rng(6), project.folder
    many, ring, bare = fragments(rng), circle(rng), {"1": worlds.random_dna(rng, 20_000)}
    worlds.write_fasta(folder / "fragments.fa", many.contigs, newline=b"\r\n")
    worlds.write_fasta(folder / "circle.fna", ring.contigs, line=80)
    worlds.write_fasta(folder / "bare.fa", bare, line=30_000)
    (folder / "fragments.gtf").write_bytes("\r\n".join(gtf(many)).encode())
    (folder / "circle.gff").write_text("\n".join(ncbi_gff(ring)) + "\n")
    fastas = {"fragments": "fragments.fa", "circle": "circle.fna", "bare": "bare.fa"}
    project.configure(
        [
            {
                "name": name,
                "fasta": fastas[name],
                "annotation": annotation,
                "genetic_code": 11 if name == "circle" else 1,
                "models": "tiny" if name == "bare" else "",
                "shards": 2,
            }
            for name, annotation in GENOMES.items()
        ],
        models=[{**model, "genomes": ",".join(GENOMES)} for model in MODELS],
        benchmarks=[{"genome": genome, "task": task} for genome, task in RUN + SKIPPED],
        tracks={"bigwigs": ["llr_G"]},
    )
    (folder / "output.txt").write_text(project.run())


@pytest.fixture(scope="module")
def new(once) -> Project:
    """Three genomes, two models trained on all of them together, the default target; not to be changed."""
    return once("new", make)


@pytest.mark.parametrize("genome, model", [(g, m) for g in GENOMES for m in ("markov", "tiny") if (g, m) != UNSCORED])
def test_every_base_of_every_contig_is_scored(new, genome, model):
    fasta = pyfaidx.Fasta(str(new.results / f"genomes/{genome}/genome.fa.gz"), sequence_always_upper=True)
    files = f"{new.results}/tracks/{genome}/{model}/scores/**/*.parquet"
    options = "hive_partitioning = true, hive_types_autocast = false"  # contigs may be called 1, 2, 3
    query = (
        "SELECT contig, count(*), count(entropy), min(start), max(start) FROM read_parquet('{}', {}) GROUP BY contig"
    )
    found = {contig: counts for contig, *counts in duckdb.sql(query.format(files, options)).fetchall()}
    sequences = {name: str(fasta[name]) for name in fasta.keys()}  # noqa: SIM118
    defined = {name: len(re.findall("[ACGT]", sequence)) for name, sequence in sequences.items()}
    assert found == {name: [len(s), defined[name], 0, len(s) - 1] for name, s in sequences.items()}
    with pyBigWig.open(str(new.results / f"tracks/{genome}/{model}/llr_G.bw")) as bigwig:
        assert bigwig.chroms() == {name: len(sequence) for name, sequence in sequences.items()}
        assert bigwig.header()["nBasesCovered"] == sum(defined.values())


def test_a_model_that_a_genome_does_not_name_leaves_it_alone(new):
    genome, model = UNSCORED
    made = [path.parts for path in new.results.rglob("*") if not {"logs", "leakage"}.intersection(path.parts)]
    assert any(genome in parts and "tracks" in parts for parts in made)
    assert not any(genome in parts and any(part.startswith(model) for part in parts) for parts in made)
    summary = pd.read_csv(new.results / "benchmarks/summary.tsv", sep="\t")
    assert not ((summary["genome"] == genome) & (summary["scorer"] == model)).any()


def test_contig_names_and_letters_come_through(new):
    fasta = pyfaidx.Fasta(str(new.results / "genomes/fragments/genome.fa.gz"))
    assert len(fasta.keys()) == 300 and "gi|7|ref|NC_000007.1|" in fasta and "scaffold.8" in fasta
    assert str(fasta["scaffold.8"]).endswith("ryswkmbdn")


def test_a_gene_across_the_origin_is_read_in_frame(new):
    regions = pq.read_table(new.results / "genomes/circle/regions.parquet").to_pandas()
    start, end = ORIGIN_GENE
    assert regions.iloc[-1][["start", "end", "region", "codon_position"]].tolist() == [start, CIRCLE_LENGTH, "CDS", 1]
    # 151 bases before the origin: the first base after it is the second of its codon
    assert regions.iloc[0][["start", "end", "region", "codon_position"]].tolist() == [0, end - CIRCLE_LENGTH, "CDS", 2]
    log = (new.results / "logs/annotation/circle.log").read_text()
    assert "without start codon 0, without stop codon 0" in log


def test_a_gtf_without_transcripts_gives_coding_sequence_with_its_stop_codons(new):
    regions = pq.read_table(new.results / "genomes/fragments/regions.parquet").to_pandas()
    genes = fragments(np.random.default_rng(6)).genes
    exons = {(gene.contig, start) for gene in genes for start, _ in gene.exons}
    bases = sum(end - start for gene in genes for start, end in gene.exons)
    coding = regions[regions["region"] == "CDS"]
    assert (coding["end"] - coding["start"]).sum() == bases > 10_000
    assert set(zip(coding["contig"].astype(str), coding["start"], strict=True)) == exons


def test_a_genome_without_annotation_has_regions_without_class(new):
    regions = pq.read_table(new.results / "genomes/bare/regions.parquet").to_pandas()
    assert regions["region"].isna().all() and regions["end"].max() == 20_000


def test_tasks_that_cannot_be_run_say_why(new):
    output, page = (new.folder / "output.txt").read_text(), (new.results / "report/index.html").read_text()
    summary = pd.read_csv(new.results / "benchmarks/summary.tsv", sep="\t", keep_default_na=False)
    skipped = summary[summary["status"].str.startswith("skipped")]
    assert list(zip(skipped["genome"], skipped["task"], strict=True)) == SKIPPED
    for reason in (
        "consequence on bare needs the column annotation of the genome sheet, which is empty",
        "outgroup on circle needs the column outgroups of the genome sheet, which is empty",
    ):
        assert reason in output and reason in page
        assert skipped["status"].str.contains(reason, regex=False).any()


def test_every_task_that_can_be_run_has_a_result(new):
    summary = pd.read_csv(new.results / "benchmarks/summary.tsv", sep="\t", keep_default_na=False)
    rows = summary[(summary["headline"] == "yes") & (summary["status"] == "ok")]
    assert list(dict.fromkeys(zip(rows["genome"], rows["task"], strict=True))) == RUN
    assert set(rows.groupby("task")["scorer"].agg(set).loc["consequence"]) >= {"markov", "tiny"}


def test_a_table_of_names_of_contigs_may_lie_in_the_checkout_like_any_file(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "genome.fa").write_text(">chr1\nACGTACGT\n")
    (tmp_path / "repeats.bed").write_text("one\t2\t4\n")
    files = {"fasta": "genome.fa", "repeats": "bed:repeats.bed", "contig_aliases": "tests/workflow/names.tsv"}
    project.configure(
        [{"name": "small", **files}], models=[{"name": "m", "kind": "markov", "source": "train", "genomes": "small"}]
    )
    project.run("results/genomes/small/repeats.bed.gz")
    assert read_bed(project.results / "genomes/small/repeats.bed.gz").to_numpy().tolist() == [["chr1", 2, 4]]
