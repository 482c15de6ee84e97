"""Pages that show the bigWig tracks of a genome in the UCSC Genome Browser and in IGV, without copying them."""

import os
import re
from pathlib import Path
from urllib.parse import quote

from glmtracks.files import atomic_folder, write_json
from glmtracks.shards import LLR_COLUMNS

# Okabe and Ito's colours, which people of all colour visions tell apart, nearest to the usual A, C, G, T.
COLOURS = dict(zip(LLR_COLUMNS, ("0,158,115", "0,114,178", "230,159,0", "213,94,0"), strict=True))
_GREY = "86,86,86"
_FIRST_VIEW = 2_000  # bases


def write_hub(
    genome: str, model: str, contigs: dict[str, int], fasta: str | Path, destination: str | Path, *, email: str = "none"
) -> None:
    """Write a UCSC track hub (hub.txt, genomes.txt, trackDb.txt) and an IGV session (igv.json).

    All addresses are relative to the folder: the bigWigs lie in its parent. The hub opens for assemblies that UCSC
    knows by the name `genome` (hg38, sacCer3). The session brings its own genome and so serves any: igv.js resolves
    its addresses against the page that loads it, so that page belongs into this folder, or has to resolve them.

    Args:
        genome, model: names.
        contigs: name -> length in genome order; the session opens at the beginning of the first.
        fasta: bgzip FASTA with .fai and .gzi beside it.
        destination: the folder, replaced as a whole.
        email: of whoever answers for the hub; UCSC asks for one.
    """
    label = f"{model}, {genome}"
    contig, length = next(iter(contigs.items()))
    with atomic_folder(destination) as folder:
        identifier = re.sub(r"\W", "_", f"glmtracks_{genome}_{model}")
        hub = {
            "hub": identifier,
            "shortLabel": f"glmtracks {genome}",
            "longLabel": f"Genomic language model {label}: log-likelihood ratios and entropy of every base",
            "genomesFile": "genomes.txt",
            "email": email,
        }
        (folder / "hub.txt").write_text(_stanza(hub))
        (folder / "genomes.txt").write_text(_stanza({"genome": genome, "trackDb": "trackDb.txt"}))
        (folder / "trackDb.txt").write_text("\n".join(_stanza(track) for track in _ucsc_tracks(identifier, label)))
        url = quote(Path(os.path.relpath(fasta, destination)).as_posix())
        session = {
            "reference": {
                "id": genome,
                "name": genome,
                "fastaURL": url,
                "indexURL": f"{url}.fai",
                "compressedIndexURL": f"{url}.gzi",
            },
            "locus": f"{contig}:1-{min(length, _FIRST_VIEW)}",
            "tracks": _igv_tracks(),
        }
        write_json(folder / "igv.json", session)


def _stanza(settings: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in settings.items())


def _ucsc_tracks(identifier: str, label: str) -> list[dict[str, str]]:
    """Settings of the tracks: the four llr in one container, and entropy."""
    container = {
        "track": f"{identifier}_llr",
        "container": "multiWig",
        "type": "bigWig",
        "shortLabel": "llr",
        "longLabel": f"log P(base) - log P(reference), natural logarithm ({label})",
        "aggregate": "transparentOverlay",
        "showSubtrackColorOnUi": "on",
        "autoScale": "on",
        "alwaysZero": "on",
        "maxHeightPixels": "120:60:16",
        "visibility": "full",
    }
    parts = [
        {
            "track": f"{identifier}_{column}",
            "parent": container["track"],
            "type": "bigWig",
            "shortLabel": column,
            "longLabel": f"log P({column[-1]}) - log P(reference)",
            "bigDataUrl": f"../{column}.bw",
            "color": colour,
        }
        for column, colour in COLOURS.items()
    ]
    entropy = {
        "track": f"{identifier}_entropy",
        "type": "bigWig 0 2",
        "shortLabel": "entropy",
        "longLabel": f"Shannon entropy of the four bases, bits ({label})",
        "bigDataUrl": "../entropy.bw",
        "color": _GREY,
        "viewLimits": "0:2",
        "maxHeightPixels": "120:40:16",
        "visibility": "full",
    }
    return [container, *parts, entropy]


def _igv_tracks() -> list[dict]:
    wigs = [
        {"name": name, "type": "wig", "format": "bigwig", "url": f"../{name}.bw", "color": f"rgb({colour})"}
        for name, colour in (*COLOURS.items(), ("entropy", _GREY))
    ]
    return [
        {"name": "llr", "type": "merged", "height": 120, "tracks": wigs[:-1]},
        {**wigs[-1], "min": 0, "max": 2, "height": 60},
    ]
