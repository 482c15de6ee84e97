"""Pages that show the bigWig tracks of a genome in the UCSC Genome Browser and in IGV, without copying them.

After https://genome.ucsc.edu/goldenPath/help/assemblyHubHelp.html and …/help/trackDb/trackDbHub.html.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from glmtracks.files import atomic_folder, write_json
from glmtracks.genome.twobit import LARGE
from glmtracks.track_names import TRACKS

# Okabe and Ito's colours, which people of all colour visions tell apart; of the bases nearest to the usual ones.
BASE_COLOURS = {"A": "0,158,115", "C": "0,114,178", "G": "230,159,0", "T": "213,94,0"}
_GREY = "86,86,86"
_FIRST_VIEW = 2_000  # bases
_GROUP = "glmtracks"
_BINOMIAL = re.compile(r"[A-Z][a-z]+[ _][a-z]+")  # Saccharomyces_cerevisiae


@dataclass(frozen=True)
class _Look:
    """How a track, or the tracks of the four bases together, are shown; `limits` of the values where they are known."""

    meaning: str
    colour: str = _GREY
    limits: tuple[int, int] | None = None
    ucsc: dict[str, str] = field(default_factory=dict)
    height: int = 60


_OVERLAID = {"aggregate": "transparentOverlay", "showSubtrackColorOnUi": "on"}
_LOGO = {"aggregate": "stacked", "logo": "on"}  # letters as high as the values, once they are wide enough to be read
_LOOKS = {
    "llr": _Look("log P(base) - log P(reference), natural logarithm", ucsc=_OVERLAID, height=120),
    "logo": _Look("probability of each base times the information, bits", limits=(0, 2), ucsc=_LOGO, height=100),
    "llr_corrected": _Look("llr less its mean over neutral sites of the same context", ucsc=_OVERLAID, height=120),
    "phred": _Look("rank of the change within the genome, -10 log10 of the share", ucsc=_OVERLAID, height=120),
    "entropy": _Look("Shannon entropy of the four bases, bits", limits=(0, 2)),
    "llr_min": _Look("lowest log-likelihood ratio of the three changes", "204,121,167"),
    "llr_mean": _Look("mean log-likelihood ratio of the three changes", "86,180,233"),
}


def write_hub(
    genome: str,
    model: str,
    contigs: dict[str, int],
    destination: str | Path,
    *,
    fasta: str | Path,
    two_bit: str | Path,
    sizes: str | Path,
    tracks: Sequence[str] = TRACKS,
    ucsc: str = "",
    species: str = "",
    genetic_code: int = 1,
) -> None:
    """Write two UCSC hubs of the same tracks and an IGV session; all addresses are relative to the folder.

    hub.txt is an assembly hub: it brings its genome along, so it opens for any. hub_ucsc.txt adds the tracks to an
    assembly that UCSC itself has, beside all that it shows there. igv.json brings its genome too; igv.js resolves its
    addresses against the page that loads it, so that page belongs into this folder, or has to resolve them.

    Args:
        genome, model: names.
        contigs: name -> length in genome order; browsers open at the beginning of the first that has a value.
        destination: the folder, replaced as a whole; the bigWigs lie in its parent.
        fasta: bgzip FASTA with .fai and .gzi beside it.
        two_bit: the same genome, as `glmtracks.genome.twobit` writes it.
        sizes: the genome's chrom.sizes.
        tracks: names of the bigWigs, of `glmtracks.track_names`.
        ucsc: how UCSC calls the assembly (sacCer3); by default `genome`.
        species: what the genome is of; a binomial is its scientific name.
        genetic_code: NCBI's number.
    """
    contig = _first_shown([Path(destination).parent / f"{track}.bw" for track in tracks], contigs)
    locus = f"{contig}:1-{min(contigs[contig], _FIRST_VIEW)}"
    identifier = re.sub(r"\W", "_", f"glmtracks_{genome}_{model}")
    hub = {
        "hub": identifier,
        "shortLabel": f"glmtracks {genome}",
        "longLabel": f"Genomic language model {model}, {genome}: scores of every base",
        "email": "none",  # UCSC asks for one, of whoever answers for the hub
    }
    addresses = [_address(path, destination) for path in (fasta, two_bit, sizes)]
    assembly = _assembly(genome, *addresses[1:], locus, species, genetic_code)
    group = {"name": _GROUP, "label": "Genomic language model", "priority": "1", "defaultIsClosed": "0"}
    files = {
        "hub.txt": [hub | {"genomesFile": "genomes.txt"}],
        "genomes.txt": [assembly],
        "hub_ucsc.txt": [hub | {"genomesFile": "genomes_ucsc.txt"}],
        "genomes_ucsc.txt": [{"genome": ucsc or genome, "trackDb": "trackDb.txt"}],
        "groups.txt": [group],
        "trackDb.txt": _ucsc_tracks(tracks, identifier, f"{model}, {genome}"),
    }
    with atomic_folder(destination) as folder:
        for name, stanzas in files.items():
            (folder / name).write_text("\n".join(map(_stanza, stanzas)), encoding="utf-8")
        reference = igv_reference(genome, sum(contigs.values()), *addresses)
        write_json(folder / "igv.json", {"reference": reference, "locus": locus, "tracks": _igv_tracks(tracks)})


def _first_shown(bigwigs: list[Path], contigs: Iterable[str]) -> str:
    """The first contig that has a value in one of the bigWigs, or the first of all where there is none."""
    import pybigtools  # which the environment of the report, where this module is read too, lacks

    shown = {contig for path in bigwigs if path.exists() for contig in pybigtools.open(str(path)).chroms()}
    return next(contig for contig in contigs if contig in shown or not shown)


def _assembly(genome: str, two_bit: str, sizes: str, locus: str, species: str, genetic_code: int) -> dict[str, str]:
    """How an assembly hub describes its genome, by the addresses of its files."""
    assembly = {
        "genome": genome,
        "trackDb": "trackDb.txt",
        "groups": "groups.txt",
        "description": f"{genome}, as glmtracks scored it",
        "twoBitPath": two_bit,
        "chromSizes": sizes,
        "organism": (species or genome).replace("_", " "),
        "defaultPos": locus,
    }
    if _BINOMIAL.match(species):
        assembly["scientificName"] = species.replace("_", " ")
    if genetic_code != 1:
        assembly["codonTable"] = f"default={genetic_code}"
    return assembly


def igv_reference(genome: str, size: int, fasta: str, two_bit: str, sizes: str) -> dict[str, str]:
    """How igv.js is told of a genome of `size` bases, by the addresses of its files.

    The 2bit file, since igv.js 3.8.10 shows no base of the last block of a bgzip FASTA, and so none of a genome of up
    to 64 kB; but the FASTA of genomes whose 2bit has 64-bit offsets, which igv.js does not read.
    """
    if size > LARGE:
        files = {"fastaURL": fasta, "indexURL": f"{fasta}.fai", "compressedIndexURL": f"{fasta}.gzi"}
    else:
        files = {"twoBitURL": two_bit, "chromSizesURL": sizes}
    return {"id": genome, "name": genome} | files


def _address(path: str | Path, folder: str | Path) -> str:
    """The URL of a file relative to a page in `folder`."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def _stanza(settings: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in settings.items())


