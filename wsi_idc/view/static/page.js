// Small things that every part of a page needs.

export const byId = (id) => document.getElementById(id);

// The answer to a request; what the server refuses, or has no answer to, is an error.
export async function request(address, options) {
  const answer = await fetch(address, options);
  if (answer.status === 200) return answer;
  const told = await answer.json().catch(() => null);
  throw new Error(told?.error ?? `the server answered ${answer.status}`);
}

export async function getJson(address) {
  return (await request(address)).json();
}

export async function postJson(address, content) {
  const answer = await request(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  return answer.json();
}

// An element with attributes, and text or elements in it. Text is never taken for markup.
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
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
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
}
