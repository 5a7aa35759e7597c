// Regions and the shape that is being drawn, on the canvas.

import { colourOf } from "./model.js";

export class DrawingLayer {
  constructor(drawings, tools) {
    this.drawings = drawings;
    this.tools = tools;
    this.shown = true;
    this.paths = new WeakMap(); // of a region, in µm
  }

  draw(context, camera, pixelRatio) {
    if (!this.shown) return;
    const matrix = camera.matrix(pixelRatio);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.lineJoin = context.lineCap = "round";
    const { selectedId } = this.drawings;
    for (const region of this.drawings.regions) {
      const path = new Path2D();
      path.addPath(this.path(region), matrix);
      const colour = colourOf(region.className).join(" ");
      const chosen = region.id === selectedId;
      context.fillStyle = `rgb(${colour} / ${chosen ? 18 : 8}%)`;
      context.fill(path, "evenodd");
      context.strokeStyle = "#fff";
      context.lineWidth = (chosen ? 6 : 4) * pixelRatio;
      context.stroke(path);
      context.strokeStyle = `rgb(${colour})`;
      context.lineWidth = (chosen ? 3 : 2) * pixelRatio;
      context.stroke(path);
    }
    this.drawShape(context, camera, pixelRatio);
    context.restore();
  }

  path(region) {
    let path = this.paths.get(region);
    if (!path) {
      path = new Path2D();
      for (const ring of region.polygons.flat()) {
        ring.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
        path.closePath();
      }
      this.paths.set(region, path);
    }
    return path;
  }

  drawShape(context, camera, pixelRatio) {
    const { name, points, pointer, radius, isRound } = this.tools;
    context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    const places = points.map((point) => camera.toScreen(...point));
    const colour = name === "eraser" ? "60 60 60" : "213 94 0";
    if (places.length) {
      context.beginPath();
      for (const place of places) context.lineTo(...place);
      if (isRound) {
        if (places.length === 1) context.lineTo(places[0][0] + 0.01, places[0][1]);
        context.strokeStyle = `rgb(${colour} / 35%)`;
        context.lineWidth = 2 * radius;
        context.stroke();
      } else {
        if (name === "rectangle") context.closePath();
        else if (pointer && !this.tools.drag) context.lineTo(...pointer);
        context.fillStyle = `rgb(${colour} / 12%)`;
        context.fill();
        outlined(context, `rgb(${colour})`);
        if (name === "outline" && !this.tools.drag) {
          for (const [x, y] of places) {
            context.beginPath();
            context.arc(x, y, 4, 0, 2 * Math.PI);
            context.fillStyle = "#fff";
            context.fill();
            context.lineWidth = 2;
            context.stroke();
          }
        }
      }
    }
    if (isRound && pointer && this.tools.draws) {
      context.beginPath();
      context.arc(...pointer, radius, 0, 2 * Math.PI);
      outlined(context, "#1d2329");
    }
  }
}

function outlined(context, colour) {
  context.strokeStyle = "#fff";
  context.lineWidth = 3.5;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
}
