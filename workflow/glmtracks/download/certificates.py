"""The authorities whose certificates are trusted, the same ones whichever library fetches.

A site whose proxy reads along has an authority of its own. Each library reads its name from another variable: curl from
the first, the Hub and Python from the second, requests and with it genomepy from the first or third.
"""

import os

VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def named() -> str | None:
    """The file or folder of certificates that the environment names; None = those that libraries bring along."""
    return next(filter(None, map(os.environ.get, VARIABLES)), None)


def share() -> None:
    """Let every library of this process know the file that one of the variables names, where its own says nothing."""
    authorities = named()
    if authorities and os.path.isfile(authorities):  # a folder is not for all of them
        for variable in VARIABLES:
            os.environ[variable] = os.environ.get(variable) or authorities
