// Where the viewer looks: a point of the slide in the middle of the window, a scale, an angle.
// Lengths on the slide are microns from the corner of the scan, those on the screen CSS pixels.

const SETTLE_MS = 70; // how fast a zoom approaches its goal
const STILL = 1e-3;

export class Camera {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.scale = 1; // µm per CSS pixel
    this.angle = 0; // radians, clockwise
    this.width = 1;
    this.height = 1;
    this.world = { width: 1, height: 1 };
    this.finest = 0.1; // µm per CSS pixel
    this.moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.inset = { left: 0, right: 0, top: 0, bottom: 0 }; // what panels cover of the window
    this.motion = null;
  }

  setWorld(width, height, finest) {
    this.world = { width, height };
    this.finest = finest;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
  }

  toScreen(x, y) {
    const dx = (x - this.x) / this.scale;
    const dy = (y - this.y) / this.scale;
    const cos = Math.cos(this.angle);
    const sin = Math.sin(this.angle);
    return [this.width / 2 + dx * cos - dy * sin, this.height / 2 + dx * sin + dy * cos];
  }

  toWorld(sx, sy) {
    const [dx, dy] = this.onSlide(sx - this.width / 2, sy - this.height / 2);
    return [this.x + dx, this.y + dy];
  }

  // What a way on the screen is on the slide.
  onSlide(sx, sy, scale = this.scale, angle = this.angle) {
    const cos = Math.cos(angle) * scale;
    const sin = Math.sin(angle) * scale;
    return [sx * cos + sy * sin, sy * cos - sx * sin];
  }

  // From the slide to the pixels of a canvas that fills the window.
  matrix(pixelRatio) {
    return new DOMMatrix()
      .translate((this.width * pixelRatio) / 2, (this.height * pixelRatio) / 2)
      .rotate((this.angle * 180) / Math.PI)
      .scale(pixelRatio / this.scale)
      .translate(-this.x, -this.y);
  }

  // The window's corners on the slide, clockwise from the upper left.
  corners() {
    const { width, height } = this;
    return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => this.toWorld(x, y));
  }

  // The upright rectangle that holds them.
  seen() {
    const corners = this.corners();
    const xs = corners.map((corner) => corner[0]);
    const ys = corners.map((corner) => corner[1]);
    return {
      left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys),
    };
  }

  get coarsest() {
    return 2 * this.fitScale(this.world);
  }

  get freeMiddle() {
    const { left, right, top, bottom } = this.inset;
    return [(left + this.width - right) / 2, (top + this.height - bottom) / 2];
  }

  fitScale({ width, height }) {
    const { left, right, top, bottom } = this.inset;
    const cos = Math.abs(Math.cos(this.angle));
    const sin = Math.abs(Math.sin(this.angle));
    return Math.max(
      (width * cos + height * sin) / Math.max(40, this.width - left - right),
      (width * sin + height * cos) / Math.max(40, this.height - top - bottom),
    );
  }

  clampScale(scale) {
    return Math.min(Math.max(scale, this.finest), Math.max(this.finest, this.coarsest));
  }

  // Keep the point of the slide that lies in the middle on the slide.
  clamp() {
    this.x = Math.min(Math.max(this.x, 0), this.world.width);
    this.y = Math.min(Math.max(this.y, 0), this.world.height);
  }

  // Put a point of the slide under a point of the screen.
  pin([x, y], [sx, sy]) {
    const [dx, dy] = this.onSlide(sx - this.width / 2, sy - this.height / 2);
    this.x = x - dx;
    this.y = y - dy;
  }

  // A view that shows a rectangle of the slide in the part of the window that is free.
  viewOf({ left, top, width, height }, margin = 1) {
    const scale = this.clampScale(margin * this.fitScale({ width, height }));
    return this.centred(left + width / 2, top + height / 2, scale);
  }

  // A view with a point of the slide in the middle of the free part of the window.
  centred(x, y, scale, angle = this.angle) {
    const [mx, my] = this.freeMiddle;
    const [dx, dy] = this.onSlide(mx - this.width / 2, my - this.height / 2, scale, angle);
    return { x: x - dx, y: y - dy, scale, angle };
  }

  whole() {
    return this.viewOf({ left: 0, top: 0, ...this.world }, 1.04);
  }

  set({ x, y, scale, angle }) {
    this.motion = null;
    Object.assign(this, { x, y, scale: this.clampScale(scale), angle });
    this.clamp();
  }

  stop() {
    this.motion = null;
  }

  panBy(sx, sy) {
    const [dx, dy] = this.onSlide(sx, sy);
    this.x -= dx;
    this.y -= dy;
    this.clamp();
  }

  // Glide on after a drag, at so many CSS pixels a millisecond.
  throwBy(vx, vy) {
    if (this.moves && Math.hypot(vx, vy) > 0.05) this.motion = { kind: "throw", vx, vy };
  }

  zoomAt(factor, screen) {
    const before = this.motion?.kind === "zoom" ? this.motion.goal : this.scale;
    const goal = this.clampScale(before * factor);
    this.motion = { kind: "zoom", goal, world: this.toWorld(...screen), screen };
    if (!this.moves) this.step(1e6);
  }

  // Pinch: at once, around the point between the fingers.
  pinch(factor, turn, screen) {
    const world = this.toWorld(...screen);
    this.motion = null;
    this.scale = this.clampScale(this.scale * factor);
    this.angle = normalised(this.angle + turn);
    this.pin(world, screen);
    this.clamp();
  }

  // The angle that it has, or is turning to.
  get heading() {
    return this.motion?.kind === "turn" ? this.motion.goal : this.angle;
  }

  turnBy(angle) {
    const screen = this.freeMiddle;
    const goal = this.heading + angle;
    this.motion = { kind: "turn", goal, screen, world: this.toWorld(...screen) };
    if (!this.moves) this.step(1e6);
  }

  turnTo(angle) {
    this.turnBy(normalised(angle - this.heading));
  }

  // Fly in a curve that goes up where the way is long (van Wijk and Nuij, 2003).
  flyTo(view) {
    const goal = { ...view, scale: this.clampScale(view.scale) };
    const size = Math.min(this.width, this.height);
    const path = flight(
      { x: this.x, y: this.y, size: this.scale * size },
      { x: goal.x, y: goal.y, size: goal.scale * size },
    );
    const turn = normalised(goal.angle - this.angle);
    const lasts = Math.min(1200, Math.max(180, 420 * path.length));
    const isThere = path.length < 1e-6 && Math.abs(turn) < 1e-6;
    if (!this.moves || isThere) return this.set(goal);
    this.motion = { kind: "fly", path, goal, size, lasts, passed: 0, from: this.angle, turn };
  }

  // Go on with what is moving; true while something is.
  step(ms) {
    const motion = this.motion;
    if (!motion) return false;
    const near = 1 - Math.exp(-ms / SETTLE_MS);
    if (motion.kind === "throw") {
      this.panBy(motion.vx * ms, motion.vy * ms);
      const slower = Math.exp(-ms / 160);
      motion.vx *= slower;
      motion.vy *= slower;
      if (Math.hypot(motion.vx, motion.vy) < 0.01) this.motion = null;
    } else if (motion.kind === "zoom") {
      this.scale *= (motion.goal / this.scale) ** near;
      if (Math.abs(Math.log(motion.goal / this.scale)) < STILL) {
        this.scale = motion.goal;
        this.motion = null;
      }
      this.pin(motion.world, motion.screen);
      this.clamp();
    } else if (motion.kind === "turn") {
      this.angle += (motion.goal - this.angle) * near;
      if (Math.abs(motion.goal - this.angle) < STILL) {
        this.angle = normalised(motion.goal);
        this.motion = null;
      }
      this.pin(motion.world, motion.screen);
    } else if (motion.kind === "fly") {
      motion.passed += ms;
      if (motion.passed >= motion.lasts) {
        this.set(motion.goal);
        return true;
      }
      const t = eased(motion.passed / motion.lasts);
      const at = motion.path.at(t);
      Object.assign(this, { x: at.x, y: at.y, scale: at.size / motion.size });
      this.angle = normalised(motion.from + motion.turn * t);
    }
    return true;
  }
}

