// The page of a slide: makes its parts and ties them together.

import { addDrawing } from "./drawing/setup.js";
import { Camera } from "./camera.js";
import { Gestures } from "./gestures.js";
import { Heatmap } from "./heatmap.js";
import { HeatmapPanel } from "./heatmap_panel.js";
import { listenToKeys } from "./keys.js";
import { readLink, writeLink } from "./link.js";
import { Overview } from "./overview.js";
import { byId, element, getJson, later, request, say } from "./page.js";
import { RegionList } from "./regions.js";
import { magnification, magnificationText, scaleBar } from "./scale_bar.js";
import { compose, download } from "./screenshot.js";
import { Stage } from "./stage.js";
import { TileLayer } from "./tiles.js";

// A pixel of the slide may be enlarged this much.
const MOST_ENLARGED = 8;
// Where there is no room for slide and panel side by side, as slide.css has it.
const isNarrow = () => window.innerWidth <= 900;

const key = decodeURIComponent(location.pathname.split("/").at(-1));
start().catch((error) => say(`The slide cannot be shown: ${error.message}`, 1e9));

async function start() {
  byId("name").textContent = key;
  document.title = `${key} · wsi-idc`;
  const about = await getJson(`/api/slides/${encodeURIComponent(key)}`);
  const camera = new Camera();
  const stage = new Stage(byId("stage"), camera);
  const { changed } = stage;
  stage.background = `rgb(${about.background})`;
  camera.setWorld(about.width_um, about.height_um, about.mpp / MOST_ENLARGED);
  const tiles = new TileLayer(about, changed);
  stage.layers.push(tiles);
  const overview = new Overview(byId("overview"), about, tiles, camera, changed);
  // To a rectangle of the slide, with some of what is around it, and no nearer than its pixels.
  const fly = (box) => {
    const { left, top, width, height } = box;
    const view = camera.viewOf(box, 1.6);
    const scale = Math.max(view.scale, about.mpp);
    camera.flyTo(camera.centred(left + width / 2, top + height / 2, scale));
    changed();
  };
  const page = { about, camera, stage, tiles, overview, changed, fly };

  if (isNarrow()) togglePanel(); // on a phone the slide comes first
  fitPanels(page);
  const link = readLink(location.hash);
  camera.set(link.view ?? camera.whole());
  changed();
  if (about.map) {
    await addHeatmap(page).catch((error) => say(`The map cannot be shown: ${error.message}`, 1e9));
  }
  page.drawing = await addDrawing(page).catch((error) => {
    say(`Drawings cannot be shown: ${error.message}`, 10_000);
    return null;
  });
  page.heatmapPanel?.follow(link);
  window.addEventListener("hashchange", () => {
    const followed = readLink(location.hash);
    if (followed.view) camera.set(followed.view);
    page.heatmapPanel?.follow(followed);
    changed();
  });

  new Gestures(stage.canvas, camera, {
    changed,
    moved: (at) => tellPlace(page, at),
    tool: page.drawing?.tools ?? null,
  });
  const commands = makeCommands(page);
  listenToKeys(camera, commands, changed);
  showNotes(about);
  byId("back").hidden = about.slides < 2;

  const keepLink = later(() => history.replaceState(null, "", pageLink(page)), 250);
  stage.after.push(() => {
    overview.draw(stage.pixelRatio);
    tellScale(page);
    keepLink();
    // For who waits for the page: is all in sight drawn, and has everything come to rest?
    if (tiles.complete) document.documentElement.dataset.seen = "all";
    document.documentElement.dataset.state = tiles.settled && !camera.motion ? "settled" : "busy";
    if (tiles.failures) say("Part of the slide cannot be read; it is hatched.");
    tiles.failures = 0;
  });
  window.viewer = page; // for tests, and for the curious
  changed();
}

async function addHeatmap(page) {
  const { about, stage, overview, changed, fly } = page;
  const fetchValues = async (className) => {
    const asked = new URLSearchParams({ class: className });
    const answer = await request(`/api/slides/${encodeURIComponent(key)}/map?${asked}`);
    return new Float32Array(await answer.arrayBuffer());
  };
  const [values, colours] = await Promise.all([
    fetchValues(about.map.classes[0]), getJson("/api/colormaps"),
  ]);
  const heatmap = new Heatmap(about.map, values, colours);
  stage.layers.push(heatmap);
  const adopt = (region) => page.drawing?.adopt(region, heatmap.className);
  const regions = new RegionList(key, heatmap, { fly, adopt });
  const panel = new HeatmapPanel(heatmap, fetchValues, () => {
    overview.map = heatmap.settings.on ? heatmap.overlay : null;
    regions.update();
    changed();
  });
  overview.map = heatmap.overlay;
  page.heatmap = heatmap;
  page.heatmapPanel = panel;
  page.regions = regions;
}

