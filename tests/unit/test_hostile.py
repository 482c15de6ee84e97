"""Files and sheets that nobody should have: each is read or refused in one sentence, and none is run."""

import codecs
import gzip
import io
import re
import string
import tarfile
from pathlib import Path

import pytest
import yaml
from hostile_files import FILES, GENOME, PIECES, configure, read_or_refuse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glmtracks.annotation.gff import read_rows
from glmtracks.bed import read_bed_of
from glmtracks.config import load
from glmtracks.errors import InputError
from glmtracks.genome import ContigNames, Genome, read_aliases
from glmtracks.genome.fasta import normalise
from glmtracks.variants.vcf import open_vcf

few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def spoiled(draw: st.DrawFn, kind: str) -> bytes:
    """A good file of a kind in which pieces were put in, taken out, doubled or overwritten, or only such pieces."""
    data = draw(st.sampled_from([FILES[kind]] * 5 + [b""]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


@pytest.fixture
def genome(make_genome) -> Genome:
    return make_genome(GENOME)


@few
@given(data=spoiled("fasta"))
def test_any_fasta(data, genome, tmp_path):
    read_or_refuse("fasta", data, genome, tmp_path)


@few
@example(data=b"#\rgff-version 3\n" + FILES["gff"])
@example(data=FILES["gtf"].replace(b'"g"', b'\0"g"', 1))
@example(data=FILES["gtf"].replace(b'"g"', b'\1"g"', 1))
@given(data=st.one_of(spoiled("gff"), spoiled("gtf")))
def test_any_annotation(data, genome, tmp_path):
    read_or_refuse("gff", data, genome, tmp_path)


@few
@given(data=spoiled("vcf"))
def test_any_vcf(data, genome, tmp_path):
    read_or_refuse("vcf", data, genome, tmp_path)


@few
@example(data=b"track$\t1\t9\tname\t0\t+\nchrM\tchrM\t0\t12\n")
@given(data=spoiled("bed"))
def test_any_bed(data, genome, tmp_path):
    read_or_refuse("bed", data, genome, tmp_path)


nasty = st.one_of(
    st.sampled_from([piece.decode("latin-1") for piece in PIECES]),
    st.text(string.printable + "é\u2028\0", max_size=12),
    st.sampled_from(["name", "genomes", "train", "yes", "toy", "order=3", "a=b=c", "[", "{", "&x", "*x", "!!python/x"]),
)


def sheets_of(folder: Path, **cells: str) -> dict[str, str]:
    """Good sheets, with some cells of the genome's or the model's row replaced."""
    genome = {"name": "toy", "fasta": str(folder / "toy.fa"), "species": "toy", "contig_aliases": ""}
    model = {"kind": "markov", "source": "train", "genomes": "toy", "parameters": "order=3"}
    genome |= {key: value for key, value in cells.items() if key in genome}
    model = {"name": "m"} | model | {key: value for key, value in cells.items() if key in model}
    tables = {"genomes": genome, "models": model}
    texts = {key: "\t".join(row) + "\n" + "\t".join(row.values()) + "\n" for key, row in tables.items()}
    return texts | {"benchmarks": "genome\ttask\n", "callsets": "name\tgenome\tvcf\n"}


@few
@given(data=st.data())
def test_any_sheet(data, tmp_path):
    columns = ["name", "fasta", "species", "contig_aliases", "kind", "source", "genomes", "parameters"]
    cells = data.draw(st.dictionaries(st.sampled_from(columns), nasty, max_size=4))
    sheets = sheets_of(tmp_path, **cells)
    name = data.draw(st.sampled_from(list(sheets)))
    place = data.draw(st.integers(0, len(sheets[name])))
    sheets[name] = sheets[name][:place] + data.draw(st.one_of(st.just(""), nasty)) + sheets[name][place:]
    try:
        load(configure(tmp_path, sheets))
    except InputError as error:
        assert str(error).startswith(f"{len(str(error).splitlines()) - 1} problem(s) in the configuration:")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), nasty),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(nasty, inner, max_size=3),
    max_leaves=5,
)


@few
@given(data=st.data())
def test_any_configuration(data, tmp_path):
    config = configure(tmp_path, sheets_of(tmp_path))
    keys = ["scores", "windows", "split", "tracks", "variants", "seed", "genomes", "callsets", "benchmark", "nonsense"]
    config |= data.draw(st.dictionaries(st.sampled_from(keys), values, min_size=1, max_size=3))
    yaml.safe_dump(config)  # as a file could say it
    try:
        load(config)
    except InputError as error:
        assert "problem(s) in the configuration" in str(error)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "a b", "a;b", "$(x)", "`x`", "a'b", 'a"b', "-rf", ".x", "a\u2028b", "a|b", "a&b", "é", "a*b"],
)
def test_names_are_plain_words(tmp_path, name):
    with pytest.raises(InputError, match="has a form that is not allowed"):
        load(configure(tmp_path, sheets_of(tmp_path, name=name, genomes=name)))


