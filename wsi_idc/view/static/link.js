// The view in the page's address: where, how large, which way up, and how the map is shown.

// Millimetres to a tenth of a micron, magnification and degrees to more than the eye sees.
export function writeLink(camera, settings) {
  const parts = new URLSearchParams();
  parts.set("x", (camera.x / 1000).toFixed(4));
  parts.set("y", (camera.y / 1000).toFixed(4));
  parts.set("zoom", (10 / camera.scale).toPrecision(6));
  if (camera.angle) parts.set("turn", ((camera.angle * 180) / Math.PI).toFixed(2));
  for (const [name, value] of Object.entries(settings)) parts.set(name, value);
  return `#${parts}`;
}

// What an address says; what it does not say, or says wrongly, is left out.
export function readLink(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name) => {
    const text = parts.get(name);
    const value = Number(text);
    return text === null || text.trim() === "" || !Number.isFinite(value) ? null : value;
  };
  const [x, y, zoom, turn] = ["x", "y", "zoom", "turn"].map(number);
  const view = x === null || y === null || !(zoom > 0)
    ? null
    : { x: x * 1000, y: y * 1000, scale: 10 / zoom, angle: ((turn ?? 0) * Math.PI) / 180 };
  return { view, number, text: (name) => parts.get(name) };
}
