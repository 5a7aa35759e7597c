// How long something is: a round length, as large on the screen as it is on the slide.

const LONGEST_PX = 160;

// The length of a bar in CSS pixels, and what it stands for, at so many µm per CSS pixel.
export function scaleBar(scale) {
  const most = LONGEST_PX * scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const um = [5, 2, 1].map((step) => step * power).find((length) => length <= most * (1 + 1e-9));
  return { px: um / scale, text: lengthText(um) };
}

export function lengthText(um) {
  return um >= 1000 ? `${tidy(um / 1000)} mm` : `${tidy(um)} µm`;
}

function tidy(value) {
  return Number(value.toPrecision(3)).toString();
}

// The magnification of a microscope at which a pixel of the screen is that large: 40x is 0.25 µm.
export function magnification(scale) {
  return 10 / scale;
}

export function magnificationText(scale) {
  const power = magnification(scale);
  return `${power >= 10 ? power.toFixed(0) : Number(power.toFixed(2))}×`;
}
