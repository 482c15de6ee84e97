"""`make demo-human` without the internet: its own configuration and sheets, and a loopback server for all hosts."""

import gzip
import json
import random
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pysam
import pytest
import yaml
from conftest import CHECKOUT, Project
from folder_server import FolderServer

CONFIG = CHECKOUT / "config/presets/human_mito_demo.yaml"
SHIPPED = "resources/models/human-mito-one-pass"
CLINVAR = "ftp.ncbi.nlm.nih.gov/pub/clinvar/vcf_GRCh38/clinvar.vcf.gz"


def serve_genomes(data: Path, root: Path) -> None:
    """rCRS, its genes under Ensembl's name for it, and mitogenomes of other animals where the demo asks for mammals."""
    _write_gzip(root / "hgdownload.soe.ucsc.edu/goldenPath/hg38/chromosomes/chrM.fa.gz", (data / "chrM.fa").read_text())
    genes = (data / "chrM.gff3").read_text().replace("chrM", "MT")
    ensembl = root / "ftp.ensembl.org/pub/release-110/gff3/homo_sapiens"
    _write_gzip(ensembl / "Homo_sapiens.GRCh38.110.chromosome.MT.gff3.gz", genes)
    animals = (data / "animal_mitogenomes_58.fa").read_text().split(">")[1:]
    others = [animal for animal in animals if not animal.startswith("Homo_sapiens")]
    efetch = root / "eutils.ncbi.nlm.nih.gov/entrez/eutils/efetch.fcgi"
    efetch.parent.mkdir(parents=True)
    asked = re.findall(r"NC_\d+\.\d", (CHECKOUT / "config/presets/human_mito_demo/genomes.tsv").read_text())[1:]
    efetch.write_text("".join(f">{name} {animal}" for name, animal in zip(asked, others, strict=False)))


def serve_calls(data: Path, root: Path) -> None:
    """gnomAD's file, and ClinVar's with other chromosomes before the mitochondrial one, as in the whole release."""
    gnomad = root / "storage.googleapis.com/gcp-public-data--gnomad/release/3.1/vcf/genomes"
    gnomad.mkdir(parents=True)
    name = "gnomad.genomes.v3.1.sites.chrM.vcf.bgz"
    (gnomad / name).write_bytes((data / name).read_bytes())
    lines = gzip.decompress((data / "clinvar_chrMT.vcf.gz").read_bytes()).decode().splitlines()
    header = [line for line in lines if line.startswith("#")]
    rng = random.Random(1)
    others = [
        f"{chromosome}\t{1000 * n}\t{n}\tA\tG\t.\t.\tALLELEID={rng.randbytes(30).hex()}"
        for chromosome in ("1", "X")
        for n in range(1, 20_000)
    ]
    clinvar = root / CLINVAR
    clinvar.parent.mkdir(parents=True)
    with pysam.BGZFile(str(clinvar), "w") as handle:
        handle.write("".join(f"{line}\n" for line in [*header, *others, *lines[len(header) :]]).encode())
    pysam.tabix_index(str(clinvar), preset="vcf")


def _write_gzip(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(text.encode()))


def save_tiny_model(folder: Path) -> None:
    """A one-pass model that has learnt nothing."""
    import torch

    from glmtracks.models import registry

    torch.manual_seed(1)
    model = registry.model_class("one_pass")(width=16, layers=4, kernel=3, max_dilation=64)
    registry.save(model.eval(), folder, seen=["none"], licence="MIT")


def configure(project: Project, url: str) -> None:
    """The demo's configuration with its hosts behind `url`, a model of the project's own, and one bigWig of each."""
    config = yaml.safe_load(CONFIG.read_text()) | {"tracks": {"bigwigs": ["llr_min"]}}
    for sheet in ("genomes", "models", "benchmarks", "callsets"):
        text = (CHECKOUT / config[sheet]).read_text().replace(SHIPPED, str(project.folder / "model"))
        config[sheet] = f"{sheet}.tsv"
        (project.folder / f"{sheet}.tsv").write_text(re.sub(r"https://", f"{url}/", text))
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="session")
def demo(once, shared_data) -> Project:
    def make(project: Project) -> None:
        root = project.folder / "served"
        serve_genomes(shared_data / "human_mito", root)
        serve_calls(shared_data / "human_mito", root)
        save_tiny_model(project.folder / "model")
        with FolderServer(root) as server:
            configure(project, server.url)
            done = project.snakemake(environment={"no_proxy": "127.0.0.1"})
        assert done.returncode == 0, done.stdout
        asked = [[path, ranged] for path, ranged in server.asked]
        (project.folder / "asked.json").write_text(json.dumps(asked))

    return once("demo_human", make)


def test_the_shipped_model_is_the_one_that_is_scored():
    models = pd.read_csv(CHECKOUT / "config/presets/human_mito_demo/models.tsv", sep="\t").set_index("name")
    assert models.loc["human_mito", "source"] == SHIPPED
    assert "rcrs" not in " ".join(models["genomes"].dropna())


def test_only_the_mitochondrial_part_of_clinvar_is_fetched(demo):
    asked = json.loads((demo.folder / "asked.json").read_text())
    pieces = [ranged for path, ranged in asked if path == f"/{CLINVAR}"]
    assert len(pieces) == 2 and all(pieces)
    (noted,) = (json.loads(path.read_text()) for path in demo.results.glob("downloads/*-clinvar.vcf.gz.json"))
    assert noted["records"] == 2750 and noted["region"] == "MT"
    assert noted["bytes"] < noted["size"] / 4


def test_every_variant_of_the_molecule_has_a_score(demo):
    for model in ("markov_mammals", "human_mito"):
        scores = pq.read_table(demo.results / f"scores/rcrs/{model}/0001-of-0001.parquet").to_pandas()
        assert len(scores) == 16_569
        known = scores[scores["entropy"].notna()]
        assert len(known) == 16_568  # position 3107 is N
        assert known[[f"llr_{base}" for base in "ACGT"]].notna().all(axis=None)


@pytest.mark.parametrize(("callset", "records", "scored"), [("clinvar", 2750, 2700), ("gnomad", 18_164, 14_000)])
def test_call_sets_are_annotated(demo, callset, records, scored):
    variants = pq.read_table(demo.results / f"variants/{callset}/human_mito.parquet").to_pandas()
    assert variants["record"].nunique() == records
    assert variants["llr"].notna().sum() > scored
    assert "ref_mismatch" not in set(variants["reason"])


def test_the_tasks_are_done_and_the_report_stands(demo):
    summary = pd.read_csv(demo.results / "benchmarks/summary.tsv", sep="\t")
    assert set(summary["task"]) == {"perplexity", "consequence"}
    assert {"markov_mammals", "human_mito"} <= set(summary["scorer"])
    assert (demo.results / "report/index.html").stat().st_size > 10_000
