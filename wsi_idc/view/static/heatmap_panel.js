// The controls of the map, and what it says at the chosen threshold.

import { byId, element } from "./page.js";

export class HeatmapPanel {
  // `fetchValues` gives the values of a class.
  constructor(heatmap, fetchValues, changed) {
    this.heatmap = heatmap;
    this.fetchValues = fetchValues;
    this.changed = changed;
    const { classes } = heatmap.about;
    byId("class-choice").hidden = classes.length < 2;
    byId("map-class").replaceChildren(
      ...classes.map((name) => element("option", { value: name }, name)),
    );
    byId("map-class").addEventListener("input", (event) => this.choose(event.target.value));
    byId("heatmap").hidden = false;
    byId("colormap").replaceChildren(
      ...Object.keys(heatmap.colours).map((name) => element("option", { value: name }, name)),
    );
    const inputs = { on: "checked", opacity: "value", threshold: "value", colormap: "value",
      outline: "checked", only: "checked" };
    for (const [name, property] of Object.entries(inputs)) {
      byId(name).addEventListener("input", (event) => {
        const value = event.target[property];
        this.change({ [name]: event.target.type === "range" ? Number(value) : value });
      });
    }
    byId("reset").addEventListener("click", () => {
      this.change({ threshold: heatmap.about.threshold });
    });
    this.show();
  }

  change(settings) {
    this.heatmap.change(settings);
    this.show();
    this.changed();
  }

  async choose(className) {
    const { heatmap } = this;
    if (heatmap.className === className) return;
    heatmap.className = className;
    const values = await this.fetchValues(className);
    if (heatmap.className !== className) return; // another one was chosen meanwhile
    heatmap.setValues(values);
    this.show();
    this.changed();
  }

  toggle(name) {
    this.change({ [name]: !this.heatmap.settings[name] });
  }

  show() {
    const { heatmap } = this;
    const { on, opacity, threshold, colormap, outline, only } = heatmap.settings;
    byId("on").checked = on;
    byId("opacity").value = opacity;
    byId("threshold").value = threshold;
    byId("colormap").value = colormap;
    byId("map-class").value = heatmap.className;
    byId("key-title").textContent = `probability of ${heatmap.className}`;
    byId("outline").checked = outline;
    byId("only").checked = only;
    byId("controls").classList.toggle("off", !on);
    byId("opacity-value").textContent = `${Math.round(100 * opacity)} %`;
    byId("threshold-value").textContent = threshold.toFixed(3);
    byId("reset").hidden = threshold === heatmap.about.threshold;
    byId("reset").textContent = `back to ${heatmap.about.threshold.toFixed(3)}`;
    const { cellMm2, positive, cells } = heatmap;
    const share = cells ? (100 * positive) / cells : 0;
    byId("areas").replaceChildren(
      element("b", {}, `${(positive * cellMm2).toFixed(1)} mm²`),
      ` of ${(cells * cellMm2).toFixed(1)} mm², ${share.toFixed(0)} %`,
    );
    this.drawKey(threshold);
  }

  drawKey(threshold) {
    const canvas = byId("key");
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const colours = this.heatmap.key(128);
    colours.forEach((colour, index) => {
      context.fillStyle = colour;
      context.fillRect((index * width) / 128, 0, width / 128 + 1, height);
    });
    const at = Math.round(threshold * (width - 4));
    context.fillStyle = "#fff";
    context.fillRect(at - 2, 0, 8, height);
    context.fillStyle = "#141414";
    context.fillRect(at, 0, 4, height);
  }

  // What differs from how the map came, for links.
  link() {
    const { settings, about } = this.heatmap;
    const link = {};
    if (this.heatmap.className !== about.classes[0]) link.class = this.heatmap.className;
    if (!settings.on) link.map = "off";
    if (settings.opacity !== about.opacity) link.opacity = settings.opacity;
    if (settings.threshold !== about.threshold) link.threshold = settings.threshold;
    if (settings.colormap !== about.colormap) link.colours = settings.colormap;
    if (!settings.outline) link.outline = "off";
    if (settings.only) link.only = "on";
    return link;
  }

  follow({ number, text }) {
    const wanted = text("class");
    const { classes } = this.heatmap.about;
    this.choose(classes.includes(wanted) ? wanted : classes[0]);
    const { about, colours } = this.heatmap;
    const share = (name) => {
      const value = number(name);
      return value !== null && value >= 0 && value <= 1 ? value : about[name];
    };
    const named = text("colours");
    this.change({
      on: text("map") !== "off",
      opacity: share("opacity"),
      threshold: share("threshold"),
      colormap: named !== null && Object.hasOwn(colours, named) ? named : about.colormap,
      outline: text("outline") !== "off",
      only: text("only") === "on",
    });
  }
}
