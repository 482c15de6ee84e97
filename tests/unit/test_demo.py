"""The embedded demo data: what its README says of it is true."""

import gzip
import re
from pathlib import Path

import pandas as pd
import pysam
import pytest

from glmtracks.files import sha256
from glmtracks.genome import Genome, decode, encode, normalise, reverse_complement

DEMO = Path(__file__).parents[2] / "resources" / "demo"
STOPS = {"TAA", "TAG", "TGA"}


@pytest.fixture(scope="module")
def yeast(tmp_path_factory) -> Genome:
    folder = tmp_path_factory.mktemp("yeast")
    fasta = folder / "genome.fa.gz"
    source = DEMO / "saccharomyces_cerevisiae.fa.gz"
    normalise(source, fasta, sizes_out=folder / "chrom.sizes", provenance_out=folder / "provenance.json")
    return Genome(fasta)


@pytest.fixture(scope="module")
def annotation() -> pd.DataFrame:
    columns = ["contig", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
    rows = pd.read_csv(
        DEMO / "saccharomyces_cerevisiae.gff3.gz", sep="\t", comment="#", names=columns, compression="gzip"
    )
    rows["start"] -= 1
    return rows.assign(id=rows["attributes"].str.extract("ID=([^;]+)"))


def test_checksums_and_size_are_those_of_the_readme():
    listed = dict(map(str.split, re.findall(r"^[0-9a-f]{64}  \S+\.gz\S*$", (DEMO / "README.md").read_text(), re.M)))
    found = {sha256(path): path.name for path in DEMO.glob("*.gz*")}
    assert found == listed
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 6_000_000


def test_the_nuclear_genome_is_r64(yeast):
    assert (len(yeast.contigs), yeast.size) == (16, 12_071_326)
    assert yeast.contigs["chrI"] == 230_218


def test_centromeres_begin_with_element_i(yeast, annotation):
    whole = annotation[(annotation["type"] == "centromere") & annotation["attributes"].str.contains("Dbxref")]
    assert len(whole) == 16
    begins = []
    for row in whole.itertuples():
        codes = yeast.codes(row.contig, row.start, row.end)
        begins.append(decode(codes if row.strand == "+" else reverse_complement(codes))[:8])
    # RTCACRTG, where Cbf1 binds, with one deviation on two chromosomes (Hegemann and Fleig 1993)
    assert sum(re.fullmatch("[AG]TCAC[AG]TG", begin) is not None for begin in begins) == 14


def test_coding_sequences_are_open_reading_frames(yeast, annotation):
    cds = annotation[annotation["type"] == "CDS"].sort_values("start")
    single = cds[~cds["id"].duplicated(keep=False)]
    assert len(single) > 5000
    assert ((single["end"] - single["start"]) % 3 == 0).all()
    assert (single["phase"].astype(int) == 0).all()
    begins, ends = [], []
    for row in single.sample(300, random_state=1).itertuples():
        codes = yeast.codes(row.contig, row.start, row.end)
        sequence = decode(codes if row.strand == "+" else reverse_complement(codes))
        begins.append(sequence[:3])
        ends.append(sequence[-3:])
    assert set(begins) == {"ATG"}
    assert set(ends) <= STOPS


def test_introns_of_coding_genes_begin_with_gt_and_end_with_ag(yeast, annotation):
    mrna = annotation[(annotation["type"] == "exon") & ~annotation["id"].str.contains(r"exon-t|RDN")]
    parent = mrna["attributes"].str.extract("Parent=rna-([^;]+)")[0]
    coding = annotation.loc[annotation["type"] == "mRNA", "id"].str.removeprefix("rna-")
    exons = mrna.assign(parent=parent)[parent.isin(coding)].sort_values(["parent", "start"])
    introns = exons.assign(before=exons.groupby("parent")["end"].shift()).dropna(subset="before")
    ends = []
    for row in introns.itertuples():
        codes = yeast.codes(row.contig, int(row.before), row.start)
        sequence = decode(codes if row.strand == "+" else reverse_complement(codes))
        ends.append((sequence[:2], sequence[-2:]))
    assert len(ends) > 250
    assert ends.count(("GT", "AG")) > 0.9 * len(ends)


def test_reference_alleles_of_the_call_set_are_those_of_the_genome(yeast):
    with pysam.VariantFile(str(DEMO / "mikatae_chrI.vcf.gz")) as calls:
        assert list(calls.header.contigs) == ["I"]
        records = [(record.start, record.ref, record.alts) for record in calls.fetch("I")]
    sequence = yeast.sequence("chrI", 0, yeast.contigs["chrI"])
    assert all(sequence[start : start + len(ref)] == ref for start, ref, _ in records)
    snvs = [(ref, alts[0]) for _, ref, alts in records if len(ref) == len(alts[0]) == 1]
    assert len(snvs) == 18_379
    # selection and mutation both favour transitions, of which there are half as many kinds
    transitions = sum({ref, alt} in ({"A", "G"}, {"C", "T"}) for ref, alt in snvs)
    assert transitions > len(snvs) / 2


@pytest.mark.parametrize("species", ["mikatae", "kudriavzevii"])
def test_sister_chromosomes_are_soft_masked_and_defined(species):
    with gzip.open(DEMO / f"saccharomyces_{species}_chrI.fa.gz", "rt") as handle:
        sequence = "".join(line.strip() for line in handle if not line.startswith(">"))
    assert (encode(sequence) < 4).all()
    assert 0.05 < sum(map(str.islower, sequence)) / len(sequence) < 0.2
