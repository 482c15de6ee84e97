"""Our consequences beside those of bcftools csq, for every SNV of a yeast chromosome; every difference is explained.

What may differ, and nothing else does (figures of the whole genome: resources/benchmarks/consequences_csq.md):

- csq knows few kinds of RNA gene: of tRNA and others it says nothing at all, nor of their introns.
- Ribosomal frameshifts of Ty elements are gaps of one base in the CDS. csq takes the gap for an intron and its
  neighbours for splice sites and regions; here a gap below 10 bases is none.
- A changed stop codon that is still one is stop_retained to csq, and synonymous here.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pysam import bcftools

from glmtracks.annotation import read_features, write_gff3
from glmtracks.annotation.consequences import CONSEQUENCES, snv_consequences
from glmtracks.genome import BASES, Genome, normalise
from glmtracks.genome.contigs import ContigNames

DEMO = Path(__file__).parents[2] / "resources" / "demo"
NAMES = {"stop_retained": "synonymous", "splice_donor": "splice_donor", "non_coding": "ncRNA", "intron": "intron"}
NAMES |= {name: name for name in ("stop_gained", "stop_lost", "start_lost", "splice_acceptor", "missense")}
NAMES |= {"splice_region": "splice_region", "synonymous": "synonymous"}


def csq(fasta, gff, snvs, contig, length, folder):
    """What csq says of SNVs (start, ref, alt): for each the set of consequences, over all transcripts, in our words."""
    rows = (f"{contig}\t{row.start + 1}\t.\t{BASES[row.ref]}\t{BASES[row.alt]}\t.\t.\t.\n" for row in snvs.itertuples())
    header = (
        f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={length}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    (folder / "snvs.vcf").write_text(header + "".join(rows))
    arguments = ["-f", str(fasta), "-g", str(gff), "--local-csq", "-Ov", "-o", str(folder / "csq.vcf")]
    bcftools.csq(*arguments, str(folder / "snvs.vcf"), catch_stdout=False)
    lines = [line.split("\t")[7] for line in (folder / "csq.vcf").read_text().splitlines() if line[0] != "#"]
    return pd.Series(
        [
            frozenset(
                NAMES[kind]
                for entry in line.removeprefix("BCSQ=").split(",")
                for kind in entry.split("|")[0].lstrip("*").split("&")
            )
            if line.startswith("BCSQ=")
            else frozenset()
            for line in lines
        ],
        index=snvs.index,
    )


def worst(kinds):
    return min(kinds, key=CONSEQUENCES.index) if kinds else None


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Every SNV of chromosome VI with our consequence, csq's worst one, all of csq's, and the gene that we name."""
    if not hasattr(bcftools, "csq"):
        pytest.skip("this pysam was built without bcftools csq")
    folder = tmp_path_factory.mktemp("csq")
    outputs = {"sizes_out": folder / "sizes", "provenance_out": folder / "provenance.json"}
    normalise(DEMO / "saccharomyces_cerevisiae.fa.gz", folder / "genome.fa.gz", include="^chrVI$", **outputs)
    genome = Genome(folder / "genome.fa.gz")
    names = ContigNames(genome.contigs)
    features = read_features(DEMO / "saccharomyces_cerevisiae.gff3.gz", names, genome.contigs)
    write_gff3(features, genome.contigs, folder / "genes.gff3.gz")
    length = genome.contigs["chrVI"]
    ours = snv_consequences(genome, features, "chrVI", 0, length, 1)
    theirs = csq(genome.path, folder / "genes.gff3.gz", ours, "chrVI", length, folder)
    return ours.assign(theirs=theirs, worst=theirs.map(worst)), features


def test_every_difference_from_bcftools_csq_has_a_reason(compared):
    table, features = compared
    genic = table[(table["consequence"] != "intergenic") | table["worst"].notna()]
    ours = genic["consequence"].astype(object)
    same = ours == genic["worst"]
    silent = genic["worst"].isna()
    assert (ours[same].nunique(), len(genic) > 500_000) == (10, True)
    assert {"splice_donor", "splice_acceptor", "splice_region", "start_lost", "stop_lost"} <= set(ours[same])
    biotype = features.drop_duplicates("gene").set_index("gene")["biotype"]
    assert not biotype[genic.loc[silent, "gene"].unique()].isin(["protein_coding"]).any()
    rest = genic[~same & ~silent]
    slipped = np.concatenate([np.arange(gap - 10, gap + 10) for gap in slippages(features)] or [[]])
    assert rest["start"].isin(slipped).all()
    assert same[~silent].mean() > 0.9999


def slippages(features):
    """Positions of the gaps of less than 10 bases between the CDS segments of a transcript."""
    cds = features[features["feature"] == "CDS"].sort_values(["transcript", "start"])
    gap = cds["start"] - cds.groupby("transcript")["end"].shift()
    return cds.loc[gap.between(-10, 9), "start"].tolist()
