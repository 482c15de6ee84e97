// Sequence logos of what a model expects: letters as high as their probability times the information (Schneider and
// Stephens 1990), the genome's bases beneath.
"use strict";
{
  const [BASE, HEIGHT, TOP, LEFT, RIGHT, BITS] = [16, 120, 8, 34, 36, 2]; // half a coordinate fits on either side
  const MOST = 200; // bases of one logo
  const SHAPES = { // outlines in a square of one, so that they stretch evenly
    A: "M0 1L.4 0H.6L1 1H.8L.72 .77H.28L.2 1ZM.35 .6H.65L.5 .19Z",
    C: "M1 .33C.97 .12.78 0 .52 0C.2 0 0 .2 0 .5S.2 1 .52 1C.78 1 .97 .88 1 .66H.79C.76 .77.67 .83.52 .83C.32 .83.21 .7.21 .5S.32 .17.52 .17C.67 .17.76 .22.79 .33Z",
    G: "M1 .31C.96 .11.78 0 .53 0C.2 0 0 .2 0 .5S.2 1 .53 1C.8 1 1 .86 1 .6V.46H.53V.62H.79C.77 .76.68 .83.53 .83C.33 .83.21 .7.21 .5S.33 .17.53 .17C.66 .17.75 .21.79 .31Z",
    T: "M0 0H1V.17H.6V1H.4V.17H0Z",
  };

  /** {contig, start, end} (0-based half-open) of chrI:1000-1060, chrI:1000 with 30 bases on each side, or null. */
  glm.parseLocus = (text) => {
    const found = /^\s*(\S+):\s*([\d,]+)(?:\s*(?:-|–|\.\.)\s*([\d,]+))?\s*$/.exec(text);
    if (!found) return null;
    const [first, last] = found.slice(2).map((number) => number && Number(number.replaceAll(",", "")));
    if (last === undefined || last === "") return { contig: found[1], start: Math.max(first - 31, 0), end: first + 30 };
    return first >= 1 && last >= first ? { contig: found[1], start: first - 1, end: last } : null;
  };

  glm.writeLocus = ({ contig, start, end }) => `${contig}:${start + 1}-${end}`;

  const describe = (stretch, position, chances) => glm.say("logo_base", {
    contig: stretch.contig,
    position: glm.count(position + 1),
    ref: stretch.base(position),
    ...Object.fromEntries([..."ACGT"].map((base, n) => [base, glm.percent(chances[n])])),
    entropy: glm.number(stretch.entropy(position) / 1000, 3),
  });

  const letters = (stretch, position, x) => {
    const chances = stretch.probabilities(position);
    if (!chances) return [];
    const bits = BITS - stretch.entropy(position) / 1000;
    const group = glm.svg("g", {}, glm.svg("title", {}, describe(stretch, position, chances)),
      glm.svg("rect", { x, y: TOP, width: BASE, height: HEIGHT + 22, class: "hit" }));
    let y = TOP + HEIGHT;
    for (const n of [0, 1, 2, 3].sort((one, other) => chances[one] - chances[other])) {
      const height = (chances[n] * bits * HEIGHT) / BITS;
      y -= height;
      if (height < 0.4) continue;
      group.append(glm.svg("path", {
        d: SHAPES["ACGT"[n]], "fill-rule": "evenodd", class: `base-${"ACGT"[n]}`,
        transform: `translate(${x + 1} ${y}) scale(${BASE - 2} ${height})`,
      }));
    }
    return [group];
  };

  const axes = (stretch, end) => {
    const drawn = [];
    for (const bits of [0, 1, 2]) {
      const y = TOP + HEIGHT * (1 - bits / BITS);
      drawn.push(glm.svg("line", { x1: LEFT, x2: end, y1: y, y2: y, class: "grid" }),
        glm.svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, String(bits)));
    }
    for (let position = stretch.start; position < stretch.end; position++) {
      const x = LEFT + (position - stretch.start + 0.5) * BASE;
      const base = stretch.base(position);
      drawn.push(glm.svg("text", { x, y: TOP + HEIGHT + 16, "text-anchor": "middle", class: `ref base-${base}` }, base));
      if ((position + 1) % 10 === 0) {
        drawn.push(glm.svg("text", { x, y: TOP + HEIGHT + 34, "text-anchor": "middle" }, glm.count(position + 1)));
      }
    }
    return drawn;
  };

  /** The logo of a stretch as an SVG element; `marked` is a position to shade, or null. */
  glm.drawLogo = (stretch, title, marked) => {
    const count = stretch.end - stretch.start;
    const [width, height] = [LEFT + count * BASE + RIGHT, TOP + HEIGHT + 42];
    const svg = glm.svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
    if (marked !== null && marked >= stretch.start && marked < stretch.end) {
      const x = LEFT + (marked - stretch.start) * BASE;
      svg.append(glm.svg("rect", { x, y: TOP, width: BASE, height: HEIGHT + 22, class: "mark" }));
    }
    svg.append(...axes(stretch, LEFT + count * BASE));
    for (let position = stretch.start; position < stretch.end; position++) {
      svg.append(...letters(stretch, position, LEFT + (position - stretch.start) * BASE));
    }
    return svg;
  };

  /** The same as a table, for those who cannot see the letters. */
  const asTable = (stretch, title) => {
    const rows = [];
    for (let position = stretch.start; position < stretch.end; position++) {
      const chances = stretch.probabilities(position);
      const cells = chances ? chances.map((chance) => `${glm.percent(chance)} %`) : ["–", "–", "–", "–"];
      const entropy = stretch.entropy(position);
      rows.push([glm.count(position + 1), stretch.base(position), ...cells, entropy === null ? "–" : glm.number(entropy / 1000, 3)]);
    }
    return glm.table(title, [glm.say("table_position"), glm.say("table_ref"), ..."ACGT", glm.say("table_entropy")], rows);
  };

  const problem = (words) => [glm.element("p", { class: "problem" }, words)];

  const answer = async (scores, model, text, marked) => {
    const asked = glm.parseLocus(text);
    if (!asked) return problem(glm.say("logo_bad"));
    const missing = await scores.missing({ contig: asked.contig, position: asked.start });
    if (missing) return problem(`${text}: ${missing}`);
    const contig = await scores.contig(asked.contig);
    const cut = Math.min(asked.end, asked.start + MOST);
    const stretch = await scores.read(model, contig, asked.start, cut) ?? await scores.read(model, contig, asked.start, cut, cut - 1);
    if (!stretch) return problem(`${text}: ${scores.outside()}`);
    const title = glm.say("logo_title", { model, locus: glm.writeLocus(stretch) });
    const details = glm.element("details", { class: "plain" }, glm.element("summary", {}, glm.say("logo_table")));
    details.addEventListener("toggle", () => details.append(asTable(stretch, glm.say("logo_numbers", { title }))), { once: true });
    const scroll = glm.element("div", { class: "scroll logo", tabindex: "0", role: "region", "aria-label": title });
    scroll.append(glm.drawLogo(stretch, title, marked));
    const wide = asked.end > cut ? [glm.element("p", { class: "note" }, glm.say("logo_wide", { most: MOST }))] : [];
    return [glm.element("p", { class: "note" }, title), scroll, ...wide, details];
  };

  /** Show the logo of a place that a person wrote. */
  glm.showLogo = (scores, model, text, place, marked = null) => glm.show(place,
    answer(scores, model, text, marked).catch((error) => problem(glm.say("failed", { error: error.message }))));
}
