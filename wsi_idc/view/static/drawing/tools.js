// The tools: outline, rectangle, brush and eraser. Each makes a shape, and the server makes
// polygons of it. With Shift a shape is added to the chosen region, with Alt it is cut out of it.

import { postJson, say } from "../page.js";

const DOUBLE_MS = 320;
const NEAR_PX = 10;
const DRAGGED_PX = 5;
const STEP_PX = 2;

export class Tools {
  constructor(drawings, camera, element, changed) {
    this.drawings = drawings;
    this.camera = camera;
    this.element = element;
    this.changed = changed;
    this.name = "hand";
    this.radius = 24; // CSS pixels
    this.points = []; // of the shape that is being drawn, µm
    this.pointer = null; // where the pointer is, CSS pixels
    this.drag = null;
    this.holding = false; // the space bar: drag moves the slide
    this.waiting = Promise.resolve(); // shapes change a region one after the other
    this.chosen = () => {};
  }

  choose(name) {
    this.cancel();
    this.name = name;
    this.element.dataset.tool = name;
    this.chosen();
    this.changed();
  }

  get draws() {
    return this.name !== "hand" && !this.holding;
  }

  get isRound() {
    return this.name === "brush" || this.name === "eraser";
  }

  // What Gestures ask.

  down(at) {
    if (!this.draws) return false;
    this.drag = { start: at, last: at, moved: false };
    if (this.isRound) this.points = [this.world(at)];
    return true;
  }

  move(at) {
    this.pointer = at;
    const { drag } = this;
    if (!drag) return;
    if (apart(at, drag.start) > DRAGGED_PX) drag.moved = true;
    if (this.name === "rectangle") {
      this.points = this.corners(drag.start, at);
    } else if (apart(at, drag.last) >= STEP_PX && (drag.moved || this.name !== "outline")) {
      if (this.name === "outline" && !this.points.length) this.points.push(this.world(drag.start));
      this.points.push(this.world(at));
      drag.last = at;
      drag.drew = true;
    }
  }

  up(event, at) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (this.name === "outline") this.outlineUp(event, at, drag);
    else if (this.name === "rectangle" && !drag.moved) this.cancel();
    else this.finish(event);
  }

  // A click sets a corner; the first corner again, or a second click, closes the outline. What is
  // drawn in one drag closes by itself.
  outlineUp(event, at, drag) {
    if (drag.drew) {
      if (!this.corner) this.finish(event);
      return;
    }
    const first = this.points.length && this.camera.toScreen(...this.points[0]);
    const again = this.corner && event.timeStamp - this.corner.time < DOUBLE_MS
      && apart(at, this.corner.at) < NEAR_PX;
    if (this.points.length > 2 && (again || apart(at, first) < NEAR_PX)) {
      this.finish(event);
      return;
    }
    if (!again) this.points.push(this.world(at));
    this.corner = { time: event.timeStamp, at };
  }

  hover(at) {
    this.pointer = at;
  }

  tap(at) {
    if (this.name !== "hand") return;
    const region = this.drawings.at(...this.world(at));
    if (region?.id !== this.drawings.selectedId) this.drawings.select(region?.id ?? null);
  }

  wheel(event) {
    const sized = event.shiftKey && this.isRound;
    if (sized) this.resize(this.radius * Math.exp(-(event.deltaY || event.deltaX) * 0.002));
    return sized;
  }

  resize(radius) {
    this.radius = Math.min(150, Math.max(3, radius));
    this.chosen();
    this.changed();
  }

  cancel() {
    this.points = [];
    this.corner = null;
    this.drag = null;
  }

  back() {
    if (!this.points.length) return false;
    this.points.pop();
    if (!this.points.length) this.corner = null;
    this.changed();
    return true;
  }

  close(event) {
    if (this.name === "outline" && this.points.length > 2) this.finish(event);
  }

  finish(event) {
    const { points, isRound } = this;
    this.cancel();
    if (!isRound && points.length < 3) return;
    const shape = isRound ? { points, radius: this.radius * this.camera.scale } : { points };
    const cut = this.name === "eraser" || event.altKey;
    const mode = cut ? "cut" : event.shiftKey ? "add" : this.name === "brush" ? "join" : "new";
    this.waiting = this.waiting.then(() => this.apply(shape, mode));
  }

  async apply(shape, mode) {
    const { drawings } = this;
    const region = drawings.selected
      ?? (mode === "cut" ? drawings.at(...shape.points[0]) : null);
    if (mode === "cut" && !region) {
      say("Choose the region to cut from first.");
      return;
    }
    try {
      const base = region && mode !== "new" ? region.polygons : null;
      const made = await postJson("/api/combine", { base, shape, mode });
      if (made.joined) drawings.change(region.id, { polygons: made.polygons });
      else if (made.polygons.length) drawings.add({ polygons: made.polygons });
      else say("That encloses no area.");
    } catch (error) {
      say(error.message);
    }
  }

  world(at) {
    return this.camera.toWorld(...at);
  }

  // Upright on the screen, whichever way the slide is turned.
  corners([x0, y0], [x1, y1]) {
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map((corner) => this.world(corner));
  }
}

function apart(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
