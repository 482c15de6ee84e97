"""What the scores of a genome by a model are worth: corrections by context, and ranks."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.tracks.calibrate import calibrate
    from glmtracks.tracks.neutral import find_neutral

    neutral = find_neutral(
        snakemake.input.fasta,
        snakemake.input.scores,
        snakemake.input.regions,
        bed=snakemake.input.get("neutral"),
        aliases=snakemake.params.aliases,
    )
    calibrate(snakemake.input.scores, neutral, snakemake.output[0])
