// The view in the page's address: where, how large, which way up, and how the map is shown.

// Finer than a hundredth of a pixel at any magnification, so that a link shows the very same.
export function writeLink(camera, settings) {
  const parts = new URLSearchParams();
  parts.set("x", Number((camera.x / 1000).toFixed(5)));
  parts.set("y", Number((camera.y / 1000).toFixed(5)));
  parts.set("zoom", Number((10 / camera.scale).toPrecision(8)));
  if (camera.angle) parts.set("turn", ((camera.angle * 180) / Math.PI).toFixed(5));
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
