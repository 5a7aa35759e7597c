// The canvas that the slide is drawn on, layer by layer, when something has changed.

export class Stage {
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.camera = camera;
    this.layers = []; // each has draw(context, camera, pixelRatio)
    this.after = []; // told after each frame
    this.background = "#f2f2f2";
    this.asked = false;
    this.before = 0;
    this.changed = () => this.ask();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  get pixelRatio() {
    return Math.min(2, window.devicePixelRatio || 1);
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.max(1, Math.round(clientWidth * this.pixelRatio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * this.pixelRatio));
    this.camera.resize(clientWidth, clientHeight);
    this.draw();
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => {
      this.asked = false;
      // After a pause the clock is not that of the motion.
      const passed = this.camera.motion && this.before ? Math.min(64, now - this.before) : 16;
      const moving = this.camera.step(passed);
      this.before = moving ? now : 0;
      this.draw();
      for (const tell of this.after) tell();
      if (moving) this.ask();
    });
  }

  draw() {
    const context = this.canvas.getContext("2d", { alpha: false });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.fillStyle = this.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const layer of this.layers) layer.draw(context, this.camera, this.pixelRatio);
  }
}
