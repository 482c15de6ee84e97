// What all parts of the page share: its data, its words, and how elements are made.
"use strict";
const glm = {
  asked: new WeakMap(), // part of the page -> the answer that was asked for last

  read(id) {
    const found = document.getElementById(id);
    return found ? JSON.parse(found.textContent) : {};
  },

  /** A sentence of strings.json with its {names} filled in. */
  say(key, values = {}) {
    return glm.strings[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  },

  /** An HTML element; children are elements or text, so nothing is ever parsed as HTML. */
  element(tag, attributes = {}, ...children) {
    return glm.fill(document.createElement(tag), attributes, children);
  },

  svg(tag, attributes = {}, ...children) {
    return glm.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  },

  fill(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  },

  /** Fill a part of the page with the elements of an answer, unless another is asked for before it is there. */
  async show(place, answer) {
    glm.asked.set(place, answer);
    const children = await answer;
    if (glm.asked.get(place) === answer) place.replaceChildren(...children);
  },

  /** A table with a header row; cells are text or elements, the first of each row its header. */
  table(caption, header, rows) {
    const head = glm.element("tr", {}, ...header.map((text) => glm.element("th", { scope: "col" }, text)));
    const body = rows.map((cells) =>
      glm.element("tr", {}, ...cells.map((cell, n) => glm.element(n ? "td" : "th", n ? {} : { scope: "row" }, cell))));
    return glm.element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      glm.element("table", {}, glm.element("caption", { class: "unseen" }, caption),
        glm.element("thead", {}, head), glm.element("tbody", {}, ...body)));
  },

  /** A number with a true minus sign, as the tables of the page have it. */
  number(value, decimals) {
    return Number.isFinite(value) ? value.toFixed(decimals).replace("-", "−") : "–";
  },

  /** A probability in per cent, with as many digits as tell it from none and from all. */
  percent(chance) {
    const rest = Math.min(chance, 1 - chance);
    return (100 * chance).toFixed(rest < 0.01 ? 2 : rest < 0.1 ? 1 : 0);
  },

  count(value) {
    return value.toLocaleString("en");
  },

  async copy(text, button) {
    const words = (button.dataset.words ??= button.textContent); // before "Copied"
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = glm.say("copied");
    } catch {
      button.textContent = glm.say("copy_failed");
    }
    setTimeout(() => { button.textContent = words; }, 2500);
  },

  save(text, name) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    glm.element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  },
};
glm.strings = glm.read("glm-strings");
