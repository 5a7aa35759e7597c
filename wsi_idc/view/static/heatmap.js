// The probability map over the slide: its values, their colours, and outlines at the threshold.

// As in overlay.png: at the floor the colour starts with this part of the full opacity, and under
// it the stain is drained towards grey, so that one probability has one colour everywhere.
const OPACITY_AT_FLOOR = 0.6;
const STAIN_DRAIN = 1.2;

export class Heatmap {
  constructor(about, values, colours) {
    this.about = about;
    this.colours = colours; // name -> 256 numbers 0xRRGGBB
    this.className = about.classes[0];
    this.settings = {
      on: true, opacity: about.opacity, threshold: about.threshold, floor: about.floor,
      colormap: about.colormap, outline: true, only: false,
    };
    this.tint = offscreen(about);
    this.drain = offscreen(about);
    this.setValues(values);
  }

  // Float32Array, row by row, NaN where nothing was assessed.
  setValues(values) {
    this.values = values;
    this.assessed = outlinePath(this.about, (index) => !Number.isNaN(values[index]));
    this.cells = values.reduce((count, value) => count + !Number.isNaN(value), 0);
    this.outlined = null;
    this.paint();
  }

  change(settings) {
    Object.assign(this.settings, settings);
    this.paint();
  }

  // Compared as the program does it, in 32 bits, so that a page counts the same cells.
  get limit() {
    return Math.fround(this.settings.threshold);
  }

  paint() {
    const { opacity, floor, colormap, only } = this.settings;
    const { limit, values } = this;
    const table = this.colours[colormap];
    const least = only ? Math.max(limit, Math.fround(floor)) : Math.fround(floor);
    const tint = new Uint8ClampedArray(4 * values.length);
    const drain = new Uint8ClampedArray(4 * values.length);
    const span = Math.max(1 - floor, 1e-6);
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      if (!(value >= least)) continue;
      const rise = OPACITY_AT_FLOOR + ((1 - OPACITY_AT_FLOOR) * (value - floor)) / span;
      const alpha = opacity * rise;
      const colour = table[Math.round(value * 255)];
      const at = 4 * index;
      tint[at] = colour >> 16;
      tint[at + 1] = (colour >> 8) & 255;
      tint[at + 2] = colour & 255;
      tint[at + 3] = 255 * alpha;
      drain[at] = drain[at + 1] = drain[at + 2] = 128;
      drain[at + 3] = 255 * Math.min(1, STAIN_DRAIN * alpha);
    }
    const { columns, rows } = this.about;
    this.tint.getContext("2d").putImageData(new ImageData(tint, columns, rows), 0, 0);
    this.drain.getContext("2d").putImageData(new ImageData(drain, columns, rows), 0, 0);
    if (this.outlined !== limit) {
      this.outlined = limit;
      this.regions = outlinePath(this.about, (index) => values[index] >= limit);
      this.positive = values.reduce((count, value) => count + (value >= limit), 0);
    }
  }

  get cellMm2() {
    return (this.about.cell_width_um * this.about.cell_height_um) / 1e6;
  }

  // The probability at a point of the slide: NaN where nothing was assessed.
  at(x, y) {
    const { left_um, top_um, cell_width_um, cell_height_um, columns, rows } = this.about;
    const column = Math.floor((x - left_um) / cell_width_um);
    const row = Math.floor((y - top_um) / cell_height_um);
    const inside = column >= 0 && row >= 0 && column < columns && row < rows;
    return inside ? this.values[row * columns + column] : NaN;
  }

  get overlay() {
    const { left_um, top_um, cell_width_um, cell_height_um, columns, rows } = this.about;
    return {
      picture: this.tint, left: left_um, top: top_um,
      width: columns * cell_width_um, height: rows * cell_height_um,
    };
  }

  draw(context, camera, pixelRatio) {
    if (!this.settings.on) return;
    const cell = this.cellsToScreen(camera, pixelRatio);
    const part = this.inSight(camera);
    if (!part) return;
    context.save();
    context.setTransform(cell);
    context.imageSmoothingEnabled = false;
    context.globalCompositeOperation = "saturation";
    context.drawImage(this.drain, ...part, ...part);
    context.globalCompositeOperation = "source-over";
    context.drawImage(this.tint, ...part, ...part);
    context.restore();
    if (!this.settings.outline) return;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    const stroke = (path, colour, width) => {
      const placed = new Path2D();
      placed.addPath(path, cell);
      context.strokeStyle = colour;
      context.lineWidth = width * pixelRatio;
      context.lineCap = "square";
      context.stroke(placed);
    };
    stroke(this.assessed, "rgb(120 120 120 / 60%)", 1);
    stroke(this.regions, "#fff", 4);
    stroke(this.regions, "#141414", 2);
    context.restore();
  }

  // From cells to pixels of the canvas.
  cellsToScreen(camera, pixelRatio) {
    const { left_um, top_um, cell_width_um, cell_height_um } = this.about;
    return camera.matrix(pixelRatio).translate(left_um, top_um).scale(cell_width_um, cell_height_um);
  }

  // Left, top, width and height of the cells in sight.
  inSight(camera) {
    const { left_um, top_um, cell_width_um, cell_height_um, columns, rows } = this.about;
    const seen = camera.seen();
    const left = Math.max(0, Math.floor((seen.left - left_um) / cell_width_um));
    const top = Math.max(0, Math.floor((seen.top - top_um) / cell_height_um));
    const right = Math.min(columns, Math.ceil((seen.right - left_um) / cell_width_um));
    const bottom = Math.min(rows, Math.ceil((seen.bottom - top_um) / cell_height_um));
    return right > left && bottom > top ? [left, top, right - left, bottom - top] : null;
  }

  // Colours of the key, from probability 0 to 1, as CSS has them.
  key(steps = 64) {
    const table = this.colours[this.settings.colormap];
    return Array.from({ length: steps }, (_, step) => {
      const colour = table[Math.round((255 * step) / (steps - 1))];
      return `#${colour.toString(16).padStart(6, "0")}`;
    });
  }
}

function offscreen({ columns, rows }) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  return canvas;
}

// The edges between cells that are inside and those that are not, in straight runs, in cells.
function outlinePath({ columns, rows }, inside) {
  const path = new Path2D();
  const is = (column, row) =>
    column >= 0 && row >= 0 && column < columns && row < rows && inside(row * columns + column);
  const runs = (lines, length, edge, draw) => {
    for (let line = 0; line <= lines; line++) {
      let start = -1;
      for (let at = 0; at <= length; at++) {
        const here = at < length && edge(line, at);
        if (here && start < 0) start = at;
        if (!here && start >= 0) {
          draw(line, start, at);
          start = -1;
        }
      }
    }
  };
  runs(rows, columns, (row, column) => is(column, row - 1) !== is(column, row), (row, from, to) => {
    path.moveTo(from, row);
    path.lineTo(to, row);
  });
  runs(columns, rows, (column, row) => is(column - 1, row) !== is(column, row), (column, from, to) => {
    path.moveTo(column, from);
    path.lineTo(column, to);
  });
  return path;
}
