"""Fuzzing of a reader, guided by what it has run through: python tests/fuzz vcf --seconds 300.

Whatever the bytes, a file is read or refused in one sentence; the first that is not, and one that takes longer than
HANG seconds, ends the run and is kept, named crash-… or timeout-…, in the current folder. Needs the extra `fuzz`.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
HANG = 60
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "unit")]

with atheris.instrument_imports(include=["glmtracks"]):
    from hostile_files import FILES, GENOME, PIECES, READERS, SHEETS, load_or_refuse, read_or_refuse

    from glmtracks.genome import Genome
    from glmtracks.genome.fasta import normalise


def make_genome(folder: Path) -> Genome:
    source, fasta = folder / "source.fa", folder / "of" / "genome.fa.gz"
    fasta.parent.mkdir()
    source.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in GENOME.items()))
    normalise(source, fasta, sizes_out=folder / "of" / "sizes", provenance_out=folder / "of" / "provenance.json")
    return Genome(fasta)


def escaped(piece: bytes) -> str:
    """As libFuzzer's dictionaries want it."""
    return "".join(f"\\x{byte:02x}" for byte in piece)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=[*READERS, *SHEETS])
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder, kind = Path(name), asked.reader
        genome = make_genome(folder)
        seeds, words = folder / "seeds", folder / "words"
        seeds.mkdir()
        (seeds / "good").write_bytes(FILES[kind] if kind in FILES else SHEETS[kind].encode())
        words.write_text("".join(f'"{escaped(piece)}"\n' for piece in PIECES))

        def read(data: bytes) -> None:
            if kind in READERS:
                read_or_refuse(kind, data, genome, folder)
            else:
                load_or_refuse(kind, data, folder)

        options = [f"-max_total_time={asked.seconds}", f"-timeout={HANG}", "-max_len=2000", f"-dict={words}"]
        atheris.Setup([sys.argv[0], *options, str(seeds)], read)
        atheris.Fuzz()


main()
