// The controls of the section "Explore": genome, model and place, shared by browser, logo and look-up.
"use strict";
{
  const AROUND = 40; // bases on each side of a place that the browser shows
  const byId = (id) => document.getElementById(id);
  const section = byId("explore");
  const data = glm.read("glm-data");
  glm.consequences = data.consequences;

  const genomes = new Map(Object.entries(data.genomes ?? {}).map(([name, one]) => [name, new glm.Scores(name, one)]));
  const state = { scores: null, browser: null };

  const option = (name) => glm.element("option", { value: name }, name);
  const model = () => byId("explore-model").value;

  const sayWhere = () => {
    const { scores } = state;
    const values = { bases: glm.count(scores.bases), windows: glm.count(scores.data.windows.length), genome: scores.name };
    byId("explore-source").textContent = glm.say(scores.source, values);
  };

  /** Show a place in logo, and in the browser where it is open. */
  const look = async (locus, marked = null) => {
    const middle = marked ?? locus.start;
    const wanted = locus.end - locus.start > 20 ? locus : { contig: locus.contig, start: Math.max(middle - 30, 0), end: middle + 31 };
    byId("logo-locus").value = glm.writeLocus(wanted);
    await drawLogo(marked);
    if (state.browser) await openBrowser({ ...locus, start: Math.max(locus.start - AROUND, 0), end: locus.end + AROUND });
  };

  const drawLogo = (marked = null) => glm.showLogo(state.scores, model(), byId("logo-locus").value, byId("logo-drawn"), marked);

  const openBrowser = async (locus) => {
    const button = byId("browser-open");
    const place = byId("browser-igv");
    button.textContent = glm.say("browser_opening");
    try {
      place.hidden = false;
      state.browser ??= new glm.Browser(place);
      await state.browser.show(state.scores, model(), locus);
      const left = document.activeElement === button; // a keyboard would begin anew at the top of the page
      button.hidden = true;
      if (left) place.focus({ preventScroll: true });
    } catch (error) {
      place.replaceChildren(glm.element("p", { class: "problem" }, glm.say("browser_failed", { error: error.message ?? error })));
    }
    button.textContent = glm.say("browser_open");
  };

  const here = () => glm.parseLocus(byId("logo-locus").value) ?? state.scores.data.loci[0];

  const move = (share) => {
    const locus = glm.parseLocus(byId("logo-locus").value);
    if (!locus) return;
    const step = Math.max(Math.round((locus.end - locus.start) * share), -locus.start);
    byId("logo-locus").value = glm.writeLocus({ ...locus, start: locus.start + step, end: locus.end + step });
    drawLogo();
  };

  const showLoci = () => {
    const kinds = new Map();
    for (const locus of state.scores.data.loci) {
      const button = glm.element("button", { type: "button", title: locus.text, click: () => pick(locus, button) }, locus.name);
      kinds.set(locus.kind, [...(kinds.get(locus.kind) ?? []), button]);
    }
    byId("explore-loci").replaceChildren(...[...kinds].map(([kind, buttons]) =>
      glm.element("div", { role: "group", "aria-label": glm.say(`kind_${kind}`) },
        glm.element("h4", {}, glm.say(`kind_${kind}`)), ...buttons)));
  };

  /** What a person asked to see: the same, and brought into sight. */
  const visit = async (locus, marked = null) => {
    await look(locus, marked);
    byId("logo").scrollIntoView({ block: "nearest" });
  };

  const pick = (locus, button) => {
    for (const other of byId("explore-loci").querySelectorAll("button")) other.removeAttribute("aria-pressed");
    button.setAttribute("aria-pressed", "true");
    byId("explore-why").textContent = locus.text;
    return visit(locus, locus.end - locus.start === 1 ? locus.start : null);
  };

  const examples = (scores) => {
    const changes = scores.data.items.filter((item) => item[3]).slice(0, 3).map(([contig, start, , change]) => `${contig}:${start + 1} ${change}`);
    const [contig, start, end] = scores.data.windows[0];
    return [...changes, `${contig}:${Math.floor((start + end) / 2) + 1}`].join("\n");
  };

  const choose = async (name) => {
    state.scores = genomes.get(name);
    byId("explore-model").replaceChildren(...state.scores.models.map(option));
    await state.scores.connect();
    sayWhere();
    showLoci();
    byId("explore-why").textContent = "";
    glm.show(byId("lookup-answer"), []);
    byId("lookup-lines").value = examples(state.scores);
    await look(state.scores.data.loci[0]);
  };

  const ask = () => glm.answerAll(state.scores, model(), byId("lookup-lines").value, byId("lookup-answer"),
    (row) => visit({ contig: row.contig, start: row.position, end: row.position + 1 }, row.position));

  const wire = () => {
    byId("explore-genome").append(...[...genomes.keys()].map(option));
    byId("explore-genome").addEventListener("change", (event) => choose(event.target.value));
    byId("explore-model").addEventListener("change", async () => {
      await drawLogo();
      if (state.browser) await openBrowser(here());
      if (byId("lookup-answer").children.length) await ask();
    });
    byId("browser-open").addEventListener("click", () => openBrowser(here()));
    byId("logo-form").addEventListener("submit", (event) => { event.preventDefault(); drawLogo(); });
    byId("logo-left").addEventListener("click", () => move(-0.5));
    byId("logo-right").addEventListener("click", () => move(0.5));
    byId("lookup-form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
    byId("explore-tools").hidden = false;
  };

  if (section && genomes.size) {
    wire();
    glm.ready = choose(genomes.keys().next().value);
  }
}
