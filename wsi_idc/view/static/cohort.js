// The list of slides: sorted by any column, searched by name.

import { byId, element, getJson, later, say } from "./page.js";

const number = (digits) => (value) => (value === null ? "–" : value.toLocaleString("en", {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
}));

// In the order of the table; `first` is the way in which a column is sorted at the first click.
const COLUMNS = [
  { id: "key", title: "Slide", first: 1 },
  { id: "tumour_mm2", title: "Tumour mm²", first: -1, cell: number(2) },
  { id: "tumour_fraction", title: "% of tissue", first: -1, cell: share },
  { id: "tissue_mm2", title: "Tissue mm²", first: -1, cell: number(1), wide: true },
  { id: "regions", title: "Regions", first: -1, cell: number(0), wide: true },
  { id: "max_probability", title: "Highest", first: -1, cell: number(2), wide: true },
];

const state = { slides: [], sort: "key", way: 1, search: "" };
start().catch((error) => say(`The slides cannot be listed: ${error.message}`, 1e9));

async function start() {
  const { slides, failed } = await getJson("/api/slides");
  state.slides = slides;
  showFailed(failed);
  follow();
  byId("heads").append(element("th", { "aria-hidden": "true" }), ...COLUMNS.map(head));
  byId("search").addEventListener("input", (event) => {
    state.search = event.target.value;
    show();
    keep();
  });
  window.addEventListener("hashchange", () => {
    follow();
    show();
  });
  show();
  document.documentElement.dataset.state = "settled";
}

function showFailed(failed) {
  const box = byId("failed");
  box.hidden = !failed.length;
  const count = failed.length === 1 ? "1 slide" : `${failed.length} slides`;
  box.querySelector("summary").textContent = `${count} could not be mapped`;
  box.querySelector("ul").replaceChildren(...failed.map(({ name, error, remedy }) =>
    element("li", {}, element("b", {}, name), `: ${error}${remedy ? `; ${remedy}` : ""}`)));
}

function follow() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const sort = parts.get("sort") ?? "key";
  state.way = sort.startsWith("-") ? -1 : 1;
  const id = sort.replace(/^-/, "");
  state.sort = COLUMNS.some((column) => column.id === id) ? id : "key";
  state.search = byId("search").value = parts.get("search") ?? "";
}

const keep = later(() => {
  const parts = new URLSearchParams({ sort: (state.way < 0 ? "-" : "") + state.sort });
  if (state.search) parts.set("search", state.search);
  history.replaceState(null, "", `#${parts}`);
}, 150);

function head(column) {
  const button = element("button", {}, column.title);
  button.addEventListener("click", () => {
    state.way = state.sort === column.id ? -state.way : column.first;
    state.sort = column.id;
    show();
    keep();
  });
  const made = element("th", { scope: "col", "data-id": column.id }, button);
  if (column.cell) made.classList.add("number");
  if (column.wide) made.classList.add("wide");
  return made;
}

function show() {
  const wanted = state.search.trim().toLocaleLowerCase();
  const found = state.slides.filter((slide) => slide.key.toLocaleLowerCase().includes(wanted));
  found.sort(compare);
  for (const made of byId("heads").children) {
    if (made.dataset.id === state.sort) {
      made.setAttribute("aria-sort", state.way > 0 ? "ascending" : "descending");
    } else {
      made.removeAttribute("aria-sort");
    }
  }
  const { length } = state.slides;
  byId("count").textContent = found.length === length
    ? `${length} to look at`
    : `${found.length} of ${length}`;
  byId("none").hidden = found.length > 0;
  byId("rows").replaceChildren(...found.map((slide) => (slide.row ??= makeRow(slide))));
}

// What is not known comes last, whichever way the rest is sorted.
function compare(a, b) {
  const [x, y] = [a[state.sort], b[state.sort]];
  if (x === null || y === null) return (x === null) - (y === null) || byName(a, b);
  const order = state.sort === "key" ? byName(a, b) : x - y;
  return state.way * order || byName(a, b);
}

function byName(a, b) {
  return a.key.localeCompare(b.key, undefined, { numeric: true });
}

function makeRow(slide) {
  const address = `/slide/${encodeURIComponent(slide.key)}`;
  const picture = element("img", {
    src: `/api/slides/${encodeURIComponent(slide.key)}/thumbnail.jpg`, alt: "", loading: "lazy",
  });
  const name = element("td", { class: "name" }, element("a", { href: address }, slide.key));
  if (slide.drawn) name.append(element("small", { class: "tag" }, "drawn on"));
  const notes = slide.error ? [slide.error] : slide.warnings;
  for (const note of notes.slice(0, 2)) name.append(element("small", {}, note));
  if (notes.length > 2) name.append(element("small", {}, `and ${notes.length - 2} more`));
  const row = element("tr", { class: "slide" }, element("td", { class: "picture" }, picture), name);
  for (const column of COLUMNS.slice(1)) {
    const cell = element("td", { class: column.wide ? "number wide" : "number" });
    cell.append(column.cell(slide[column.id]));
    row.append(cell);
  }
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a")) location.href = address;
  });
  return row;
}

function share(value) {
  if (value === null) return "–";
  const bar = element("b");
  bar.style.width = `${Math.max(0, Math.min(100, 100 * value))}%`;
  return element("span", { class: "share" }, `${(100 * value).toFixed(1)}`, element("i", {}, bar));
}
