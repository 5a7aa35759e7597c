// The whole slide, small, with what is in sight on it. Click or drag to go there.

export class Overview {
  constructor(canvas, about, tiles, camera, changed) {
    this.canvas = canvas;
    this.tiles = tiles;
    this.camera = camera;
    this.world = { width: about.width_um, height: about.height_um };
    this.changed = changed;
    this.map = null; // a picture over the slide: { picture, left, top, width, height }
    const go = (event) => {
      if (!event.buttons) return;
      const { width } = this.canvas.getBoundingClientRect();
      const scale = this.world.width / width;
      const [x, y] = [event.offsetX * scale, event.offsetY * scale];
      this.camera.set(this.camera.centred(x, y, this.camera.scale));
      this.changed();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    canvas.addEventListener("pointermove", go);
  }

  draw(pixelRatio) {
    const box = this.canvas.parentElement.getBoundingClientRect();
    const most = [box.width, 190];
    const scale = Math.max(this.world.width / most[0], this.world.height / most[1]);
    const width = Math.max(1, Math.round(this.world.width / scale));
    const height = Math.max(1, Math.round(this.world.height / scale));
    const { canvas } = this;
    if (canvas.width !== Math.round(width * pixelRatio)
      || canvas.height !== Math.round(height * pixelRatio)) {
      canvas.width = Math.round(width * pixelRatio);
      canvas.height = Math.round(height * pixelRatio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(canvas.width / this.world.width, 0, 0, canvas.height / this.world.height, 0, 0);
    context.clearRect(0, 0, this.world.width, this.world.height);
    const whole = this.tiles.tile(this.tiles.levels.length - 1, 0, 0);
    const picture = this.tiles.picture(whole);
    if (picture) context.drawImage(picture, 0, 0, whole.width, whole.height);
    if (this.map) {
      context.imageSmoothingEnabled = false;
      context.drawImage(
        this.map.picture, this.map.left, this.map.top, this.map.width, this.map.height,
      );
      context.imageSmoothingEnabled = true;
    }
    const unit = this.world.width / canvas.width;
    context.beginPath();
    for (const corner of this.camera.corners()) context.lineTo(...corner);
    context.closePath();
    context.lineJoin = "round";
    for (const [colour, line] of [["#fff", 4], ["#14587a", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line * pixelRatio * unit;
      context.stroke();
    }
  }
}
