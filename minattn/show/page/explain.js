// The panel: what the chosen number is, what made it, where it goes, what its gradient is, and how to change it.

const MOST_TERMS = 20;

/** A link to an element of a step, under the name that it has in a part. */
function link(k, i, text, part) {
  const step = page.recording.steps[k];
  if (step.f === "number") return make("span", {}, text ?? brief(page.live.value(k).data[0]));
  const again = () => location.hash === addressOf(k, i) && show(k, i, true); // a link to what is chosen already
  return make("a", { href: addressOf(k, i), "data-k": k, "data-i": i, onclick: again }, text ?? elementName(k, i, part));
}

function addressOf(k, i) {
  return `#${page.recordings.length > 1 ? `r${page.number}.` : ""}s${k}.${i}`;
}

function isSummed(k) {
  return page.recording.steps[k].name === "summed gradient";
}

/** Where a step stands, if that is in another part than the chosen number: for lists of names that are alike. */
function whereOf(k) {
  const part = page.recording.parts[page.recording.steps[k].part];
  const own = page.recording.parts[page.recording.steps[page.chosen.k].part];
  if (!part || part === own) return "";
  return make("small", { class: "of" }, ` ${part.where.split(".").slice(-2).join(".") || part.title}`);
}

/** The terms of an element, the largest first. */
function termsOf(replay, k, i) {
  const terms = [];
  const isMade = replay.terms(k, i, (value, places, note) => terms.push({ value, places, note }));
  for (let at; (at = terms.findIndex((term) => isSummed(k) && term.places.length === 1 && isSummed(term.places[0][0]))) >= 0; ) {
    const [[s, j]] = terms.splice(at, 1)[0].places; // gradients that meet are one sum
    replay.terms(s, j, (value, places, note) => terms.push({ value, places, note }));
  }
  return isMade ? largestFirst(terms) : null;
}

/** The terms that are shown in order, then the others: a norm has one for each number of the model. */
function largestFirst(terms) {
  const smallest = Float64Array.from(terms, ({ value }) => Math.abs(value)).sort().at(-MOST_TERMS);
  const isOther = ({ value }) => Math.abs(value) < smallest;
  const shown = terms.filter((term) => !isOther(term)).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  return shown.concat(terms.filter(isOther));
}

function explain() {
  const panel = document.getElementById("panel");
  if (!page.chosen) {
    panel.replaceChildren(make("p", { class: "hint" }, say("choose")), make("p", { class: "hint" }, say("keys")));
    return;
  }
  const { k, i } = page.chosen;
  const x = page.live.value(k).data[i];
  const old = page.base.value(k).data[i];
  const terms = termsOf(page.live, k, i);
  panel.replaceChildren(
    make("h2", {}, elementName(k, i)),
    make("p", { class: "value" }, `= ${exact(x)}`),
    ...(isDifferent(x, old) ? [make("p", { class: "was" }, say("was", exact(old)))] : []),
    ...explainSource(k),
    ...explainTerms(k, i, terms),
    ...(x === 0 && page.recording.steps[k].back && terms?.every(({ value }) => value === 0) ? [make("p", {}, say("zero"))] : []),
    ...(page.marks?.explain(k, i) ?? []),
    ...explainGradient(k, i),
    ...explainUses(k, i),
    ...explainChange(k, i),
  );
}

/** The line of the derivation and the line of code. */
function explainSource(k) {
  const step = page.recording.steps[k];
  if (step.at == null) return [make("p", { class: "source" }, say(step.f === "opaque" ? "opaque" : "input", step.options?.name))];
  const [number, first, last, start, end, text] = page.recording.places[step.at];
  const source = page.recording.functions[number];
  const lines = source.lines.slice(first - source.first, last - source.first + 1);
  const found = [];
  const derived = derivationLines(k);
  if (derived.length) found.push(make("pre", { class: "derivation" }, ...derived.map((line) => `${line}\n`)));
  const code = make("pre", { class: "code" });
  lines.forEach((line, row) => {
    const isFirst = row === 0;
    const isLast = row === lines.length - 1;
    const from = isFirst ? codePoints(line, start) : 0;
    const to = isLast ? codePoints(line, end) : line.length;
    const indent = isFirst ? line.length - line.trimStart().length : Math.min(8, line.length - line.trimStart().length);
    code.append(line.slice(indent, from), make("mark", {}, line.slice(Math.max(from, indent), to)), line.slice(to), "\n");
  });
  const made = text === source.name ? "" : ` · ${source.name}`;
  found.push(code, make("p", { class: "source" }, `${source.file}:${first}${made}`));
  return found;
}

