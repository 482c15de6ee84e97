"""A loopback server that speaks S3, with one empty bucket, and the environment in which curl and boto3 find it."""

import json
import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"


@contextmanager
def s3_server(*, strict: bool = False) -> Iterator[tuple[dict[str, str], object]]:
    """Yield the variables of the environment and a client of boto3.

    Args:
        strict: requests are refused unless they are signed with the key in the environment.
    """
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "secret"}
    options = {"endpoint_url": url, "region_name": "us-east-1"}
    _tell(url, "reset", b"")  # what another server of this process held
    _tell(url, "reset-auth", b"inf")  # requests before keys are looked at
    try:
        client = boto3.client("s3", **options, **keys)
        client.create_bucket(Bucket=BUCKET)
        if strict:
            keys = _user_who_may_read(boto3.client("iam", **options, **keys))
            _tell(url, "reset-auth", b"0")
            client = boto3.client("s3", **options, **keys)
        names = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", "no_proxy": "127.0.0.1"}
        yield names | {key.upper(): value for key, value in keys.items()}, client
    finally:
        server.stop()


def _tell(url: str, what: str, value: bytes) -> None:
    """Change what all servers of this process share."""
    request = urllib.request.Request(f"{url}/moto-api/{what}", value, {"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()


def _user_who_may_read(iam) -> dict[str, str]:
    iam.create_user(UserName="reader")
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(allowed))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
