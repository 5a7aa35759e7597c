// The slide as a pyramid of tiles: which are needed, fetched in which order, and drawn.

import { request } from "./page.js";

const MOST_FETCHING = 6; // browsers open no more connections to one server
const KEPT_BYTES = 256 * 2 ** 20;
const RETRY_MS = [1000, 4000, 15000];
// A tile may be enlarged by this much before the next finer level is fetched.
const ENLARGED = 1.1;

export class TileLayer {
  constructor(about, changed) {
    this.about = about;
    this.changed = changed;
    this.base = `/api/slides/${encodeURIComponent(about.key)}/tiles`;
    this.tiles = new Map(); // id -> tile, the one used longest ago first
    this.fetching = new Map(); // id -> AbortController
    this.wanted = [];
    this.heldBytes = 0;
    this.failures = 0;
    this.complete = false; // all in sight was drawn from its own level last time
  }

  get levels() {
    return this.about.levels;
  }

  // True once everything that is in sight is drawn from its own level.
  get settled() {
    return this.wanted.every((tile) => this.tiles.get(tile.id)?.failed) && !this.fetching.size;
  }

  levelFor(scale, pixelRatio) {
    const level = Math.floor(Math.log2((ENLARGED * scale) / pixelRatio / this.about.mpp));
    return Math.min(Math.max(level, 0), this.levels.length - 1);
  }

  draw(context, camera, pixelRatio) {
    const level = this.levelFor(camera.scale, pixelRatio);
    const seen = camera.seen();
    const tiles = this.within(level, seen);
    const missing = tiles.filter((tile) => !this.picture(tile));
    const frame = placed(context, camera, pixelRatio);
    this.complete = !missing.length;
    for (const tile of missing) this.drawStandIn(frame, tile);
    for (const tile of tiles) this.drawTile(frame, tile);
    this.want(camera, level, missing, seen);
  }

  // The tiles of a level that touch a rectangle of the slide, µm.
  within(level, { left, top, right, bottom }) {
    const { mpp, size_px: [width, height] } = this.levels[level];
    const side = this.about.tile_px;
    const first = (from) => Math.max(0, Math.floor(from / mpp / side));
    const last = (to, size) => Math.min(Math.ceil(size / side), Math.ceil(to / mpp / side));
    const found = [];
    for (let row = first(top); row < last(bottom, height); row++) {
      for (let column = first(left); column < last(right, width); column++) {
        found.push(this.tile(level, column, row));
      }
    }
    return found;
  }

  tile(level, column, row) {
    const { mpp, size_px: [width, height] } = this.levels[level];
    const side = this.about.tile_px;
    const pixels = [Math.min(side, width - column * side), Math.min(side, height - row * side)];
    return {
      id: `${level}/${column}/${row}`,
      level, column, row, pixels,
      left: column * side * mpp,
      top: row * side * mpp,
      width: pixels[0] * mpp,
      height: pixels[1] * mpp,
    };
  }

  picture(tile) {
    const known = this.tiles.get(tile.id);
    if (!known?.picture) return null;
    this.tiles.delete(tile.id);
    this.tiles.set(tile.id, known);
    return known.picture;
  }

  drawTile(frame, tile) {
    const picture = this.picture(tile);
    if (picture) frame.draw(picture, [0, 0, ...tile.pixels], tile);
    else if (this.tiles.get(tile.id)?.failed) frame.hatch(tile);
  }

