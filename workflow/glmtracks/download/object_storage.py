"""Objects of S3 and of what speaks its protocol, as web addresses with signed requests."""

import os
from urllib.parse import quote, urlsplit


def is_object(url: str) -> bool:
    """Whether a URL is s3://bucket/key."""
    return urlsplit(url).scheme.lower() == "s3"


def web_address(url: str) -> str:
    """Where an object is served: at AWS, or below the endpoint that AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names.

    >>> web_address("s3://bucket/a b.fa")
    'https://bucket.s3.us-east-1.amazonaws.com/a%20b.fa'
    """
    bucket, key = urlsplit(url).netloc, url.split("/", 3)[3] if url.count("/") > 2 else ""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    path = quote(key, safe="/-_.~")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{path}"
    if "." in bucket:  # AWS' certificates are for one label before s3
        return f"https://s3.{region()}.amazonaws.com/{bucket}/{path}"
    return f"https://{bucket}.s3.{region()}.amazonaws.com/{path}"


def region() -> str:
    """The region that the environment names, or AWS' first, from where others are redirected to."""
    return os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or "us-east-1"


def signature() -> tuple[str, str, list[str]] | None:
    """Scheme, credentials and further headers of a signed request; None without credentials, as for public buckets."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    token = os.environ.get("AWS_SESSION_TOKEN")
    return f"aws:amz:{region()}:s3", f"{key}:{secret}", [f"x-amz-security-token: {token}"] if token else []
