"""Assemblies by name, such as ucsc:sacCer3: from a provider's id to a URL, through genomepy."""

import itertools
import re
from typing import Any

from glmtracks.download import certificates
from glmtracks.errors import InputError

UCSC_GENES = "https://hgdownload.soe.ucsc.edu/goldenPath/{name}/bigZips/genes/{name}.{table}.gtf.gz"


def provider_url(provider: str, name: str, kind: str) -> str:
    """The URL of an assembly's soft-masked FASTA or of its annotation.

    Args:
        provider: "ucsc", "ensembl" or "ncbi".
        name: the provider's name of the assembly, or an accession (GCA_, GCF_) that only one assembly has.
        kind: "fasta" or "annotation".

    Raises:
        InputError: the provider does not answer, does not know the name, or has no such file for it.
    """
    certificates.share()
    import genomepy

    cell = f"{provider}:{name}"
    if kind not in ("fasta", "annotation"):
        raise InputError(f"{cell}: providers have genomes and annotations only; give a {kind} file by path or URL.")
    try:
        source = genomepy.Provider.create(provider)
        known = _known_name(source, name)
        links = [] if known is None else _links(source, known, kind)
    except Exception as error:  # genomepy passes on whatever requests, urllib and MySQL raise
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise InputError(f"{cell} could not be looked up ({first[0]}); try later or give a URL.") from error
    if known is None:
        raise InputError(f"{cell}: {source.name} has no assembly of that name; {_suggestions(source, name)}.")
    if not links:
        raise InputError(f"{cell}: {source.name} has no {kind} of {known}; give one by path or URL, or leave it out.")
    return links[0]


def _links(source: Any, name: str, kind: str) -> list[str]:
    if kind == "fasta":
        return [source.get_genome_download_link(name, mask="soft")]
    # in genomepy's order of preference; for UCSC these are the names of tables, which it serves as GTF too
    links = source.annotation_links(name)
    return [link if "://" in link else UCSC_GENES.format(name=name, table=link) for link in links]


def _known_name(source: Any, name: str) -> str | None:
    if name in source.genomes:
        return name
    found = {row[0] for row in source.search(re.escape(name), exact=True)}
    return found.pop() if len(found) == 1 else None


def _suggestions(source: Any, name: str) -> str:
    """Names that contain this one, or else its first half."""
    for part in (name, name[: max(3, len(name) // 2)]):
        if found := [row[0] for row in itertools.islice(source.search(re.escape(part)), 5)]:
            return f"did you mean {', '.join(found)}?"
    return f"search with genomepy search {name}"