/** How many characters the first so many bytes of a line are. */
function codePoints(line, bytes) {
  return new TextDecoder().decode(new TextEncoder().encode(line).slice(0, bytes)).length;
}

/** The lines of the docstring that a step writes out. */
function derivationLines(k) {
  const step = page.recording.steps[k];
  const { op, lines } = markedOf(step);
  return lines.map((at) => page.recording.parts[step.part].docs[op][at].trim());
}

/** The op whose derivation a step's line belongs to, and which lines of that it writes out. */
function markedOf(step) {
  const part = page.recording.parts[step.part];
  if (!part?.docs || step.at == null) return { op: null, lines: [] };
  const [number, first] = page.recording.places[step.at];
  const source = page.recording.functions[number];
  const isHelper = !source.name.includes(".") && source.file.startsWith("minattn/ops/");
  const op = isHelper ? part.op : source.name.split(".")[0];
  if (!part.docs[op] || !part.op) return { op: null, lines: [] };
  return { op, lines: markedLines(part.docs[op], step.back ? "backward" : "forward", source.numbers[first - source.first]) };
}

/** Which lines of a docstring have a number, under forward or backward; all of these where the code has no numbers. */
function markedLines(doc, side, number) {
  const found = [];
  let current = "";
  let own = "";
  doc.forEach((line, at) => {
    const start = line.match(/^(forward|backward)\b\s*/);
    if (start) [current, own] = [start[1], ""];
    else if (line.trim() === "" || (!line.startsWith(" ") && current)) current = line.trim() === "" ? current : "";
    if (current !== side || line.trim() === "") return;
    const numbered = line.replace(/^(forward|backward)/, "").match(/^\s+(\d)\s/);
    if (numbered) own = numbered[1];
    if (own === number || (number === "" && own === "")) found.push(at);
  });
  return found;
}

function explainTerms(k, i, terms) {
  if (!terms) return [];
  const step = page.recording.steps[k];
  const formula = ELEMENTWISE[step.f]?.text;
  const found = [];
  if (formula && terms.length === 1 && step.f !== "astype" && step.f !== "where") {
    const places = terms[0].places;
    const own = page.recording.parts[step.part];
    const parts = formula.split(/(\{\d\})/).map((part) => {
      const at = part.match(/^\{(\d)\}$/);
      return at ? link(...places[at[1]], null, own) : part;
    });
    const numbers = formula.replace(/\{(\d)\}/g, (_, p) => {
      const [s, at] = places[p];
      const x = page.live.value(s).data[at];
      return x < 0 ? `(${brief(x)})` : brief(x);
    });
    found.push(make("p", { class: "formula" }, "= ", ...parts), make("p", { class: "formula" }, `= ${numbers}`));
    return [make("h3", {}, say("made of")), ...found];
  }
  const body = make("tbody");
  for (const term of terms.slice(0, MOST_TERMS)) body.append(termRow(term, page.recording.parts[step.part]));
  if (terms.length > MOST_TERMS) {
    const rest = terms.slice(MOST_TERMS).reduce((sum, term) => sum + term.value, 0);
    body.append(make("tr", {}, make("td", {}, brief(rest)), make("td", {}, say("rest", terms.length - MOST_TERMS))));
  }
  const title = terms.length === 1 ? say("made of") : say("sum of", terms.length);
  return [make("h3", {}, title), make("table", { class: "terms" }, body)];
}

function termRow({ value, places, note }, part) {
  const factors = places.flatMap(([s, at], p) => {
    const x = page.live.value(s).data[at];
    return [p ? " · " : "", link(s, at, null, part), places.length > 1 ? ` ${brief(x)}` : "", whereOf(s)];
  });
  return make("tr", {}, make("td", {}, brief(value)), make("td", {}, ...factors, note ? ` ${note}` : ""));
}

