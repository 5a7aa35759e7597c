"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const map = $("map"), outline = $("outline"), marks = $("marks");
  document.documentElement.classList.add("js");

  const show = () => {
    const percent = Number($("opacity").value);
    $("opacity-value").textContent = `${percent} %`;
    map.style.opacity = $("map-on").checked ? percent / 100 : 0;
    if (outline) outline.style.display = $("outline-on").checked ? "" : "none";
    if (marks) marks.style.display = $("marks-on").checked ? "" : "none";
  };
  for (const id of ["opacity", "map-on", "outline-on", "marks-on"]) {
    if ($(id)) $(id).addEventListener("input", show);
  }
  show();

  if (!data.cells) return;
  const { rows, columns, threshold } = data;
  const cells = Uint8Array.from(atob(data.cells), (character) => character.charCodeAt(0));
  const assessed = cells.reduce((count, step) => count + (step !== data.notAssessed), 0);
  const paths = outline.querySelectorAll("path");
  const ownPath = paths[0].getAttribute("d");

  // The same edges in the same order as the program's own outline.
  const pathAt = (least) => {
    const inside = (row, column) =>
      row >= 0 && column >= 0 && row < rows && column < columns &&
      cells[row * columns + column] >= least &&
      cells[row * columns + column] !== data.notAssessed;
    const parts = [];
    const runs = (lines, length, edge, part) => {
      for (let line = 0; line <= lines; line++) {
        for (let start = 0; start < length; start++) {
          if (!edge(line, start)) continue;
          let stop = start + 1;
          while (stop < length && edge(line, stop)) stop++;
          parts.push(part(line, start, stop));
          start = stop;
        }
      }
    };
    runs(rows, columns, (y, x) => inside(y - 1, x) !== inside(y, x),
      (y, start, stop) => `M${start} ${y}H${stop}`);
    runs(columns, rows, (x, y) => inside(y, x - 1) !== inside(y, x),
      (x, start, stop) => `M${x} ${start}V${stop}`);
    return parts.join("");
  };
  const draw = (path) => paths.forEach((element) => element.setAttribute("d", path));
  const number = (value, digits) => value.toLocaleString("en",
    { minimumFractionDigits: digits, maximumFractionDigits: digits });

  const trial = $("threshold");
  const tryOut = () => {
    const least = Number(trial.value);
    const value = least / data.steps;
    let found = 0;
    for (const step of cells) found += step >= least && step !== data.notAssessed;
    draw(pathAt(least));
    $("threshold-value").textContent = value.toFixed(3);
    $("trial").textContent = `Trial: at ${value.toFixed(3)} the outline holds ` +
      `${number(found * data.cellMm2, 2)} mm², ` +
      `${number(assessed ? (100 * found) / assessed : 0, 1)} % of what was assessed. ` +
      `All other figures on this page are at ${data.shownThreshold}.`;
    $("reset").disabled = false;
  };
  const reset = () => {
    trial.value = Math.round(threshold * data.steps);
    draw(ownPath);
    $("threshold-value").textContent = data.shownThreshold;
    $("trial").textContent = "";
    $("reset").disabled = true;
  };
  trial.addEventListener("input", tryOut);
  $("reset").addEventListener("click", () => { reset(); trial.focus(); });
  reset();
})();
