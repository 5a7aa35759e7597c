// Mouse, pen and touch: drag, throw, wheel, pinch, twist, double click.

const TWIST = (12 * Math.PI) / 180; // fingers that pinch turn a little without meaning it
const DOUBLE_MS = 320;
const MOVED_PX = 5;

export class Gestures {
  // `tool` may take a pointer for itself: see drawing. `moved` is told where the pointer is.
  constructor(element, camera, { changed, moved, tool }) {
    this.element = element;
    this.camera = camera;
    this.changed = changed;
    this.moved = moved;
    this.tool = tool;
    this.pointers = new Map();
    this.trail = [];
    this.pinching = null;
    this.lastTap = null;
    this.taken = null;
    const on = (type, handler, options) => element.addEventListener(type, handler, options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event));
    on("pointerleave", () => this.moved(null));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
  }

  down(event) {
    if (event.button > 1) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.camera.stop();
    const at = [event.offsetX, event.offsetY];
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 1) {
      this.start = at;
      this.trail = [[event.timeStamp, ...at]];
      this.taken = event.button === 0 && this.tool?.down(at) ? event.pointerId : null;
    } else {
      if (this.taken !== null) this.tool.cancel();
      this.taken = null;
      this.beginPinch();
    }
    this.element.classList.toggle("dragging", this.taken === null);
    this.changed();
  }

  move(event) {
    const at = [event.offsetX, event.offsetY];
    this.moved(at);
    const before = this.pointers.get(event.pointerId);
    if (this.taken === event.pointerId) {
      this.tool.move(at);
    } else if (!before) {
      this.tool?.hover(at);
    } else {
      this.pointers.set(event.pointerId, at);
      if (this.pointers.size === 1) {
        this.camera.panBy(at[0] - before[0], at[1] - before[1]);
        this.trail.push([event.timeStamp, ...at]);
      } else {
        this.pinch();
      }
    }
    this.changed();
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.element.classList.remove("dragging");
    if (this.taken === event.pointerId) {
      this.taken = null;
      if (event.type === "pointercancel") this.tool.cancel();
      else this.tool.up(event, [event.offsetX, event.offsetY]);
    } else if (this.pointers.size === 0 && !this.pinching && event.type === "pointerup") {
      this.release(event);
    }
    if (!this.pointers.size) this.pinching = null;
    this.changed();
  }

  release(event) {
    const at = [event.offsetX, event.offsetY];
    if (Math.hypot(at[0] - this.start[0], at[1] - this.start[1]) < MOVED_PX) {
      this.tap(event, at);
      return;
    }
    const recent = this.trail.filter(([time]) => event.timeStamp - time < 80);
    if (recent.length < 2) return;
    const [time, x, y] = recent[0];
    const ms = Math.max(8, event.timeStamp - time);
    this.camera.throwBy((at[0] - x) / ms, (at[1] - y) / ms);
  }

  tap(event, at) {
    this.tool?.tap(at);
    const last = this.lastTap;
    this.lastTap = { time: event.timeStamp, at };
    if (!last || event.timeStamp - last.time > DOUBLE_MS) return;
    if (Math.hypot(at[0] - last.at[0], at[1] - last.at[1]) > 30) return;
    this.lastTap = null;
    this.camera.zoomAt(event.shiftKey || event.altKey ? 2 : 0.5, at);
  }

  wheel(event) {
    event.preventDefault();
    if (this.tool?.wheel(event)) {
      this.changed();
      return;
    }
    const unit = [1, 33, 400][event.deltaMode];
    // A trackpad's pinch comes as a wheel with Ctrl held, in far smaller steps.
    const speed = event.ctrlKey ? 0.01 : 0.0017;
    const delta = Math.max(-240, Math.min(240, event.deltaY * unit));
    this.camera.zoomAt(Math.exp(delta * speed), [event.offsetX, event.offsetY]);
    this.changed();
  }

  beginPinch() {
    this.pinching = { ...this.spread(), twist: 0, turning: false };
  }

  spread() {
    const [[x0, y0], [x1, y1]] = [...this.pointers.values()];
    return {
      middle: [(x0 + x1) / 2, (y0 + y1) / 2],
      apart: Math.max(20, Math.hypot(x1 - x0, y1 - y0)),
      angle: Math.atan2(y1 - y0, x1 - x0),
    };
  }

  pinch() {
    const before = this.pinching;
    const now = this.spread();
    const turn = Math.atan2(Math.sin(now.angle - before.angle), Math.cos(now.angle - before.angle));
    const twist = before.twist + turn;
    const turning = before.turning || Math.abs(twist) > TWIST;
    const { middle, apart } = now;
    this.camera.panBy(middle[0] - before.middle[0], middle[1] - before.middle[1]);
    this.camera.pinch(before.apart / apart, turning ? turn : 0, middle);
    this.pinching = { ...now, twist, turning };
  }
}
