"""Draw one plot of one genome.

input   what the plot reads, all lists: some of summaries, scores, datasets, annotation, fasta, split, training, metrics
params  baselines (model -> whether it is one, in the order of the model sheet)
output  svg; tsv, the table it is drawn from
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.plots import make_plot

    make_plot(
        snakemake.wildcards.plot,
        snakemake.wildcards.genome,
        snakemake.params.baselines,
        dict(snakemake.input.items()),
        snakemake.output.svg,
        snakemake.output.tsv,
    )
