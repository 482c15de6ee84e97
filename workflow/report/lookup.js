// The look-up of variants: lines of text in, a table of scores out.
"use strict";
{
  const MOST = 500; // lines answered at once
  const AROUND = 10; // bases on each side of a change whose constraint is averaged
  const SHAPES = [
    /^(?<contig>\S+):(?<position>[\d,]+)\s*(?<ref>[a-z]+)\s*[>\/→]\s*(?<alt>[a-z,]+)$/i, // chrI:1234 A>G
    /^(?<contig>\S+)\s+(?<position>\d+)\s+(?<ref>[acgtn]+)\s*[>\s]\s*(?<alt>[acgtn,]+)$/i, // chrI 1234 A G
    /^(?<contig>\S+)\s+(?<position>\d+)\s+\S+\s+(?<ref>[acgtn]+)\s+(?<alt>[acgtn,]+)(\s|$)/i, // a line of a VCF
    /^(?<contig>\S+)-(?<position>\d+)-(?<ref>[acgtn]+)-(?<alt>[acgtn]+)$/i, // chrI-1234-A-G
    /^(?<contig>\S+):(?<position>[\d,]+)$/, // chrI:1234, all three changes
  ];

  /** {contig, position (0-based), ref, alts} of a line, or null; ref and alts are null where all changes are asked for. */
  glm.parseVariant = (line) => {
    const found = SHAPES.map((shape) => shape.exec(line.trim())).find(Boolean);
    if (!found) return null;
    const { contig, position, ref, alt } = found.groups;
    const number = Number(position.replaceAll(",", "")) - 1;
    const asked = { contig, position: number, ref: ref?.toUpperCase() ?? null, alts: alt?.toUpperCase().split(",") ?? null };
    const changes = asked.alts?.every((one) => /^[ACGT]+$/.test(one) && one !== asked.ref) ?? true;
    return number < 0 || !changes ? null : asked;
  };

  /** One row for each change that a line asks about; `problem` in its place where it has no answer. */
  glm.lookUp = async (scores, model, line) => {
    const asked = glm.parseVariant(line);
    if (!asked) return [{ line, problem: glm.say("bad_line") }];
    if (asked.ref && (asked.ref.length > 1 || asked.alts.some((alt) => alt.length > 1))) {
      return [{ line, problem: glm.say("not_single") }];
    }
    const missing = await scores.missing(asked);
    if (missing) return [{ line, problem: missing }];
    const [contig, { position }] = [await scores.contig(asked.contig), asked];
    const stretch = await scores.read(model, contig, position - AROUND, position + AROUND + 1, position);
    if (!stretch) return [{ line, problem: scores.outside() }];
    const base = stretch.base(position);
    if (asked.ref && asked.ref !== base) return [{ line, problem: glm.say("wrong_ref", { ref: base, given: asked.ref }) }];
    const alts = asked.alts ?? [..."ACGT"].filter((letter) => letter !== base);
    return alts.map((alt) => answer(scores, model, stretch, position, alt, line));
  };

  const answer = (scores, model, stretch, position, alt, line) => {
    const llr = stretch.llr(position, alt);
    if (llr === null) return { line, problem: glm.say("no_score") };
    const chances = stretch.probabilities(position);
    const likeliest = chances.indexOf(Math.max(...chances));
    let [sum, count] = [0, 0];
    for (let place = stretch.start; place < stretch.end; place++) {
      if (stretch.entropy(place) !== null) [sum, count] = [sum + 2 - stretch.entropy(place) / 1000, count + 1];
    }
    const at = { contig: stretch.contig, position, ref: stretch.base(position), alt };
    return {
      line, ...at,
      llr: llr / 1000,
      phred: scores.phred(model, llr),
      entropy: stretch.entropy(position) / 1000,
      expected: ["ACGT"[likeliest], chances[likeliest]],
      consequence: stretch.consequences ? stretch.consequence(position, alt) ?? glm.say("no_gene") : null,
      genes: stretch.consequences ? scores.genes(stretch.contig, position) : [],
      around: sum / count,
    };
  };

  const share = (phred) => {
    const percent = 100 * 10 ** (-phred / 10);
    const digits = percent > 99 ? 4 : 2; // with two, 99.96 would be written 1.0e+2
    return glm.say("share", { share: percent < 0.01 ? percent.toExponential(0) : percent.toPrecision(digits) });
  };

  const name = (row) => `${row.contig}:${row.position + 1} ${row.ref}>${row.alt}`;

  const cells = (row, look) => {
    if (row.problem) return [row.line, glm.element("span", { class: "problem" }, row.problem), "", "", "", "", "", ""];
    const label = glm.say("show_variant", { variant: name(row) });
    const button = glm.element("button", { type: "button", "aria-label": label, click: () => look(row) }, glm.say("show"));
    return [
      name(row),
      glm.number(row.llr, 3),
      row.phred === null ? glm.say("not_ranked") : `${glm.number(row.phred, 3)} (${share(row.phred)})`,
      glm.number(row.entropy, 3),
      `${row.expected[0]} ${glm.percent(row.expected[1])} %`,
      row.consequence === null ? glm.say("not_at_hand") : [row.consequence, ...row.genes].join(" "),
      glm.number(row.around, 2),
      button,
    ];
  };

  const COLUMNS = ["variant", "llr", "phred", "entropy", "expected", "consequence", "around", "show"];

  const answers = async (scores, model, text, look) => {
    const lines = text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
    if (!lines.length) return [glm.element("p", {}, glm.say("nothing_asked"))];
    const rows = [];
    for (const line of lines.slice(0, MOST)) {
      try {
        rows.push(...await glm.lookUp(scores, model, line));
      } catch (error) {
        rows.push({ line, problem: glm.say("failed", { error: error.message }) });
      }
    }
    const header = COLUMNS.map((column) => glm.say(`column_${column}`));
    const found = rows.filter((row) => !row.problem).length;
    const said = [glm.say("answered", { found: glm.count(found), all: glm.count(rows.length) })];
    if (lines.length > MOST) said.push(glm.say("too_many", { most: MOST, all: glm.count(lines.length) }));
    const save = glm.element("button", { type: "button", click: () => glm.save(asText(rows), "glmtracks.tsv") }, glm.say("save"));
    return [glm.element("p", {}, said.join(". "), " ", save),
      glm.table(glm.say("column_variant"), header, rows.map((row) => cells(row, look)))];
  };

  /** Answer the lines of a text area below it; `look(row)` is called where a person wants to see one. */
  glm.answerAll = (scores, model, text, place, look) => {
    place.replaceChildren(glm.element("p", { class: "note" }, glm.say("looking_up")));
    return glm.show(place, answers(scores, model, text, look));
  };

  const asText = (rows) => {
    const header = ["contig", "pos", "ref", "alt", "llr", "phred", "entropy", "consequence", "genes", "problem"];
    const lines = rows.map((row) => row.problem ? [row.line.replaceAll("\t", " "), ...Array(8).fill(""), row.problem]
      : [row.contig, row.position + 1, row.ref, row.alt, row.llr, row.phred ?? "", row.entropy, row.consequence ?? "", row.genes.join(","), ""]);
    return [header, ...lines].map((line) => line.join("\t")).join("\n") + "\n";
  };
}
