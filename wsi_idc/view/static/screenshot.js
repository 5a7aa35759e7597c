// The view as a PNG that tells by itself where it is from and how large things are.

import { lengthText, magnificationText, scaleBar } from "./scale_bar.js";

const FONT = "system-ui, sans-serif";

// `stage` is the canvas as it is drawn; `key` a colour key to put beside the scale bar, or null.
export function compose(stage, camera, pixelRatio, name, key) {
  const canvas = document.createElement("canvas");
  canvas.width = stage.width;
  const foot = 44;
  canvas.height = stage.height + Math.round(foot * pixelRatio);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(stage, 0, 0);
  context.scale(pixelRatio, pixelRatio);
  const middle = camera.height + foot / 2;
  context.fillStyle = context.strokeStyle = "#1d2329";
  context.textBaseline = "middle";
  context.font = `600 14px ${FONT}`;
  const bar = scaleBar(camera.scale);
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(14, middle - 5);
  context.lineTo(14, middle + 5);
  context.lineTo(14 + bar.px, middle + 5);
  context.lineTo(14 + bar.px, middle - 5);
  context.stroke();
  let at = 24 + bar.px;
  at += written(context, `${bar.text}   ${magnificationText(camera.scale)}`, at, middle) + 20;
  if (key) {
    context.font = `13px ${FONT}`;
    at += written(context, `${key.title}  0`, at, middle) + 6;
    const { length } = key.colours;
    key.colours.forEach((colour, index) => {
      context.fillStyle = colour;
      context.fillRect(at + (index * 100) / length, middle - 7, 100 / length + 0.5, 14);
    });
    context.fillStyle = "#1d2329";
    at += 106;
    at += written(context, "1", at, middle) + 20;
  }
  context.font = `13px ${FONT}`;
  const place = `${lengthText(camera.x)}, ${lengthText(camera.y)}`;
  const told = `${name}   ${place}`;
  const width = context.measureText(told).width;
  if (at + width < camera.width - 10) written(context, told, camera.width - 14 - width, middle);
  return canvas;
}

function written(context, text, x, y) {
  context.fillText(text, x, y);
  return context.measureText(text).width;
}

export async function download(canvas, name) {
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
