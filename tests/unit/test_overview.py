"""The table that `make demo` ends with."""

import subprocess
import sys

import numpy as np
from report_world import row, rows_of_all_verdicts, write_summary

from glmtracks.overview import headlines, overview, read_summary, skipped, with_interval


def test_a_loss_is_said_as_loudly_as_a_win(tmp_path):
    write_summary(tmp_path / "benchmarks" / "summary.tsv", rows_of_all_verdicts())
    lines = overview(tmp_path).splitlines()
    said = {line.split("  ")[-1].strip() for line in lines if " house " in line}
    assert {"better", "LOSES", "undecided", "no interval"} <= said
    assert any("−0.200 [−0.210, −0.190]" in line for line in lines)


def test_what_was_not_run_is_said_with_its_reason(tmp_path):
    write_summary(tmp_path / "benchmarks" / "summary.tsv", rows_of_all_verdicts())
    assert "not run: other, outgroup: skipped: outgroups is empty" in overview(tmp_path)


def test_baselines_are_no_headlines(tmp_path):
    summary = read_summary(write_summary(tmp_path / "summary.tsv", rows_of_all_verdicts()))
    assert set(headlines(summary)["scorer"]) == {"house"}
    assert skipped(summary)["genome"].tolist() == ["other"]


def test_where_baselines_alone_were_judged_their_results_are_not_denied(tmp_path):
    write_summary(tmp_path / "benchmarks" / "summary.tsv", [row("perplexity", "all", "markov_5", 1.35)])
    assert "No task has a result for a model that is not a baseline." in overview(tmp_path)


def test_names_that_look_like_missing_values_stay_names(tmp_path):
    table = read_summary(write_summary(tmp_path / "summary.tsv", [row("perplexity", "all", "house", 1.3, genome="NA")]))
    assert table["genome"].tolist() == ["NA"]
    assert np.isnan(table["difference"].iloc[0])


def test_columns_are_aligned_and_only_places_that_exist_are_named(tmp_path):
    write_summary(tmp_path / "benchmarks" / "summary.tsv", rows_of_all_verdicts())
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").touch()
    text = overview(tmp_path)
    rows = [line for line in text.splitlines() if line.startswith(("genome ", "yeast"))]
    assert len({line.index("house") for line in rows[1:]} | {rows[0].index("scorer")}) == 1
    assert "report/index.html" in text
    assert "tracks" not in text


def test_without_results_it_says_what_to_do(tmp_path):
    assert "no results yet" in overview(tmp_path)
    assert "snakemake" in overview(tmp_path)


def test_a_table_that_was_emptied_is_named_in_a_sentence(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "summary.tsv").touch()
    command = [sys.executable, "-m", "glmtracks.overview", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"glmtracks: {tmp_path}/benchmarks/summary.tsv is empty, even of a header; delete it and run again\n"
    )


def test_an_interval_is_left_out_where_there_is_none():
    assert with_interval(0.5, np.nan, np.nan) == "0.500"
    assert with_interval(np.nan, np.nan, np.nan) == "–"
    assert with_interval(-0.1, -0.2, 0.0, sign="+") == "−0.100 [−0.200, +0.000]"
