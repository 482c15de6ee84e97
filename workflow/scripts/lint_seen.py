"""Look for what a model has seen of the test part of a genome that training did not hold out.

input   config (of the model); fasta, repeats, split (of the genome); seen_fastas, seen_repeats (of the genomes that it
        was trained on, lists); trained_on (split.tsv of the corpus, if it was trained here)
params  seen (their names, in the same order); leakage (purge, related, allow_leak)
output  [0] {model}.json
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.windows.seen import lint_seen

    files = zip(snakemake.input.seen_fastas, snakemake.input.seen_repeats, strict=True)
    lint_seen(
        model_folder=Path(snakemake.input.config).parent,
        genome=snakemake.wildcards.genome,
        fasta=snakemake.input.fasta,
        repeats=snakemake.input.repeats,
        split=snakemake.input.split,
        seen=dict(zip(snakemake.params.seen, files, strict=True)),
        leakage_settings=dict(snakemake.params.leakage),
        destination=Path(snakemake.output[0]),
        trained_on=snakemake.input.trained_on or None,
        threads=snakemake.threads,
    )