def test_a_name_too_long_for_any_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no file 'NNN"):
        load(configure(tmp_path, sheets_of(tmp_path, fasta="N" * 5000)))


@pytest.mark.parametrize("path", ["{x}.fa", "a}.fa"])
def test_braces_are_wildcards_to_snakemake(tmp_path, path):
    with pytest.raises(InputError, match="has a brace, which Snakemake takes for a wildcard"):
        load(configure(tmp_path, sheets_of(tmp_path, fasta=str(tmp_path / path))))


def test_a_sheet_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\\x00b: cannot be read"):
        load(configure(tmp_path, sheets_of(tmp_path)) | {"genomes": "a\0b"})


@pytest.mark.parametrize("scheme", ["gopher", "scp", "data", "javascript", "git+ssh"])
def test_only_known_schemes_are_fetched_from(tmp_path, scheme):
    with pytest.raises(
        InputError, match=f"{scheme.replace('+', '.')}://host/x.fa' is not an address .* http, https, ftp"
    ):
        load(configure(tmp_path, sheets_of(tmp_path, fasta=f"{scheme}://host/x.fa")))


MARK = codecs.BOM_UTF8


def test_a_byte_order_mark_takes_no_row_away(genome, tmp_path):
    """Some editors put it before the first line, which then is no less a line."""
    path = tmp_path / "marked"
    path.write_bytes(MARK + b"chrI\t1\t9\nchrM\t0\t12\n")
    names = ContigNames(genome.contigs)
    assert read_bed_of(genome, path, names)["contig"].tolist() == ["chrI", "chrM"]
    path.write_bytes(gzip.compress(MARK + FILES["bed"]))  # its first line is one of a track
    assert read_bed_of(genome, path, names)["contig"].tolist() == ["chrI", "chrM"]
    path.write_bytes(MARK + FILES["fasta"])
    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance.json"}
    assert normalise(path, tmp_path / "genome.fa.gz", **outputs)["contigs"] == 2
    for kind in ("gff", "gtf"):
        rows = {}
        for mark in (b"", MARK):
            path.write_bytes(mark + FILES[kind])
            rows[mark] = read_rows(path)
        assert rows[MARK].equals(rows[b""]) and len(rows[b""]) > 2
    for mark in (b"", MARK):
        path.write_bytes(mark + FILES["vcf"])
        with open_vcf(path) as vcf:
            assert sum(block.num_rows for block in vcf.blocks) == 2
            assert vcf.header[0] == b"##fileformat=VCFv4.2"
    path.write_bytes(MARK + b"I\tchrI\n")
    assert read_aliases(str(path)) == {"I": "chrI"}


def test_members_of_an_archive_stay_where_they_are(tmp_path):
    """They are read as a stream; what they are called is no path."""
    path = tmp_path / "inside" / "evil.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../escaped.fa", "/tmp/glmtracks_escaped.fa"):
            member = tarfile.TarInfo(name)
            text = f">{Path(name).stem}{len(name)}\nACGT\n".encode()
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        link = tarfile.TarInfo("link.fa")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance.json"}
    assert normalise(path, tmp_path / "genome.fa.gz", **outputs)["contigs"] == 2
    assert not (tmp_path / "escaped.fa").exists() and not Path("/tmp/glmtracks_escaped.fa").exists()


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_weights_run_nothing(tmp_path, name):
    """Only tensors are read of a published checkpoint, whatever its files are called."""
    torch = pytest.importorskip("torch")
    from glmtracks.models.checkpoint import read

    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save({"a": torch.zeros(2), "b": Bomb(tmp_path / "owned")}, folder / name)
    (folder / "config.json").write_text("{}")
    with pytest.raises(InputError, match=re.escape(str(folder))) as error:
        read(folder)
    assert "\n" not in str(error.value) and not (tmp_path / "owned").exists()


def test_a_configuration_cannot_command_a_terminal(tmp_path):
    with pytest.raises(InputError) as error:
        load(configure(tmp_path, sheets_of(tmp_path, name="a\x1b[2J")))
    assert "\x1b" not in str(error.value) and "a\\x1b[2J" in str(error.value)
