// What is drawn on a slide, with every step of it, so that each can be undone.
// A region is never changed: a changed one takes its place. So a step is a list of regions.

const CLASSES = ["IDC", "DCIS", "Benign", "Ignore"];
// Of Okabe and Ito's palette; IDC as in heatmap.geojson.
const COLOURS = { IDC: [213, 94, 0], DCIS: [0, 114, 178], Benign: [0, 158, 115], Ignore: [110, 110, 110] };
const OTHERS = [[204, 121, 167], [86, 180, 233], [230, 159, 0], [148, 103, 189]];

// What people drew, and not cells or tiles that a program found.
const DRAWN = ["annotation", "path_annotation_object", "pathannotationobject"];

export function colourOf(name) {
  if (Object.hasOwn(COLOURS, name)) return COLOURS[name];
  let sum = 0;
  for (const letter of name) sum += letter.codePointAt(0);
  return OTHERS[sum % OTHERS.length];
}

export class Drawings {
  // `about` is the slide: its frame says how µm and level-0 pixels belong together.
  constructor(about, changed) {
    this.about = about;
    this.changed = changed;
    // What is drawn is of the map's class until another is chosen.
    this.classes = [...new Set([...(about.map?.classes ?? []), ...CLASSES])];
    this.regions = [];
    this.kept = []; // features without an area: they are handed back as they came
    this.version = null;
    this.selectedId = null;
    this.past = [];
    this.future = [];
    this.saved = this.regions;
  }

  get isDirty() {
    return this.regions !== this.saved;
  }

  get selected() {
    return this.regions.find((region) => region.id === this.selectedId) ?? null;
  }

  load({ features, version }) {
    const found = features.map((feature) => this.fromFeature(feature));
    this.regions = found.filter(Boolean);
    this.kept = features.filter((_, index) => !found[index]);
    this.saved = this.regions;
    this.version = version;
    this.past = [];
    this.future = [];
    this.select(null);
  }

  wasSaved(regions, version) {
    this.saved = regions;
    this.version = version;
    this.changed();
  }

  select(id) {
    this.selectedId = id;
    this.changed();
  }

  add({ polygons, name = "", className = this.classes[0] }) {
    const id = crypto.randomUUID();
    this.step([...this.regions, { id, polygons, name, className, feature: null }]);
    this.select(id);
  }

  // Take another place for one region; none where nothing of it is left.
  change(id, changes) {
    const kept = this.regions.map((region) =>
      (region.id === id ? { ...region, ...changes, changed: true } : region));
    this.step(kept.filter((region) => region.polygons.length));
  }

  remove(id) {
    this.step(this.regions.filter((region) => region.id !== id));
    if (this.selectedId === id) this.select(null);
  }

  step(regions) {
    this.past.push(this.regions);
    this.future = [];
    this.regions = regions;
    this.changed();
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.regions);
    this.regions = this.past.pop();
    this.changed();
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.regions);
    this.regions = this.future.pop();
    this.changed();
  }

  // The topmost region at a point, µm.
  at(x, y) {
    return this.regions.findLast((region) => contains(region, x, y)) ?? null;
  }

  toFeatures() {
    return [...this.regions.map((region) => this.toFeature(region)), ...this.kept];
  }

  // As it came where it was not touched; QuPath's form where it was.
  toFeature({ id, polygons, name, className, feature, changed }) {
    if (feature && !changed) return feature;
    const { origin_px: [x0, y0], px_um: [width, height] } = this.about;
    const place = ([x, y]) => [thousandths(x / width + x0), thousandths(y / height + y0)];
    const coordinates = polygons.map((rings) => rings.map((ring) => ring.map(place)));
    const properties = { ...feature?.properties, objectType: "annotation" };
    if (name) properties.name = name;
    else delete properties.name;
    if (className) properties.classification = this.classification(feature, className);
    else delete properties.classification;
    return {
      ...feature,
      type: "Feature",
      id,
      geometry: coordinates.length === 1
        ? { type: "Polygon", coordinates: coordinates[0] }
        : { type: "MultiPolygon", coordinates },
      properties,
    };
  }

  classification(feature, className) {
    const before = feature?.properties?.classification;
    return classNameOf(feature) === className && before
      ? before
      : { name: className, color: colourOf(className) };
  }

  fromFeature(feature) {
    const properties = feature.properties ?? {};
    const kind = String(properties.objectType ?? properties.object_type ?? "annotation");
    const { type, coordinates } = feature.geometry ?? {};
    if (!DRAWN.includes(kind.toLowerCase()) || !["Polygon", "MultiPolygon"].includes(type)) return null;
    const { origin_px: [x0, y0], px_um: [width, height] } = this.about;
    const place = ([x, y]) => [(x - x0) * width, (y - y0) * height];
    const polygons = (type === "Polygon" ? [coordinates] : coordinates)
      .map((rings) => rings.map((ring) => closed(ring.map(place))));
    return {
      id: typeof feature.id === "string" ? feature.id : crypto.randomUUID(),
      polygons,
      name: typeof properties.name === "string" ? properties.name : "",
      className: classNameOf(feature),
      feature,
    };
  }
}

function classNameOf(feature) {
  const given = feature?.properties?.classification;
  if (typeof given === "string") return given;
  if (typeof given?.name === "string") return given.name;
  return Array.isArray(given?.names) ? given.names.join(": ") : "";
}

function thousandths(value) {
  return Math.round(value * 1000) / 1000;
}

function closed(ring) {
  const [first, last] = [ring[0], ring.at(-1)];
  return first[0] === last[0] && first[1] === last[1] ? ring : [...ring, first];
}

// By the even-odd rule over all rings: polygons of a region do not overlap.
export function contains({ polygons }, x, y) {
  let inside = false;
  for (const rings of polygons) {
    for (const ring of rings) {
      for (let at = 1; at < ring.length; at++) {
        const [[x0, y0], [x1, y1]] = [ring[at - 1], ring[at]];
        if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside = !inside;
      }
    }
  }
  return inside;
}

export function areaMm2({ polygons }) {
  let area = 0;
  for (const rings of polygons) {
    rings.forEach((ring, index) => {
      let twice = 0;
      for (let at = 1; at < ring.length; at++) {
        twice += ring[at - 1][0] * ring[at][1] - ring[at][0] * ring[at - 1][1];
      }
      area += ((index === 0 ? 1 : -1) * Math.abs(twice)) / 2;
    });
  }
  return area / 1e6;
}

export function boxOf({ polygons }) {
  const points = polygons.flatMap((rings) => rings[0]);
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));
  const [left, top] = [least(xs), least(ys)];
  return { left, top, width: most(xs) - left, height: most(ys) - top };
}