  // Until a tile comes: the part of a coarser one, and finer ones where they are there.
  drawStandIn(frame, tile) {
    for (let level = tile.level + 1; level < this.levels.length; level++) {
      const step = 2 ** (level - tile.level);
      const coarse = this.tile(level, Math.floor(tile.column / step), Math.floor(tile.row / step));
      const picture = this.picture(coarse);
      if (picture) {
        const { mpp } = this.levels[level];
        const left = (tile.left - coarse.left) / mpp;
        const top = (tile.top - coarse.top) / mpp;
        const width = Math.min(tile.width / mpp, coarse.pixels[0] - left);
        const height = Math.min(tile.height / mpp, coarse.pixels[1] - top);
        if (width > 0 && height > 0) frame.draw(picture, [left, top, width, height], tile);
        break;
      }
    }
    if (tile.level === 0) return;
    for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const fine = [tile.level - 1, 2 * tile.column + dx, 2 * tile.row + dy];
      if (this.tiles.get(fine.join("/"))?.picture) this.drawTile(frame, this.tile(...fine));
    }
  }

  // The order of fetching: the whole slide at its coarsest, a blurred whole where nothing is
  // there yet, what is in sight from the middle on, and when all is there what lies around it.
  want(camera, level, missing, seen) {
    const [cx, cy] = [camera.x, camera.y];
    const far = (tile) =>
      Math.hypot(tile.left + tile.width / 2 - cx, tile.top + tile.height / 2 - cy);
    const order = [this.tile(this.levels.length - 1, 0, 0)];
    const blurred = Math.min(level + 2, this.levels.length - 1);
    if (missing.length > 2) order.push(...this.within(blurred, seen));
    order.push(...missing.sort((a, b) => far(a) - far(b)));
    if (!missing.length && !camera.motion) {
      const x = (seen.right - seen.left) / 4;
      const y = (seen.bottom - seen.top) / 4;
      const around = {
        left: seen.left - x, right: seen.right + x, top: seen.top - y, bottom: seen.bottom + y,
      };
      order.push(...this.within(level, around).sort((a, b) => far(a) - far(b)));
    }
    const now = performance.now();
    this.wanted = order.filter((tile) => {
      const known = this.tiles.get(tile.id);
      return !known || (known.failed && now > known.retryAt);
    });
    const ids = new Set(this.wanted.map((tile) => tile.id));
    for (const [id, controller] of this.fetching) if (!ids.has(id)) controller.abort();
    this.fetchNext();
  }

  fetchNext() {
    for (const tile of this.wanted) {
      if (this.fetching.size >= MOST_FETCHING) return;
      if (!this.fetching.has(tile.id)) this.fetch(tile);
    }
  }

  async fetch(tile) {
    const controller = new AbortController();
    this.fetching.set(tile.id, controller);
    try {
      const answer = await request(`${this.base}/${tile.id}.jpg`, { signal: controller.signal });
      this.keep(tile, await createImageBitmap(await answer.blob()));
    } catch (error) {
      if (error.name !== "AbortError") this.fail(tile, error);
    } finally {
      this.fetching.delete(tile.id);
    }
    this.changed();
  }

  keep(tile, picture) {
    this.tiles.set(tile.id, { picture });
    this.wanted = this.wanted.filter((other) => other.id !== tile.id);
    this.heldBytes += bytesOf(picture);
    const root = `${this.levels.length - 1}/0/0`; // the last resort of every stand-in
    for (const [id, known] of this.tiles) {
      if (this.heldBytes <= KEPT_BYTES) break;
      if (id === root || !known.picture) continue;
      this.heldBytes -= bytesOf(known.picture);
      known.picture.close();
      this.tiles.delete(id);
    }
  }

  fail(tile, error) {
    const tries = (this.tiles.get(tile.id)?.tries ?? 0) + 1;
    const wait = RETRY_MS[tries - 1];
    const retryAt = wait === undefined ? Infinity : performance.now() + wait;
    this.tiles.set(tile.id, { failed: error.message, tries, retryAt });
    this.failures += 1;
    if (wait !== undefined) setTimeout(this.changed, wait + 50);
  }
}

function bytesOf(picture) {
  return 4 * picture.width * picture.height;
}

// How pictures lie on the screen. Upright, edges are whole pixels of the screen, so that no seams
// show; turned, each picture reaches half a pixel over its right and lower edges for that.
function placed(context, camera, pixelRatio) {
  const scale = camera.scale / pixelRatio;
  const upright = camera.angle === 0;
  const [cx, cy] = [(camera.width * pixelRatio) / 2, (camera.height * pixelRatio) / 2];
  let place;
  if (upright) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    const x = (um) => Math.round(cx + (um - camera.x) / scale);
    const y = (um) => Math.round(cy + (um - camera.y) / scale);
    place = ({ left, top, width, height }) => {
      const [x0, y0] = [x(left), y(top)];
      return [x0, y0, x(left + width) - x0, y(top + height) - y0];
    };
  } else {
    const cos = Math.cos(camera.angle) / scale;
    const sin = Math.sin(camera.angle) / scale;
    context.setTransform(cos, sin, -sin, cos, cx, cy);
    place = ({ left, top, width, height }) =>
      [left - camera.x, top - camera.y, width + scale / 2, height + scale / 2];
  }
  return {
    draw: (picture, from, box) => context.drawImage(picture, ...from, ...place(box)),
    hatch: (box) => hatch(context, place(box), upright ? 1 : scale),
  };
}

// What cannot be read must not look like glass.
function hatch(context, [x, y, width, height], unit) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = "#d8d8d8";
  context.fillRect(x, y, width, height);
  context.strokeStyle = "#9a9a9a";
  context.lineWidth = 2 * unit;
  context.beginPath();
  for (let at = -height; at < width; at += 24 * unit) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}