function pageLink({ camera, heatmapPanel }) {
  return writeLink(camera, heatmapPanel?.link() ?? {});
}

function makeCommands(page) {
  const { about, camera, stage, changed } = page;
  const power = (wanted) => {
    const [x, y] = camera.toWorld(...camera.freeMiddle);
    camera.flyTo(wanted === "fit" ? camera.whole() : camera.centred(x, y, 10 / wanted));
    changed();
  };
  const help = byId("help");
  const actions = {
    turn: () => camera.turnBy(Math.PI / 2),
    full: () => (document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen()),
    shot: () => {
      stage.draw();
      const picture = compose(stage.canvas, camera, stage.pixelRatio, key, mapKey(page));
      const place = [camera.x, camera.y].map((um) => `${(um / 1000).toFixed(2)}mm`).join("_");
      download(picture, `${key}_${place}_${magnificationText(camera.scale).replace("×", "x")}.png`);
    },
    link: async () => {
      history.replaceState(null, "", pageLink(page));
      try {
        await navigator.clipboard.writeText(location.href);
        say("The link is on the clipboard.");
      } catch {
        say("The link is in the address bar.");
      }
    },
    ask: () => help.showModal(),
    sheet: () => {
      const [x, y] = camera.toWorld(...camera.freeMiddle);
      togglePanel();
      fitPanels(page);
      // What was looked at stays in sight, above the panel.
      if (isNarrow()) camera.set(camera.centred(x, y, camera.scale));
    },
  };
  for (const [id, action] of Object.entries(actions)) {
    byId(id).addEventListener("click", () => {
      action();
      changed();
    });
  }
  for (const button of byId("powers").children) {
    const wanted = button.dataset.power;
    button.addEventListener("click", () => power(wanted === "fit" ? wanted : Number(wanted)));
    if (wanted !== "fit" && 10 / wanted < about.mpp * 0.9) {
      button.classList.add("beyond");
      button.title = `enlarged: the slide has ${Number((10 / about.mpp).toPrecision(2))}×`;
    }
  }
  help.addEventListener("click", (event) => event.target === help && help.close());
  const keys = {
    f: actions.full, s: actions.shot, l: actions.link, "?": actions.ask, p: actions.sheet,
    h: () => page.heatmapPanel?.toggle("on"),
    o: () => page.heatmapPanel?.toggle("outline"),
    ",": () => page.regions?.step(-1),
    ".": () => page.regions?.step(1),
    ...page.drawing?.keys,
  };
  return { power, keys };
}

function togglePanel() {
  const closed = byId("panel").classList.toggle("closed");
  byId("sheet").setAttribute("aria-expanded", String(!closed));
}

// What the bar and the panel cover is not where a whole slide should lie.
function fitPanels({ camera }) {
  const panel = byId("panel");
  const open = !panel.classList.contains("closed");
  const narrow = isNarrow();
  camera.inset = {
    left: narrow ? 0 : 64, // the tools
    top: byId("bar").getBoundingClientRect().bottom,
    right: open && !narrow ? panel.offsetWidth + 24 : 0,
    bottom: open && narrow ? 0.46 * window.innerHeight : 0,
  };
}

function mapKey({ heatmap }) {
  if (!heatmap?.settings.on) return null;
  return { title: `${heatmap.className} probability`, colours: heatmap.key() };
}

function tellPlace({ camera, about, heatmap }, at) {
  const place = byId("reading");
  if (!at) return place.replaceChildren();
  const [x, y] = camera.toWorld(...at);
  if (x < 0 || y < 0 || x > about.width_um || y > about.height_um) return place.replaceChildren();
  const position = `${(x / 1000).toFixed(3)}, ${(y / 1000).toFixed(3)} mm`;
  const value = heatmap?.at(x, y);
  const told = Number.isNaN(value) ? "not assessed" : `${heatmap?.className} ${value?.toFixed(3)}`;
  place.replaceChildren(
    ...(heatmap ? [element("b", {}, told)] : []), element("span", {}, position),
  );
}

function tellScale({ camera }) {
  const bar = scaleBar(camera.scale);
  byId("length").textContent = bar.text;
  document.querySelector("#scale i").style.width = `${bar.px}px`;
  byId("power").textContent = magnificationText(camera.scale);
  const power = magnification(camera.motion?.goal?.scale ?? camera.scale);
  for (const button of byId("powers").children) {
    const wanted = Number(button.dataset.power);
    button.classList.toggle("on", Math.abs(power / wanted - 1) < 0.01);
  }
}

function showNotes({ warnings }) {
  const notes = byId("notes");
  notes.hidden = !warnings.length;
  notes.querySelector("ul").replaceChildren(...warnings.map((text) => element("li", {}, text)));
}
