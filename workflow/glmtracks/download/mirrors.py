"""Copies of public files that a site serves itself: which address stands for which."""

from collections.abc import Mapping


def mirrored(url: str, mirrors: Mapping[str, str]) -> str:
    """The address to fetch in place of `url`; of several prefixes that fit, the longest counts.

    >>> mirrored("https://host/a/b.fa", {"https://host/": "file:///copies/"})
    'file:///copies/a/b.fa'
    """
    prefix = max((prefix for prefix in mirrors if url.startswith(prefix)), key=len, default=None)
    return url if prefix is None else mirrors[prefix] + url.removeprefix(prefix)
