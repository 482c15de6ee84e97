"""Which file stands for each source that a sheet names: one on this machine, or what is fetched or cut out for it."""

from hashlib import sha1

from glmtracks.download import is_remote, split_region

# Scripts find how to fetch in the configuration, not in params: another mirror is no reason to fetch anew.
config["downloads"] = SETTINGS["downloads"]

# How many files are fetched at once, on one machine or a cluster, unless --resources downloads=N says otherwise
if "downloads" not in workflow.global_resources:
    workflow.register_resource("downloads", SETTINGS["downloads"]["parallel"])

# What is fetched: file name under results/downloads/ -> (source, kind of file, expected checksum)
DOWNLOADS = {}

# What is cut out of an indexed VCF: file name under results/downloads/ -> (its file, where it is here; path or URL with
# #region)
CUTS = {}

# What sheets name -> the file that rules read
SOURCES = {}

# Files of the user's on this machine
HERE = set()


def here(path):
    """A file of the user's, which lies on this machine or a shared file system wherever results are put."""
    HERE.add(locate(path))
    return local(locate(path))


def source_file(source, kind, sha256=""):
    """A source of a sheet as an input file: itself, or where the rule download or cut_vcf puts what is asked for."""
    file = _source_file(source, kind, sha256)
    SOURCES[f"{source} ({kind})" if is_remote(source) and "://" not in source else source] = file
    return file


def _source_file(source, kind, sha256):
    if split_region(source)[1]:
        return cut_file(source)
    if not is_remote(source):
        return here(source)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.split("?")[0].rsplit("/", 1)[-1])
    if "://" not in source:  # a provider id names no file
        name += {"fasta": ".fa.gz", "annotation": ".gff"}[kind]
    download = f"{sha1(f'{kind} {source}'.encode()).hexdigest()[:10]}-{name}"
    DOWNLOADS[download] = (source, kind, sha256)
    return f"results/downloads/{download}"


def cut_file(source):
    """The region of a VCF that a source of a sheet asks for."""
    file, region = split_region(source)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", re.sub(r"\.vcf\.b?gz.*", "", Path(file).name, flags=re.IGNORECASE))
    cut = f"{sha1(source.encode()).hexdigest()[:10]}-{name}.vcf.gz"
    files = [] if is_remote(file) else [here(file)]
    CUTS[cut] = (files, f"{files[0] if files else file}#{region}")
    return f"results/downloads/{cut}"


FASTA = {name: source_file(row["fasta"], "fasta", row["sha256"]) for name, row in GENOMES.items()}
# Tables of contig names, of rows that name one rather than list the names
ALIASES = {
    name: here(row["contig_aliases"]) for name, row in GENOMES.items() if os.path.isfile(locate(row["contig_aliases"]))
}
SOURCES |= {GENOMES[name]["contig_aliases"]: file for name, file in ALIASES.items()}
ANNOTATION = {name: source_file(row["annotation"], "annotation") for name, row in GENOMES.items() if row["annotation"]}
REPEATS_BED = {
    name: source_file(row["repeats"].removeprefix("bed:"), "bed")
    for name, row in GENOMES.items()
    if row["repeats"].startswith("bed:")
}
HELD_OUT_BED = {
    name: {
        part: source_file(row[part].removeprefix("bed:"), "bed")
        for part in ("test", "validation")
        if row[part].startswith("bed:")
    }
    for name, row in GENOMES.items()
}
NEUTRAL = {name: source_file(row["neutral"], "bed") for name, row in GENOMES.items() if row["neutral"]}
EVIDENCE = {name: source_file(row["evidence"], "evidence") for name, row in GENOMES.items() if row["evidence"]}
EMBED_BED = {
    name: source_file(row["embed_bed"], "bed") for name, row in GENOMES.items() if row["embed_bed"] and row["scored"]
}
VCF = {name: source_file(row["vcf"], "vcf", row["sha256"]) for name, row in CALLSETS.items()}
INPUTS = {
    (row["genome"], row["task"]): {key: source_file(source, key) for key, source in row["inputs"].items()}
    for row in CONFIG.benchmarks
    if (row["genome"], row["task"]) in RUNNABLE
}
# Those of the folder that a loaded model is in, since a folder is no newer for a file that is written over
MODEL_FILES = {
    name: [here(str(file)) for file in sorted(Path(locate(MODELS[name]["source"])).glob("*")) if file.is_file()]
    for name in LOADED
    if not is_on_hub(MODELS[name]["source"])
}
SOURCES |= {str(file): file for files in MODEL_FILES.values() for file in files}


def files_of(genome):
    """The files that the row of a genome names."""
    tables = (FASTA, ALIASES, ANNOTATION, REPEATS_BED, NEUTRAL, EVIDENCE, EMBED_BED)
    return [table[genome] for table in tables if genome in table] + [*HELD_OUT_BED[genome].values()]


def aliases_of(genome, used=True):
    """Other names of the contigs of a genome: a list, or the path of a table, wherever it was found.

    None where no file is read that may use them, so that one more name makes nothing anew that it does not concern.
    """
    return str(ALIASES.get(genome, GENOMES[genome]["contig_aliases"])) if used else ""


def named_part(genome, part):
    """The contigs or intervals of a part of the split that the genome sheet names: a pattern, or bed:FILE."""
    return f"bed:{HELD_OUT_BED[genome][part]}" if part in HELD_OUT_BED[genome] else GENOMES[genome][part]


def source_of(wildcards):
    """Where a loaded model is: a folder, or a checkpoint of the Hugging Face Hub."""
    source = MODELS[wildcards.model]["source"]
    return source if is_on_hub(source) else locate(source)


def files_of_source(wildcards):
    """The files of the folder that a loaded model is in; none of one of the Hugging Face Hub."""
    return MODEL_FILES.get(wildcards.model, [])


def source_mb(wildcards):
    """MB of the weights of a loaded model; 2,000, as of half a billion, where they are still on the hub."""
    folder = Path(source_of(wildcards))
    return sum(file.stat().st_size for file in folder.glob("*")) >> 20 if folder.is_dir() else 2000