function explainGradient(k, i) {
  const { recording } = page;
  const step = recording.steps[k];
  if (step.gradient != null) {
    const slope = page.live.value(step.gradient).data[i];
    if (slope !== undefined) {
      return [
        make("h3", {}, say("gradient")),
        make("p", {}, say("slope", exact(slope)), " ", link(step.gradient, i)),
      ];
    }
  }
  const of = recording.gradientOf.get(k);
  if (of === undefined) return [];
  return [make("h3", {}, say("gradient of")), make("p", {}, link(of, i), ` = ${brief(page.live.value(of).data[i])}`)];
}

function explainUses(k, i) {
  const uses = [];
  let count = 0;
  page.live.uses(k, i, (consumer, j) => {
    count++;
    if (uses.length < MOST_TERMS) uses.push(make("li", {}, link(consumer, j), ` = ${brief(page.live.value(consumer).data[j])}`, whereOf(consumer)));
  });
  if (!count) return [];
  const more = count > uses.length ? [make("li", {}, say("more", count - uses.length))] : [];
  return [make("h3", {}, say("goes into", count)), make("ul", { class: "uses" }, ...uses, ...more)];
}

/** Controls that change the chosen number. */
function explainChange(k, i) {
  const step = page.recording.steps[k];
  if (step.f === "number") return [];
  const x = page.live.value(k).data[i];
  const found = [make("h3", {}, say("change"))];
  const pieces = page.recording.labels.V;
  if (step.name === "ids" && pieces) found.push(...tokenControls(k, i, pieces));
  else if (step.name === "targets" && pieces && x >= 0) found.push(pieceInput(k, i, pieces));
  else if (step.kind === "b") found.push(make("button", { onclick: () => change(k, i, x ? 0 : 1) }, say(x ? "off" : "on")));
  else if (step.kind === "i") return [];
  else found.push(...numberControls(k, i, x));
  if (page.live.changes.get(k)?.has(i)) found.push(make("button", { onclick: () => change(k, i, null) }, say("undo")));
  return found;
}

function numberControls(k, i, x) {
  const old = page.base.value(k).data[i];
  const reach = Math.max(1, 2 * Math.abs(old)) || 1;
  const input = make("input", { inputmode: "decimal", value: x, "aria-label": say("value"), id: "number" });
  const slider = make("input", { type: "range", min: old - reach, max: old + reach, step: reach / 200, value: x });
  slider.setAttribute("aria-label", say("drag"));
  input.addEventListener("change", () => {
    const number = typed(input.value);
    input.setCustomValidity(Number.isNaN(number) ? say("not a number") : "");
    if (!input.reportValidity()) return;
    change(k, i, number);
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
  slider.addEventListener("input", () => {
    input.value = slider.value;
    change(k, i, Number(slider.value), true);
  });
  return [make("p", { class: "controls" }, input, slider)];
}

function pieceInput(k, i, pieces) {
  const input = make("input", { list: "pieces", value: pieces[page.live.value(k).data[i]] ?? "", "aria-label": say("token") });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("change", () => {
    const id = pieces.indexOf(input.value);
    if (id >= 0) change(k, i, id);
    else input.setCustomValidity(say("unknown"));
    input.reportValidity();
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
  return make("p", { class: "controls" }, input);
}

function tokenControls(k, i, pieces) {
  const { data } = page.live.value(k);
  const swap = (other) => changeSeveral(k, [[i, data[other]], [other, data[i]]]);
  const blank = pieces.indexOf("[MASK]");
  const buttons = [
    blank >= 0 && data[i] !== blank && make("button", { onclick: () => change(k, i, blank) }, say("blank")),
    i > 0 && make("button", { onclick: () => swap(i - 1) }, say("swap left")),
    i + 1 < data.length && make("button", { onclick: () => swap(i + 1) }, say("swap right")),
  ];
  return [pieceInput(k, i, pieces), make("p", { class: "controls" }, ...buttons.filter(Boolean))];
}
