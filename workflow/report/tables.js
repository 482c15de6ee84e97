// Tables that can be sorted and filtered, tables behind plots, and buttons that copy.
"use strict";
{
  const key = (cell) => {
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = /^[+−-]?[\d,.]+/.exec(text);
    return number ? Number(number[0].replace("−", "-").replaceAll(",", "")) : text.toLowerCase();
  };

  const compare = (one, other) => {
    if (typeof one === typeof other) return one < other ? -1 : one > other ? 1 : 0;
    return typeof one === "number" ? -1 : 1; // numbers before text, as "–" is
  };

  const sortBy = (table, header) => {
    const column = [...header.parentNode.children].indexOf(header);
    const falling = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
    rows.sort((one, other) => (falling ? -1 : 1) * compare(one[0], other[0]));
    body.append(...rows.map(([, row]) => row));
  };

  const makeSortable = (table) => {
    for (const header of table.tHead.rows[0].cells) {
      const button = glm.element("button", { type: "button", class: "sort", click: () => sortBy(table, header) });
      button.append(...header.childNodes);
      header.append(button);
    }
  };

  const makeFilter = (table) => {
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    const said = glm.element("output", { "aria-live": "polite" });
    const show = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      said.textContent = glm.say("rows_shown", { shown: glm.count(shown), all: glm.count(rows.length) });
    };
    const input = glm.element("input", { type: "search", placeholder: glm.say("filter_hint"), input: show });
    show();
    const label = glm.element("label", {}, glm.say("filter"), " ", input);
    table.closest(".scroll").before(glm.element("p", { class: "filter" }, label, " ", said));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    makeSortable(table);
    if (table.tBodies[0].rows.length > 4) makeFilter(table);
  }

  // The table of a plot is kept as text and becomes a table when it is asked for.
  const MOST = 200;
  for (const details of document.querySelectorAll("details.data")) {
    details.addEventListener("toggle", () => {
      const text = JSON.parse(details.querySelector("script").textContent);
      const [header, ...rows] = text.trimEnd().split("\n").map((line) => line.split("\t"));
      const name = details.dataset.name;
      const save = glm.element("button", { type: "button", click: () => glm.save(text, name) }, glm.say("save"));
      const note = rows.length > MOST
        ? [glm.element("span", { class: "note" }, " ", glm.say("first_rows", { shown: MOST, all: glm.count(rows.length) }))]
        : [];
      details.append(glm.element("p", {}, save, ...note), glm.table(name, header, rows.slice(0, MOST)));
    }, { once: true });
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    const source = document.getElementById(button.dataset.copies);
    button.addEventListener("click", () => glm.copy(source.innerText.trim(), button));
  }
}
