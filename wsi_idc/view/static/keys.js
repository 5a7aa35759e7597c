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
    if (typing || sliding) return;
    const held = event.ctrlKey || event.metaKey;
    const command = commands.keys[held ? `Ctrl+${event.key.toLowerCase()}` : event.key];
    if (command) command(event);
    else if (held || event.altKey) return;
    else if (event.key in POWERS) commands.power(POWERS[event.key]);
    else if (event.key in moves) moves[event.key]();
    else return;
    event.preventDefault();
    changed();
  });
}
