"""The scripts of the report page, run by Node.js."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from glmtracks.schemas import WORKFLOW

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the path")

WITHOUT_IGV = """
globalThis.window = globalThis;
globalThis.glm = { say: (word) => word };
globalThis.igv = { createBrowser: async (where, made) => where.made = made };
"""  # what it would have been told to draw is kept instead


def run(folder: Path, name: str, before: str, after: str) -> str:
    """What is printed by a script of the page between what it needs and what is asked of it."""
    script = folder / "script.js"
    script.write_text(before + (WORKFLOW / "report" / name).read_text() + after)
    return subprocess.run(["node", str(script)], capture_output=True, text=True, check=True).stdout


def test_two_questions_at_once_open_one_browser(tmp_path):
    said = run(
        tmp_path,
        "browser.js",
        """
        globalThis.window = globalThis;
        globalThis.glm = { say: (word) => word };
        const named = {};
        const control = (selector) => ({ setAttribute: (_, words) => { named[selector.split("[")[0]] = words; } });
        const place = { open: [], replaceChildren() { this.open = []; }, shadowRoot: { querySelector: control } };
        globalThis.igv = {
          createBrowser: async (where, { locus }) => {
            await new Promise((resolve) => setTimeout(resolve, 10));
            const made = { locus, search: async (other) => { made.locus = other; } };
            where.open.push(made);
            return made;
          },
          removeBrowser: () => {},
        };
        """,
        """
        const data = { genes: [], repeats: [], items: [], files: { tracks: { m: {} } } };
        const scores = { name: "g", whole: true, data, open: async () => new Map() };
        const shown = new glm.Browser(place);
        const ask = (start) => shown.show(scores, "m", { contig: "c", start, end: start + 9 });
        Promise.all([ask(0), ask(20)]).then(() => {
          console.log(place.open.map((one) => one.locus).join(), named.input, named.select);
        });
        """,
    )
    assert said.split() == ["c:21-29", "browser_zoom", "browser_contig"]


def test_a_browser_is_begun_anew_after_one_that_could_not_be_read(tmp_path):
    ask = """
        const data = { genes: [], repeats: [], items: [], files: { tracks: { m: {} } } };
        const scores = (name) => ({ name, whole: true, data, open: async () => new Map() });
        const opened = [];
        const lost = new Set(["b"]);
        igv.createBrowser = async () => {
          if (lost.has(asked)) throw new Error(asked);
          opened.push(asked);
          return { search: async () => { if (lost.has(asked)) throw new Error(asked); } };
        };
        igv.removeBrowser = () => {};
        const shown = new glm.Browser({ replaceChildren() {} });
        let asked;
        const show = (name) => {
          asked = name;
          return shown.show(scores(name), "m", { contig: "c", start: 0, end: 9 }).catch(() => {});
        };
        (async () => {
          for (const name of ["a", "b", "a", "a"]) await show(name);
          lost.add("a");
          await show("a");
          lost.delete("a");
          await show("a");
          console.log(opened.join(""));
        })();
        """
    assert run(tmp_path, "browser.js", WITHOUT_IGV, ask) == "aaa\n"


def test_an_older_answer_that_comes_later_does_not_replace_a_newer_one(tmp_path):
    ask = """
        const place = { replaceChildren(...children) { this.children = children; } };
        let later;
        const older = glm.show(place, new Promise((resolve) => { later = resolve; }));
        glm.show(place, ["newer"]).then(() => later(["older"]));
        older.then(() => console.log(place.children.join()));
        """
    assert run(tmp_path, "core.js", "globalThis.document = { getElementById: () => null };", ask) == "newer\n"


def test_a_line_whose_alternative_is_no_other_base_is_not_understood(tmp_path):
    lines = ["c:5 A>G", "c 5 . a g,t", "c:5 AT>A", "c:5", "c:5 A>G,", "c:5 A>N", "c:5 A>A", "c:0 A>G", "c 5 . A <DEL>"]
    show = "console.log(JSON.stringify(asked.map((one) => one && (one.alts ?? 'all'))));"
    ask = f"const asked = {json.dumps(lines)}.map(glm.parseVariant);"
    said = run(tmp_path, "lookup.js", "globalThis.glm = {};", ask + show)
    assert json.loads(said) == [["G"], ["G", "T"], ["A"], "all", *[None] * 5]


@pytest.mark.parametrize(
    ("entropy", "status", "source"),
    [("e.bw", 206, "source_files"), ("e.bw", 200, "source_no_ranges"), (None, 206, "source_no_tracks")],
)
def test_every_base_can_be_asked_about_only_where_all_tracks_were_written(tmp_path, entropy, status, source):
    before = f"""
        globalThis.glm = {{}};
        globalThis.location = {{ protocol: "http:" }};
        globalThis.fetch = async () => ({{ status: {status} }});
        const entropy = {json.dumps(entropy)};
        """
    ask = """
        const llr = Object.fromEntries([..."ACGT"].map((base) => [`llr_${base}`, "x.bw"]));
        const files = { sequence: "g.2bit", tracks: { m: { ...llr, entropy } } };
        const scores = new glm.Scores("g", { models: {}, files });
        scores.connect().then(() => console.log(scores.source, scores.whole));
        """
    said = run(tmp_path, "scores.js", before, ask)
    assert said.split() == [source, str(source == "source_files").lower()]


def test_contigs_with_colons_in_their_names_are_asked_for_without(tmp_path):
    answer = run(
        tmp_path,
        "browser.js",
        WITHOUT_IGV,
        """
        const text = (address) => atob(address.split(",")[1]);
        const slices = { windows: [["a:1-5", 2, 4]], ref: "AC", lengths: { "a:1-5": 9 }, repeats: [["a:1-5", 2, 3]] };
        const data = { ...slices, genes: [], items: [], files: { reference: {}, tracks: { m: {} } } };
        const open = async () => new Map([["a", 0], ["a:1-5", 1]]);
        const made = async (whole) => {
          const place = { replaceChildren() {} };
          const [scores, locus] = [{ name: "g", whole, data, open }, { contig: "a:1-5", start: 2, end: 4 }];
          await new glm.Browser(place).show(scores, "m", locus);
          return place.made;
        };
        (async () => {
          const [page, served] = [await made(false), await made(true)];
          const repeat = (one) => one.tracks[0].features[0].chr;
          const letters = (one) => one.tracks.some((track) => track.graphType === "dynseq"); // as the page's note says
          if (!letters(page) || letters(served)) throw new Error("letters are of what the page carries");
          const said = [page.locus, text(page.reference.fastaURL).split(" ")[0], repeat(page)];
          console.log(JSON.stringify([...said, served.locus, text(served.reference.aliasURL), repeat(served)]));
        })();
        """,
    )
    page, served = ["a|1-5:3-4", ">a|1-5:3-4", "a|1-5"], ["a|1-5:3-4", "a:1-5\ta|1-5\n", "a:1-5"]
    assert json.loads(answer) == [*page, *served]


def test_the_browser_draws_no_entropy_where_a_base_has_no_score(tmp_path):
    said = run(
        tmp_path,
        "browser.js",
        WITHOUT_IGV,
        """
        const entropy = (position) => [1250, null, 0][position];
        const stretch = { contig: "c", start: 0, end: 3, base: () => "A", llr: () => null, entropy };
        const data = { windows: [["c", 0, 3]], ref: "ANA", lengths: { c: 3 }, genes: [], repeats: [], items: [] };
        data.files = { tracks: { m: {} } };
        const place = { replaceChildren() {} };
        const scores = { name: "g", whole: false, data, slices: () => [stretch] };
        new glm.Browser(place).show(scores, "m", { contig: "c", start: 0, end: 3 }).then(async () => {
          const track = place.made.tracks.find((one) => one.name === "track_entropy");
          const drawn = await track.reader.readFeatures("c", 0, 3);
          console.log(JSON.stringify(drawn.map(({ start, value }) => [start, value])));
        });
        """,
    )
    assert json.loads(said) == [[0, 1.25], [2, 0]]


def test_a_probability_is_told_from_none_and_from_all(tmp_path):
    ask = "console.log([0.25, 0.05, 0.0004, 0.96, 0.9996].map(glm.percent).join(' '))"
    said = run(tmp_path, "core.js", "globalThis.document = { getElementById: () => null };", ask)
    assert said.split() == ["25", "5.0", "0.04", "96.0", "99.96"]


def test_the_share_of_all_changes_is_a_plain_number_up_to_all_of_them(tmp_path):
    before = """
        const texts = [];
        globalThis.glm = {
          say: (word, { share } = {}) => { if (share) texts.push(share); return word; },
          number: String, percent: String, count: String, element: () => null, table: () => null,
          show: (_, answer) => answer,
        };
        """
    ask = """
        glm.lookUp = async (scores, model, line) => [{
          contig: "c", position: 0, ref: "A", alt: "C", llr: 1, phred: Number(line), entropy: 1, expected: ["A", 1],
          consequence: null, genes: [], around: 1,
        }];
        const lines = ["0", "0.001", "0.02", "0.1", "20", "50"].join(String.fromCharCode(10));
        glm.answerAll(null, "m", lines, { replaceChildren() {} }, null).then(() => console.log(texts.join(" ")));
        """
    assert run(tmp_path, "lookup.js", before, ask).split() == ["100.0", "99.98", "99.54", "98", "1.0", "1e-3"]


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("source_files", "x:5", "no_contig"),
        ("source_files", "c:100-120", "off_end"),
        ("source_page", "x:5", "outside"),
        ("source_page", "c:100-120", "off_end"),
        ("source_page", "c:50-60", "outside"),
    ],
)
def test_a_place_that_cannot_be_shown_is_told_why(tmp_path, source, line, said):
    scores = (WORKFLOW / "report" / "scores.js").read_text()
    before = """
        globalThis.glm = {
          say: (word) => word, count: String, element: (_, __, text) => text,
          show: async (_, answer) => console.log((await answer)[0]),
        };
        """
    ask = f"""
        const models = {{ m: {{ llr: "", entropy: "" }} }};
        const data = {{ models, windows: [["c", 0, 0]], lengths: {{ c: 99 }}, ref: "" }};
        const scores = new glm.Scores("g", data);
        scores.source = {json.dumps(source)};
        scores.open = async () => new Map([["c", 0]]);
        glm.showLogo(scores, "m", {json.dumps(line)}, null);
        """
    assert run(tmp_path, "logo.js", before + scores, ask).strip().split(": ")[-1] == said


def test_of_a_base_outside_the_page_it_is_not_said_to_serve_which_helps_only_where_all_tracks_are():
    strings = json.loads((WORKFLOW / "report" / "strings.json").read_text())
    assert "serve" not in strings["outside"]
    assert all("serve" in strings[f"source_{source}"] for source in ("page", "no_ranges", "no_tracks"))


def test_nothing_is_read_for_a_change_of_several_bases(tmp_path):
    ask = 'glm.lookUp({}, "m", "c:5 AT>A").then(([row]) => console.log(row.problem));'
    assert run(tmp_path, "lookup.js", "globalThis.glm = { say: (word) => word };", ask) == "not_single\n"


def test_a_line_of_a_vcf_without_an_answer_keeps_the_columns_of_the_saved_table(tmp_path):
    before = """
        globalThis.glm = {
          say: (word) => word, count: String, table: () => null, show: (_, answer) => answer, save: console.log,
          element: (tag, { click } = {}) => click?.call(), // as if a button were pressed at once
        };
        """
    ask = 'glm.answerAll(null, "m", "c\\t5\\t.\\tA\\t<DEL>", { replaceChildren() {} }, null);'
    header, row = run(tmp_path, "lookup.js", before, ask).splitlines()[:2]
    assert dict(zip(header.split("\t"), row.split("\t"), strict=False))["contig"] == "c 5 . A <DEL>"


def test_a_button_that_is_pressed_twice_says_its_own_words_again(tmp_path):
    before = """
        globalThis.document = { getElementById: () => null };
        const waiting = [];
        globalThis.setTimeout = (done) => waiting.push(done);
        """
    ask = """
        glm.say = (word) => word;
        const button = { textContent: "Copy", dataset: {} };
        glm.copy("text", button).then(() => glm.copy("text", button)).then(() => {
          waiting.forEach((done) => done());
          console.log(button.textContent);
        });
        """
    assert run(tmp_path, "core.js", before, ask) == "Copy\n"


def test_a_file_that_could_not_be_read_once_is_read_when_it_is_there(tmp_path):
    before = """
        globalThis.glm = {};
        const head = new DataView(new ArrayBuffer(64));
        head.setUint32(0, 0x888ffc26, true);
        const answers = [{ status: 503 }, { status: 206, arrayBuffer: async () => head.buffer }];
        globalThis.fetch = async () => answers.shift();
        """
    ask = """
        const file = new glm.BigWig("x.bw");
        file.head().catch((error) => console.log(error.message)).then(() => file.head()).then(() => file.head())
          .then(({ packed }) => console.log(packed));
        """
    assert run(tmp_path, "ranges.js", before, ask).splitlines() == ["x.bw: status 503", "false"]