def _families(tracks: Sequence[str]) -> dict[str, list[str]]:
    """The tracks that are shown together: llr_A … llr_T as llr; a track that stands alone under its own name."""
    families: dict[str, list[str]] = {}
    for track in tracks:
        stem, _, base = track.rpartition("_")
        families.setdefault(stem if base in BASE_COLOURS else track, []).append(track)
    return families


def _look(family: str) -> _Look:
    return _LOOKS.get(family, _Look(family))


def _ucsc_tracks(tracks: Sequence[str], identifier: str, label: str) -> list[dict[str, str]]:
    """Settings of the tracks; those of the four bases in a container."""
    stanzas = []
    for family, members in _families(tracks).items():
        look = _look(family)
        kind = " ".join(map(str, ["bigWig", *(look.limits or ())]))
        scale = {"autoScale": "on"} if look.limits is None else {"viewLimits": f"{look.limits[0]}:{look.limits[1]}"}
        shared = {
            "type": kind,
            "shortLabel": family,
            "longLabel": f"{look.meaning} ({label})",
            "group": _GROUP,
            **scale,
            "alwaysZero": "on",
            "maxHeightPixels": f"120:{look.height // 2}:16",
            "visibility": "full",
        }
        top = {"track": f"{identifier}_{family}"}
        if members == [family]:
            stanzas.append(top | shared | {"color": look.colour, "bigDataUrl": f"../{family}.bw"})
            continue
        stanzas.append(top | {"container": "multiWig"} | shared | look.ucsc)
        stanzas += [
            {
                "track": f"{identifier}_{track}",
                "parent": top["track"],
                "type": kind,
                "shortLabel": track,
                "longLabel": f"{track}: {look.meaning}",
                "bigDataUrl": f"../{track}.bw",
                "color": BASE_COLOURS[track[-1]],
                "priority": str(number),
            }
            for number, track in enumerate(members, start=1)
        ]
    return stanzas


def _igv_tracks(tracks: Sequence[str]) -> list[dict]:
    shown = []
    for family, members in _families(tracks).items():
        look, alone = _look(family), members == [family]
        limits = {} if look.limits is None else {"min": look.limits[0], "max": look.limits[1]}
        size = {"height": look.height, **limits}
        wigs = [
            {
                "name": track,
                "type": "wig",
                "format": "bigwig",
                "url": f"../{track}.bw",
                "color": f"rgb({look.colour if alone else BASE_COLOURS[track[-1]]})",
            }
            for track in members
        ]
        shown.append({**wigs[0], **size} if alone else {"name": family, "type": "merged", **size, "tracks": wigs})
    return shown
