"""What the results of a run were made from and with: inputs by their checksums, versions, commit and configuration."""

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from glmtracks import __version__, files

CHECKOUT = Path(__file__).resolve().parents[2]


def write_provenance(
    origins: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    inputs: Mapping[str, str],
    genomes: Mapping[str, str],
    models: Mapping[str, str],
    configuration: str,
    seed: int,
    commit: str | None,
) -> None:
    """Write as JSON, beside results, what makes them what they are; the same run gives the same bytes.

    Versions are those of this environment; of what it lacks, as one of `--sdm conda` does, those that pyproject.toml
    pins, which are those of the environments of the other jobs.

    Args:
        origins: path to write -> which of the inputs, genomes and models the results there come from.
        inputs: what a sheet names -> the file it stands for, here or as it was downloaded.
        genomes, models: name -> its provenance.json, and its config.json.
        configuration: `glmtracks.config.fingerprint` of settings and sheets.
        commit: as `commit` says.
    """
    versions = {name: _installed(name) or pinned for name, pinned in _dependencies().items()}
    content = {
        "glmtracks": __version__,
        "commit": commit,
        "configuration": configuration,
        "seed": seed,
        "inputs": {source: _described(Path(inputs[source])) for source in sorted(inputs)},
        "genomes": {name: _chosen(path, "origin", "sha256", "sequence_sha256") for name, path in genomes.items()},
        "models": {name: _chosen(path, "kind", "sha256", "seen") for name, path in models.items()},
        "versions": versions,
    }
    for path, origin in origins.items():
        files.write_json(path, content | {kind: _of(content[kind], names) for kind, names in origin.items()})


def replaced(noted: str | Path, inputs: Mapping[str, str]) -> str | None:
    """A sentence if an input is another file than results were made from, and yet older than they; None if all is well.

    A file that comes to its place with its own time, as by mv, cp -p and rsync -t, may be older than what was made from
    the file before it, and Snakemake goes by that alone. So the checksum of what came after the results is compared;
    once, since `noted` remembers it by the time of its own last change of status (ctime).

    Args:
        noted: what `write_provenance` wrote of those results; there may be none.
        inputs: what a sheet names -> the file it stands for.
    """
    noted = Path(noted)
    try:
        about, said = noted.stat(), json.loads(noted.read_text(encoding="utf-8"))["inputs"]
    except (OSError, ValueError, KeyError):
        return None
    known = {file: said.get(source, {}).get("sha256") for source, file in inputs.items()}
    arrived = [file for file in known if Path(file).is_file() and _arrived_with_its_time(Path(file), about)]
    for file in arrived:
        if known[file] and files.sha256(file) != known[file]:
            return (
                f"{file} is another file than the results were made from, but was last changed before that, so that "
                f"nothing would be made anew. touch {shlex.quote(str(file))}, then run again"
            )
    if arrived:
        with suppress(OSError):  # of somebody else
            noted.chmod(about.st_mode)  # changes nothing but its ctime
    return None


def _arrived_with_its_time(path: Path, noted: os.stat_result) -> bool:
    """Whether a file came to its place, or a link to it, after results were noted, and was last changed before."""
    link, file = path.lstat(), path.stat()
    if max(link.st_mtime, file.st_mtime) > noted.st_mtime:
        return False  # which Snakemake sees by itself
    return max(link.st_ctime, file.st_ctime) > max(noted.st_mtime, noted.st_ctime)


def commit() -> str | None:
    """The git commit of this checkout, with -dirty where files differ from it; None without git or a repository."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def _of(described: Mapping[str, dict], names: Sequence[str]) -> dict[str, dict]:
    return {name: said for name, said in described.items() if name in names}


def _described(file: Path) -> dict:
    described = {"sha256": files.sha256(file), "bytes": file.stat().st_size} if file.is_file() else {"sha256": None}
    note = file.with_name(f"{file.name}.json")
    if note.is_file() and file.parent.name == "downloads":
        said = json.loads(note.read_text(encoding="utf-8"))
        described |= {key: said[key] for key in ("url", "mirror", "region", "version", "compared") if key in said}
    return described


def _chosen(path: str, *keys: str) -> dict:
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return {key: content.get(key) for key in keys}


def _dependencies() -> dict[str, str]:
    """Package -> the version that is asked for, in alphabetical order."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return dict(sorted(text.split("==") for text in project["dependencies"]))


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
