"""Memory, time and GPUs of jobs, and which of them are not worth submitting; in one place, for all rules.

Memory and time are functions of the attempt and of the size of the input: a job that was killed for either is tried
again with twice as much, as often as --retries says.
"""

from glmtracks.slurm_array import become, hand_over_alike, own_command

# A job of an array that runs under the Snakemake of another goes on as itself.
if own := own_command(sys.argv, os.environ):
    become(own)

FLOOR = 1000  # MB; a job carries two Snakemake processes besides its own

GPUS = int(SETTINGS["scores"]["device"] == "cuda")  # asked of a cluster for each job that runs or trains a model


# They fetch, where the network often ends at the machine that submits, or take less time than being submitted does.
localrules:
    download,
    cut_vcf,
    check_leakage,
    model_card,
    track_hub,
    benchmark_table,


if any(is_on_hub(MODELS[model]["source"]) for model in LOADED):

    localrules:
        load_model,


def memory(base, per_input=0.0):
    """MB: `base`, plus `per_input` times the size of the input, doubled at each new attempt."""
    return lambda wildcards, input, attempt: int(max(FLOOR, base + per_input * input.size_mb) * 2 ** (attempt - 1))


def minutes(base, per_input=0.0):
    """Minutes: `base`, plus `per_input` for each MB of input, folders included, doubled at each new attempt."""
    return lambda wildcards, input, attempt: int(
        (base + per_input * (input.size_mb + within_folders(input))) * 2 ** (attempt - 1)
    )


def within_folders(input):
    """MB of the files in the folders of the input, such as the scores of a genome: Snakemake counts none of them."""
    files = (file for folder in input if Path(folder).is_dir() for file in Path(folder).rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def memory_to_annotate(wildcards, input, attempt):
    """MB for the rows of an annotation, 1 kB each: of a compressed file each takes 16 bytes or so, of others 250."""
    per_mb = 4 if Path(input.annotation).suffix in (".gff", ".gff3", ".gtf", ".bed") else 60
    size = dict(zip(input, input.size_files_mb))[input.annotation]  # known to Snakemake in object storage too
    return int((1500 + per_mb * size) * 2 ** (attempt - 1))


def memory_to_load(wildcards, input, attempt):
    """MB for reading the weights of a model in any format and writing them in ours."""
    return int((2000 + 3 * source_mb(wildcards)) * 2 ** (attempt - 1))


def minutes_to_load(wildcards, input, attempt):
    """Minutes for the same, and for fetching them from a hub."""
    return (10 if input.files else 120) * 2 ** (attempt - 1)


def gpus_to_train(wildcards):
    """GPUs that a training shares its batches among; none for a model that is counted rather than fitted."""
    row = MODELS[wildcards.model]
    return GPUS * max(row["parameters"].get("processes", 1), 1) if "steps" in row["parameters"] else 0


def fit_arrays():
    """See to it that each job of an array gets what it asks for itself, and that a limit holds up none for ever."""
    if workflow.executor_plugin.name == "slurm":
        hand_over_alike(workflow.executor_plugin.executor)
