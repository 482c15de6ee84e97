"""The pages for genome browsers name the files that are there, in the words that the browsers document."""

import json
from pathlib import Path

import pybigtools
import pytest

from glmtracks.track_names import BIGWIG_TRACKS, TRACKS
from glmtracks.tracks.hub import igv_reference, write_hub

SIZES = {"chr2": 70_000, "chr1|x.1": 500}


@pytest.fixture
def make_hub(tmp_path: Path):
    """A function that writes a hub of a genome with a blank in its name and returns its folder."""

    def make(**options) -> Path:
        folder = tmp_path / "tracks" / "my genome" / "k=8.v1" / "track_hub"
        genome = tmp_path / "genomes" / "my genome"
        files = {"fasta": genome / "genome.fa.gz", "two_bit": genome / "genome.2bit", "sizes": genome / "chrom.sizes"}
        write_hub("my genome", "k=8.v1", SIZES, folder, **files, **options)
        return folder

    return make


def stanzas(path: Path) -> list[dict[str, str]]:
    return [dict(line.split(" ", 1) for line in block.splitlines()) for block in path.read_text().strip().split("\n\n")]


def test_the_assembly_hub_brings_its_genome(make_hub):
    folder = make_hub(species="Saccharomyces_cerevisiae", genetic_code=3)
    (hub,) = stanzas(folder / "hub.txt")
    (genome,) = stanzas(folder / hub["genomesFile"])
    assert hub["hub"].isidentifier() and {"shortLabel", "longLabel", "email"} <= set(hub)
    assert genome["genome"] == "my genome" and genome["defaultPos"] == "chr2:1-2000"
    assert genome["twoBitPath"] == "../../../../genomes/my%20genome/genome.2bit"
    assert genome["chromSizes"] == "../../../../genomes/my%20genome/chrom.sizes"
    assert genome["organism"] == genome["scientificName"] == "Saccharomyces cerevisiae"
    assert genome["codonTable"] == "default=3"
    (group,) = stanzas(folder / genome["groups"])
    assert {"name", "label", "priority", "defaultIsClosed"} == set(group)
    tracks = [track for track in stanzas(folder / genome["trackDb"]) if "parent" not in track]
    assert all(track["group"] == group["name"] for track in tracks)


def test_browsers_open_where_there_are_scores(make_hub, tmp_path):
    folder = tmp_path / "tracks" / "my genome" / "k=8.v1"
    folder.mkdir(parents=True)
    pybigtools.open(str(folder / "entropy.bw"), "w").write(SIZES, [("chr1|x.1", 7, 9, 1.0)])
    (genome,) = stanzas(make_hub(tracks=("entropy",)) / "genomes.txt")
    assert genome["defaultPos"] == "chr1|x.1:1-500"
    assert json.loads((folder / "track_hub" / "igv.json").read_text())["locus"] == genome["defaultPos"]


def test_what_is_not_known_of_a_genome_is_not_said(make_hub):
    (genome,) = stanzas(make_hub(species="yeast_isolate_7") / "genomes.txt")
    assert not {"scientificName", "codonTable"} & set(genome)


def test_the_other_hub_is_for_the_assembly_of_ucsc(make_hub):
    folder = make_hub(ucsc="sacCer3")
    (hub,) = stanzas(folder / "hub_ucsc.txt")
    (genome,) = stanzas(folder / hub["genomesFile"])
    assert genome == {"genome": "sacCer3", "trackDb": "trackDb.txt"}


@pytest.mark.parametrize("tracks", [TRACKS, BIGWIG_TRACKS, ("llr_min",), ("entropy", "logo_A", "something_new")])
def test_every_track_is_shown_once(make_hub, tracks):
    folder = make_hub(tracks=tracks)
    shown = stanzas(folder / "trackDb.txt")
    assert [track["bigDataUrl"] for track in shown if "bigDataUrl" in track] == [f"../{track}.bw" for track in tracks]
    assert len({track["track"] for track in shown}) == len(shown)
    assert all(track["track"].isidentifier() and {"type", "shortLabel", "longLabel"} <= set(track) for track in shown)
    assert all(track["type"].split()[0] == "bigWig" for track in shown)
    session = json.loads((folder / "igv.json").read_text())
    wigs = [wig for track in session["tracks"] for wig in track.get("tracks", [track])]
    assert [wig["url"] for wig in wigs] == [f"../{track}.bw" for track in tracks]


def test_labels_claim_no_track_that_is_not_there_and_fit_the_80_characters_of_ucsc(make_hub):
    folder = make_hub(tracks=("llr_min",))
    (hub,) = stanzas(folder / "hub.txt")
    assert "entropy" not in hub["longLabel"]
    shown = stanzas(make_hub(tracks=BIGWIG_TRACKS) / "trackDb.txt")
    assert all(len(stanza["longLabel"]) <= 80 for stanza in [hub, *shown])


def test_the_bases_of_a_logo_are_stacked_letters(make_hub):
    tracks = stanzas(make_hub(tracks=BIGWIG_TRACKS) / "trackDb.txt")
    container = next(track for track in tracks if track.get("logo") == "on")
    assert container["container"] == "multiWig" and container["aggregate"] == "stacked"
    assert container["type"] == "bigWig 0 2" and container["viewLimits"] == "0:2"
    parts = [track for track in tracks if track.get("parent") == container["track"]]
    assert [part["bigDataUrl"] for part in parts] == [f"../logo_{base}.bw" for base in "ACGT"]
    assert [part["priority"] for part in parts] == ["1", "2", "3", "4"]
    llr = [track for track in tracks if track["shortLabel"].startswith("llr_") and "parent" in track]
    assert [part["color"] for part in parts] == [track["color"] for track in llr]
    assert len({track["color"] for track in llr}) == 4


def test_the_session_of_igv_brings_its_genome(make_hub):
    session = json.loads((make_hub(tracks=BIGWIG_TRACKS) / "igv.json").read_text())
    assert session["reference"]["twoBitURL"] == "../../../../genomes/my%20genome/genome.2bit"
    assert session["reference"]["chromSizesURL"] == "../../../../genomes/my%20genome/chrom.sizes"
    assert session["locus"] == "chr2:1-2000"
    by_name = {track["name"]: track for track in session["tracks"]}
    assert list(by_name) == ["llr", "entropy", "llr_min", "llr_mean", "logo"]
    assert by_name["llr"]["type"] == by_name["logo"]["type"] == "merged"
    assert (by_name["entropy"]["min"], by_name["entropy"]["max"]) == (0, 2)


def test_igv_reads_a_2bit_unless_its_offsets_are_too_wide_for_it():
    small = igv_reference("g", 16_569, "genome.fa.gz", "genome.2bit", "chrom.sizes")
    assert small == {"id": "g", "name": "g", "twoBitURL": "genome.2bit", "chromSizesURL": "chrom.sizes"}
    large = igv_reference("g", 17_000_000_000, "genome.fa.gz", "genome.2bit", "chrom.sizes")
    assert large["fastaURL"] == "genome.fa.gz" and large["compressedIndexURL"] == "genome.fa.gz.gzi"
    assert "twoBitURL" not in large