export function normalised(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

function eased(t) {
  return t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
}

function flight(from, to) {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const rho = 1.3;
  if (distance < 1e-6 * Math.min(from.size, to.size)) {
    const ratio = Math.log(to.size / from.size);
    return {
      length: Math.abs(ratio) / rho,
      at: (t) => ({ x: from.x, y: from.y, size: from.size * Math.exp(ratio * t) }),
    };
  }
  const b = (i) => {
    const [size, sign] = i === 0 ? [from.size, 1] : [to.size, -1];
    return (to.size ** 2 - from.size ** 2 + sign * rho ** 4 * distance ** 2)
      / (2 * size * rho ** 2 * distance);
  };
  const r = (i) => Math.log(-b(i) + Math.sqrt(b(i) ** 2 + 1));
  const [r0, r1] = [r(0), r(1)];
  const length = (r1 - r0) / rho;
  return {
    length,
    at: (t) => {
      const s = rho * length * t + r0;
      const along = (from.size * (Math.cosh(r0) * Math.tanh(s) - Math.sinh(r0)))
        / (rho ** 2 * distance);
      return {
        x: from.x + (to.x - from.x) * along,
        y: from.y + (to.y - from.y) * along,
        size: (from.size * Math.cosh(r0)) / Math.cosh(s),
      };
    },
  };
}
