from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.training import train_model

    train_model(
        kind=snakemake.params.kind,
        parameters=snakemake.params.parameters,
        corpus={
            "names": snakemake.params.genomes,
            "species": snakemake.params.species,
            "evidence": snakemake.params.evidence,
            "aliases": snakemake.params.aliases,
            "repetitions": snakemake.params.repetitions,
            "fastas": snakemake.input.fasta,
            "repeats": snakemake.input.repeats,
            "regions": snakemake.input.regions,
            "split": snakemake.input.split,
            "windows": snakemake.input.windows,
        },
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        folder=Path(snakemake.output.weights).parent,
    )
