// The list of what is drawn, the tools, and saving.

import { byId, element, postJson, say } from "../page.js";
import { areaMm2, boxOf, colourOf } from "./model.js";

export class DrawingPanel {
  constructor(key, drawings, tools, fly) {
    this.address = `/api/slides/${encodeURIComponent(key)}/drawings`;
    this.drawings = drawings;
    this.tools = tools;
    this.fly = fly;
    byId("tools").hidden = false;
    byId("classes").replaceChildren(
      ...drawings.classes.map((name) => element("option", { value: name })),
    );
    for (const button of byId("tools").children) {
      button.addEventListener("click", () => tools.choose(button.dataset.tool));
    }
    byId("undo").addEventListener("click", () => drawings.undo());
    byId("redo").addEventListener("click", () => drawings.redo());
    byId("save").addEventListener("click", () => this.save());
    byId("size").addEventListener("input", (event) => tools.resize(Number(event.target.value)));
    byId("class").addEventListener("change", (event) => this.rename("className", event.target.value));
    byId("title").addEventListener("change", (event) => this.rename("name", event.target.value));
    byId("remove").addEventListener("click", () => this.remove());
    tools.chosen = () => this.showTools();
    window.addEventListener("beforeunload", (event) => {
      if (drawings.isDirty) event.preventDefault();
    });
    this.showTools();
    this.show();
  }

  rename(field, value) {
    const { selected } = this.drawings;
    const text = value.trim();
    if (selected && selected[field] !== text) this.drawings.change(selected.id, { [field]: text });
  }

  remove() {
    if (this.drawings.selectedId) this.drawings.remove(this.drawings.selectedId);
  }

  async save() {
    const { drawings } = this;
    if (!drawings.isDirty || this.saving) return;
    this.saving = true;
    const { regions, version } = drawings;
    try {
      const saved = await postJson(this.address, { features: drawings.toFeatures(), version });
      drawings.wasSaved(regions, saved.version);
      say(`Saved in ${saved.file}.${version ? " What it held before is kept in “previous”." : ""}`);
    } catch (error) {
      say(`Not saved: ${error.message}`, 10_000);
    } finally {
      this.saving = false;
      this.show();
    }
  }

  showTools() {
    const { name, radius, isRound } = this.tools;
    for (const button of byId("tools").children) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === name));
    }
    byId("brush-size").hidden = !isRound;
    byId("size").value = radius;
    byId("hint").hidden = name === "hand";
    byId("hint").firstElementChild.textContent = HINTS[name] ?? "";
  }

  show() {
    const { drawings } = this;
    byId("drawing").hidden = !drawings.regions.length && !drawings.past.length;
    byId("undo").disabled = !drawings.past.length;
    byId("redo").disabled = !drawings.future.length;
    byId("save").disabled = !drawings.isDirty;
    byId("save").textContent = drawings.isDirty || !drawings.version ? "Save" : "Saved";
    const { selected } = drawings;
    byId("chosen").hidden = !selected;
    if (selected) {
      byId("class").value = selected.className;
      byId("title").value = selected.name;
    }
    byId("drawn-list").replaceChildren(...drawings.regions.map((region) => this.row(region)));
  }

  row(region) {
    const dot = element("i", { class: "dot" });
    dot.style.background = `rgb(${colourOf(region.className)})`;
    const go = element(
      "button", { class: "go" }, dot,
      element("b", {}, region.name || region.className || "unclassified"),
      element("span", {}, `${areaMm2(region).toFixed(2)} mm²`),
    );
    go.addEventListener("click", () => {
      this.drawings.select(region.id);
      this.fly(boxOf(region));
    });
    const row = element("li", {}, go);
    row.classList.toggle("on", region.id === this.drawings.selectedId);
    return row;
  }
}

const HINTS = {
  outline: "Click corner by corner (Enter closes), or draw around it in one stroke.",
  rectangle: "Drag from corner to corner. Shift adds to the chosen region, Alt cuts.",
  brush: "Paint. What touches the chosen region is added to it.",
  eraser: "Paint away from the chosen region.",
};
