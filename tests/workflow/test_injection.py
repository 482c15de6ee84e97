"""A run whose inputs have the nastiest names that a file can have: nothing of them is executed."""

import numpy as np
import worlds
from conftest import Project

NASTY = "a b;touch owned1 $(touch owned2) `touch owned3` 'q' \"q\" & | > owned4 é\\n.d"


def test_names_of_files_are_never_commands(project: Project):
    folder = project.folder / NASTY
    folder.mkdir()
    world = worlds.World.grow(np.random.default_rng(1), {f"chr{number}": 2500 for number in range(1, 4)})
    worlds.write_fasta(folder / "toy.fa", world.contigs)
    world.write_gff3(folder / "toy.gff3")
    (folder / "toy.bed").write_text("chr1\t10\t90\n")
    worlds.write_vcf(folder / "calls.vcf", [("chr1", 5, chr(world.contigs["chr1"][4]), "N")])
    project.configure(
        [
            {
                "name": "toy",
                "fasta": (folder / "toy.fa").relative_to(project.folder),
                "annotation": (folder / "toy.gff3").relative_to(project.folder),
                "repeats": f"bed:{NASTY}/toy.bed",
                "scored": "no",
                "species": "x'; touch owned5; '",
                "exclude_title": "$(touch owned6)|;touch owned7",
            }
        ],
        callsets=[{"name": "calls", "genome": "toy", "vcf": f"{NASTY}/calls.vcf"}],
    )
    done = project.snakemake(
        "results/genomes/toy/regions.parquet", "results/genomes/toy/split.tsv", "results/variants/calls/alleles"
    )
    assert done.returncode == 0, done.stdout
    assert not list(project.folder.rglob("owned*"))
