// Ties drawing to a page: its layer, its panel and its keys.

import { byId, getJson, say } from "../page.js";
import { DrawingLayer } from "./layer.js";
import { Drawings } from "./model.js";
import { DrawingPanel } from "./panel.js";
import { Tools } from "./tools.js";

export async function addDrawing({ about, stage, camera, changed, fly }) {
  let panel = null;
  const drawings = new Drawings(about, () => {
    panel?.show();
    changed();
  });
  const tools = new Tools(drawings, camera, stage.canvas, changed);
  drawings.load(await getJson(`/api/slides/${encodeURIComponent(about.key)}/drawings`));
  const layer = new DrawingLayer(drawings, tools);
  stage.layers.push(layer);
  panel = new DrawingPanel(about.key, drawings, tools, fly);
  hold(tools);
  const adopt = (region, className) => {
    drawings.add({
      polygons: region.outline, name: `${className} region ${region.number}`, className,
    });
    say("Its outline is a drawing now: correct it with the brush and the eraser.");
    fly(region);
  };
  return { drawings, tools, adopt, keys: keysOf(drawings, tools, layer, panel) };
}

function keysOf(drawings, tools, layer, panel) {
  const remove = () => tools.back() || panel.remove();
  return {
    v: () => tools.choose("hand"),
    g: () => tools.choose("outline"),
    x: () => tools.choose("rectangle"),
    b: () => tools.choose("brush"),
    e: () => tools.choose("eraser"),
    d: () => {
      layer.shown = !layer.shown;
      say(layer.shown ? "Drawings are shown." : "Drawings are hidden.");
    },
    Enter: (event) => tools.close(event),
    Escape: () => {
      if (tools.points.length) tools.cancel();
      else if (tools.name !== "hand") tools.choose("hand");
      else drawings.select(null);
    },
    Delete: remove,
    Backspace: remove,
    "Ctrl+z": (event) => (event.shiftKey ? drawings.redo() : drawings.undo()),
    "Ctrl+y": () => drawings.redo(),
    "Ctrl+s": () => panel.save(),
  };
}

// The space bar turns any tool into the hand while it is held.
function hold(tools) {
  const set = (event, holding) => {
    if (event.key !== " " || event.target.closest("input, button, select, dialog")) return;
    tools.holding = holding;
    byId("stage").classList.toggle("holding", holding);
    event.preventDefault();
  };
  document.addEventListener("keydown", (event) => set(event, true));
  document.addEventListener("keyup", (event) => set(event, false));
}
