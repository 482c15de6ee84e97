"""Plain, gzip and bgzip files are told by content, and cut-off or damaged ones are refused by every reader."""

import gzip

import pysam
import pytest

from glmtracks.annotation import read_features
from glmtracks.bed import read_bed
from glmtracks.errors import InputError
from glmtracks.gzipped import is_gzip, open_plain_or_gzip

TEXT = "".join(f"c\tx\tgene\t{start}\t{start + 9}\t.\t+\t.\tID=g{start}\n" for start in range(1, 20_000, 10))
BED = "".join(f"c\t{start}\t{start + 9}\n" for start in range(0, 200_000, 10))


def bgzip(folder, text):
    (folder / "plain").write_text(text)
    pysam.tabix_compress(str(folder / "plain"), str(folder / "packed"))
    return (folder / "packed").read_bytes()


@pytest.mark.parametrize("length", [0, 1, 13, 27, 28, 100])
def test_a_short_plain_file_is_plain(tmp_path, length):
    path = tmp_path / "x.gz"
    path.write_bytes(b"A" * length)
    assert not is_gzip(path)
    with open_plain_or_gzip(path) as handle:
        assert handle.read() == b"A" * length


def test_gzip_and_bgzip_are_read_under_any_name(tmp_path):
    for packed in (gzip.compress(TEXT.encode()), bgzip(tmp_path, TEXT)):
        path = tmp_path / "x.txt"
        path.write_bytes(packed)
        assert is_gzip(path)
        with open_plain_or_gzip(path, "rt", encoding="ascii") as handle:
            assert handle.read() == TEXT


@pytest.mark.parametrize("read, text", [(read_features, TEXT), (read_bed, BED)])
def test_bgzip_that_ends_between_two_blocks_is_refused(tmp_path, read, text):
    """The decompressor takes the end of a block for the end of the file, so half an annotation would pass for one."""
    path = tmp_path / "x.gz"
    path.write_bytes(bgzip(tmp_path, text)[:-28])
    with pytest.raises(InputError, match=r"x\.gz is cut off: its end-of-file block is missing; fetch it again"):
        read(path)


def test_damage_is_told_under_the_name_that_is_given(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-20])
    with (
        pytest.raises(InputError, match="https://host/x is a damaged or cut-off gzip file"),
        open_plain_or_gzip(path, name="https://host/x") as handle,
    ):
        handle.read()
