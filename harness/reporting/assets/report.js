"use strict";
// Every text of a run becomes a text node: whatever it holds is shown, and nothing of it runs.

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function folded(title, fill) {
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) fill(made); });
  return made;
}

function code(lines) {
  const block = element("pre", {});
  for (const [sign, tokens] of lines) {
    const name = { "+": "line add", "-": "line cut" }[sign] || "line";
    const line = element("span", { class: name }, sign + " ");
    for (const [kind, text] of tokens) line.append(kind ? element("span", { class: kind }, text) : text);
    block.append(line);
  }
  return block;
}

function individual(run, step) {
  const one = run.individuals[step];
  const made = element("section", {}, element("h4", {}, step), element("p", {}, one.outcome));
  for (const how of one.made) made.append(element("p", {}, how + "; from " + one.of));
  for (const change of one.changes) {
    made.append(element("p", {}, "changes of " + change.segment + ":"), code(change.lines));
  }
  for (const call of one.asked) {
    made.append(folded("prompt and answer, " + call.step + ", " + call.model, (place) => {
      place.append(element("h5", {}, "prompt"), element("pre", { class: "text" }, call.prompt));
      place.append(element("h5", {}, "answer"), element("pre", { class: "text" }, call.answer));
    }));
  }
  return made;
}

function show(run, place) {
  place.append(element("h4", {}, "Front, smallest first"));
  for (const member of run.front) {
    place.append(folded(member.step + ": " + member.outcome, (inner) => {
      inner.append(element("p", {}, "Lineage from the seed network, eldest first."));
      for (const step of member.lineage) inner.append(individual(run, step));
    }));
  }
  place.append(element("h4", {}, "Refused proposals: " + run.refused.length));
  for (const step of run.refused) {
    place.append(folded(step + ": " + run.individuals[step].outcome, (inner) => {
      inner.append(individual(run, step));
    }));
  }
  place.append(folded("manifest and settings", (inner) => {
    inner.append(element("pre", { class: "text" }, run.manifest));
  }));
}

async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

for (const place of document.querySelectorAll("details[data-run]")) {
  place.addEventListener("toggle", async () => {
    if (!place.open || place.children.length > 1) return;
    const waiting = element("p", {}, "reading…");
    place.append(waiting);
    show(await unpacked(place.dataset.run), place);
    waiting.remove();
    place.dataset.ready = "yes";
  });
}
