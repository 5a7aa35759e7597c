// The regions at the chosen threshold, as the program finds them: the largest first.

import { byId, element, getJson, later } from "./page.js";

export class RegionList {
  // `fly` is told a region to go to; `adopt` one to draw on.
  constructor(key, heatmap, { fly, adopt }) {
    this.address = `/api/slides/${encodeURIComponent(key)}/regions`;
    this.heatmap = heatmap;
    this.fly = fly;
    this.adopt = adopt;
    this.regions = [];
    this.current = -1;
    this.asked = null;
    this.ask = later(() => this.fetch(), 120);
    byId("regions").hidden = false;
    this.fetch();
  }

  // Ask again where the threshold or the class has changed.
  update() {
    if (this.wanted !== this.asked) this.ask();
  }

  get wanted() {
    const { className, settings } = this.heatmap;
    return `${new URLSearchParams({ class: className, threshold: settings.threshold })}`;
  }

  async fetch() {
    const { wanted } = this;
    this.asked = wanted;
    const found = await getJson(`${this.address}?${wanted}`);
    if (this.asked !== wanted) return; // a later answer is on its way
    this.regions = found.regions;
    this.current = -1;
    const { total } = found;
    byId("regions-title").textContent = total === 1 ? "1 region" : `${total.toLocaleString("en")} regions`;
    byId("region-list").replaceChildren(...this.regions.map((region, index) => this.row(region, index)));
    const unlisted = total - this.regions.length;
    byId("regions-more").textContent = unlisted ? `${unlisted.toLocaleString("en")} smaller ones are not listed` : "";
  }

  row(region, index) {
    const go = element(
      "button",
      { class: "go", title: `mean ${region.mean_probability.toFixed(3)}, ${region.diameter_mm.toFixed(1)} mm across` },
      element("i", {}, String(region.number)),
      element("b", {}, `${region.area_mm2.toFixed(2)} mm²`),
      element("span", {}, `max ${region.max_probability.toFixed(2)}`),
    );
    go.addEventListener("click", () => this.go(index));
    const draw = element("button", { class: "adopt", title: "Take this outline as a drawing, to correct it" }, "Correct");
    draw.addEventListener("click", () => this.adopt(region));
    return element("li", {}, go, draw);
  }

  // To the next region, or by -1 to the one before.
  step(by) {
    const count = this.regions.length;
    if (!count) return;
    const from = this.current < 0 && by < 0 ? 0 : this.current;
    this.go((from + by + count) % count);
  }

  go(index) {
    this.current = index;
    [...byId("region-list").children].forEach((row, at) => row.classList.toggle("on", at === index));
    byId("region-list").children[index].scrollIntoView({ block: "nearest" });
    this.fly(this.regions[index]);
  }
}
