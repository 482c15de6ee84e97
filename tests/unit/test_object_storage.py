"""Downloads from a loopback server that speaks S3 and compares signatures."""

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("moto.server")
from s3_server import BUCKET, s3_server

from glmtracks.download import download
from glmtracks.download.object_storage import web_address
from glmtracks.errors import InputError

DATA = os.urandom(200_000)
KEY = "folder/a b+c'é;$(x).fa"


@pytest.fixture(scope="module")
def bucket():
    with s3_server(strict=True) as (environment, client):
        client.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
        yield environment


@pytest.fixture
def environment(bucket, monkeypatch):
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)


def fetch(tmp_path: Path, key: str = KEY) -> bytes:
    download(f"s3://{BUCKET}/{key}", tmp_path / "out", kind="bed", wait=0.01, attempts=2)
    return (tmp_path / "out").read_bytes()


def test_an_object_is_fetched_with_a_signature(environment, tmp_path):
    assert fetch(tmp_path) == DATA


def test_a_broken_transfer_of_an_object_goes_on(environment, tmp_path):
    from glmtracks.download.transfer import fetch as transfer

    patience = {"attempts": 1, "wait": 0.01, "stall": 10}
    part = tmp_path / "out.part"
    answer = transfer(f"s3://{BUCKET}/{KEY}", part, **patience)
    part.write_bytes(DATA[:70_000])
    note = {"url": f"s3://{BUCKET}/{KEY}", "version": answer.version}
    (tmp_path / "out.part.json").write_text(json.dumps(note))
    assert fetch(tmp_path) == DATA


def test_a_wrong_key_is_refused_in_one_sentence(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError, match=r"answered 403; check the address, AWS_ACCESS_KEY_ID") as error:
        fetch(tmp_path)
    assert "wrong" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_object(environment, tmp_path):
    with pytest.raises(InputError, match=r"s3://bucket/absent: the server answered 40[34]; check the address"):
        fetch(tmp_path, "absent")


def test_addresses(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert web_address("s3://b/k/x y") == "https://b.s3.us-east-1.amazonaws.com/k/x%20y"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert web_address("s3://a.b/k") == "https://s3.eu-west-2.amazonaws.com/a.b/k"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://near:9000/")
    assert web_address("s3://b/k") == "http://near:9000/b/k"
