// Small things that every part of a page needs.

export const byId = (id) => document.getElementById(id);

export async function getJson(address) {
  const answer = await fetch(address);
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(content?.error ?? `the server answered ${answer.status}`);
  return content;
}

export async function postJson(address, content) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const told = await answer.json().catch(() => null);
  if (!answer.ok) {
    const error = new Error(told?.error ?? `the server answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return told;
}

// An element with attributes, and text or elements in it. Text is never taken for markup.
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

let clearing = 0;

export function say(message, lasts = 3500) {
  const toast = byId("toast");
  toast.textContent = message;
  toast.classList.add("on");
  clearTimeout(clearing);
  clearing = setTimeout(() => toast.classList.remove("on"), lasts);
}

// Call it as often as you like: it runs once, that long after the last call.
export function later(run, ms) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), ms);
  };
}
