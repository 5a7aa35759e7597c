// What keys do. Those that a text field or a slider needs are left to it.

const STEP_PX = 110;
const POWERS = { 0: "fit", 1: 1.25, 2: 5, 3: 10, 4: 20, 5: 40 };

export function listenToKeys(camera, commands, changed) {
  const moves = {
    ArrowLeft: () => camera.panBy(STEP_PX, 0),
    ArrowRight: () => camera.panBy(-STEP_PX, 0),
    ArrowUp: () => camera.panBy(0, STEP_PX),
    ArrowDown: () => camera.panBy(0, -STEP_PX),
    "+": () => camera.zoomAt(1 / 1.5, camera.freeMiddle),
    "=": () => camera.zoomAt(1 / 1.5, camera.freeMiddle),
    "-": () => camera.zoomAt(1.5, camera.freeMiddle),
    "[": () => camera.turnBy(-Math.PI / 36),
    "]": () => camera.turnBy(Math.PI / 36),
    r: () => camera.turnBy(Math.PI / 2),
    R: () => camera.turnBy(-Math.PI / 2),
    n: () => camera.turnTo(0),
    Home: () => commands.power("fit"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select");
    const sliding = event.target.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(event.key);
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key.toLowerCase() === "s") document.activeElement?.blur(); // takes what was typed
    else if (typing || sliding) return;
    const key = event.shiftKey ? event.key : withoutCapsLock(event.key);
    const command = commands.keys[held ? `Ctrl+${event.key.toLowerCase()}` : key];
    if (command) command(event);
    else if (held || event.altKey) return;
    else if (key in POWERS) commands.power(POWERS[key]);
    else if (key in moves) moves[key]();
    else return;
    event.preventDefault();
    changed();
  });
}

function withoutCapsLock(key) {
  return key.length === 1 ? key.toLowerCase() : key;
}
