// What the page says, in both languages, and how it writes numbers.

/** The sentence of a key in the reader's language, with {0}, {1}, … filled in. */
function say(key, ...given) {
  const text = page.words[page.language][key] ?? page.words.en[key] ?? key;
  return text.replace(/\{(\d)\}/g, (_, i) => given[i]);
}

/** A number in few digits, for a cell. */
function brief(x) {
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return x === Infinity ? "∞" : x === -Infinity ? "−∞" : "NaN";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e5) return minus(String(x));
  if (size >= 1e4 || size < 1e-3) return minus(x.toExponential(1));
  return minus(x.toPrecision(size >= 1 ? 4 : 3));
}

/** A number as a reader types it, with either minus; NaN for anything else. */
function typed(text) {
  const plain = text.trim().replace("−", "-");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/** A number in as many digits as it takes to see a difference. */
function exact(x) {
  return Number.isFinite(x) ? minus(String(Number(x.toPrecision(12)))) : brief(x);
}

function minus(text) {
  return text.replace("-", "−").replace("e-", "e−").replace("e+", "e");
}

/** An element with text and children: make("p", {class: "note"}, "text", child). Text is never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

/** What stands at a place of an axis: a token, or its number. */
function axisLabel(letter, at) {
  const { recording } = page;
  if (letter === "T" && recording.ids !== undefined && recording.labels.V) {
    return recording.labels.V[page.live.value(recording.ids).data[at]] ?? String(at); // as it reads now
  }
  const labels = recording.labels[letter];
  return labels ? labels[at] ?? String(at) : String(at);
}

/** What a step is called: by the code, or by the expression that it is; by a part, where it is given to that. */
function nameOf(k, part) {
  const step = page.recording.steps[k];
  const given = part && Object.entries(part.inputs).find(([, input]) => input === k);
  if (given) return given[0]; // as the op that it goes into calls it
  if (step.name) return step.name;
  if (step.f === "number") return brief(page.live.value(k).data[0]);
  if (step.f === "transpose") return `${nameOf(step.of[0], part)}ᵀ`;
  if (step.f === "reshape" || step.f === "broadcast_to") return nameOf(step.of[0], part);
  if (step.f === "vdot") return `|${nameOf(step.of[0])}|²`;
  const place = step.at == null ? null : page.recording.places[step.at];
  return place ? place[5] : say("constant");
}

/** The element of a step as a reader would write it: s[head 0, old, cat]. */
function elementName(k, i, part) {
  const step = page.recording.steps[k];
  const { shape } = page.live.value(k);
  const place = coordinatesOf(i, shape);
  const written = place
    .map((at, axis) => (shape[axis] === 1 ? "" : axisLabel(step.axes?.[axis], at)))
    .filter((text) => text !== "");
  const name = nameOf(k, part);
  const isPlain = step.name || /^[\w.ᵀ]+$/u.test(name);
  return (isPlain ? name : `(${name})`) + (written.length ? `[${written.join(", ")}]` : "");
}
