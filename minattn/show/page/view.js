// The page: sections from text to loss, a card for each op, its arrays forward and backward, and what is chosen.

const page = {
  words: {}, // by language
  language: "en",
  recordings: [],
  number: 0, // of the recording that is shown
  recording: null,
  base: null, // its numbers as they were recorded
  live: null, // and as they are with what the reader changed
  chosen: null, // {k, i}
  related: new Set(), // "k.i" of what the chosen number is made of
  grids: new Map(), // step -> Grid, of those that are drawn
  marks: null, // where a learner's numbers are wrong
  stepsTaken: 0,
  depth: -1, // how many numbers were chosen before this one
};

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  page.words = data.words;
  page.language = data.language;
  page.recordings = data.recordings;
  page.data = data;
  window.addEventListener("hashchange", followAddress);
  window.addEventListener("beforeprint", printAll);
  window.addEventListener("afterprint", refreshGrids);
  window.addEventListener("resize", () => page.grids.forEach((grid) => grid.isSeen && (grid.look(), grid.draw())));
  document.addEventListener("keydown", onKey);
  open(0);
  followAddress();
}

/** Open and draw everything, for paper. */
function printAll() {
  for (const section of document.querySelectorAll("#parts details.section")) {
    section.fill();
    section.open = true;
  }
  document.querySelectorAll("#parts article").forEach((article) => article.fill());
  page.grids.forEach((grid) => grid.print());
}

/** Show one of the recordings. */
function open(number) {
  page.number = number;
  page.recording = page.recordings[number];
  const { recording } = page;
  page.base = new Replay(recording);
  page.live = new Replay(recording, page.base);
  page.chosen = null;
  page.stepsTaken = 0;
  page.verified = null;
  recording.gradientOf ??= new Map(recording.steps.flatMap((step, k) => (step.gradient == null ? [] : [[step.gradient, k]])));
  const inputs = page.base.inputsByName();
  recording.ids = inputs.get("ids");
  page.marks = recording.right ? new Marks(recording) : null;
  drawAll();
  verify();
}

function drawAll() {
  document.documentElement.lang = page.language;
  document.querySelector(".skip").textContent = say("skip");
  page.grids.clear();
  drawTop();
  drawParts();
  explain();
}

// --- sections and cards

/** The parts by the first words of where they stand: embedding, blocks.0, … */
function sections() {
  const found = new Map();
  page.recording.parts.forEach((part, n) => {
    const words = part.where.split(".");
    let key = words[0] === "blocks" ? words.slice(0, 2).join(".") : words[0];
    if (!part.op && /^(clip|sum of gradients)/.test(part.title)) key = "gradients";
    else if (!part.op && part.title !== "prepared") key = "update";
    else if (part.title === "prepared" && key === "") key = "text";
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(n);
  });
  return found;
}

function sectionTitle(key) {
  const [name, number] = key.split(".");
  return name === "blocks" ? say("section blocks", Number(number) + 1) : say(`section ${name}`);
}

function drawParts() {
  const main = document.getElementById("parts");
  const groups = (page.sections = sections());
  const seen = new Set();
  page.partOf = new Map(); // step -> the part whose card shows it
  page.recording.parts.forEach((part, n) => {
    for (const k of [...Object.values(part.inputs), ...part.forward, ...part.backward]) {
      const isOwn = page.recording.steps[k].part === n;
      if (isOwn || (page.recording.steps[k].f === "input" && !seen.has(k))) page.partOf.set(k, n), seen.add(k);
    }
  });
  page.recording.steps.forEach((step, k) => {
    if ("data" in step || page.partOf.has(k)) {
      if (!page.partOf.has(k)) page.partOf.set(k, partThatUses(k));
    }
  });
  if (groups.size === 1) return main.replaceChildren(...page.recording.parts.map((_, n) => card(n)));
  main.replaceChildren(
    ...[...groups].map(([key, numbers]) => {
      const body = make("div", { class: "cards" });
      const fill = () => body.childElementCount || body.append(contents(numbers), ...numbers.map((n) => card(n)));
      const section = make("details", { class: "section", "data-section": key }, make("summary", {}, make("h2", {}, sectionTitle(key)), make("span", { class: "of" }, sectionNote(numbers))), body);
      section.addEventListener("toggle", () => section.open && fill());
      section.fill = fill;
      return section;
    }),
  );
  const first = main.querySelector("details");
  if (first) first.open = true;
}

function partThatUses(k) {
  const consumer = page.base.consumers[k][0];
  return consumer === undefined ? 0 : page.recording.steps[consumer].part ?? 0;
}

function sectionNote(numbers) {
  const titles = [...new Set(numbers.map((n) => page.recording.parts[n]).filter((part) => part.op).map((part) => part.title))];
  return titles.slice(0, 6).join(", ");
}

/** Links to the cards of a section. */
function contents(numbers) {
  if (numbers.length < 5) return "";
  const links = numbers.map((n) => {
    const { title, where } = page.recording.parts[n];
    const name = title === "prepared" ? say("prepared") : title;
    const lead = (event) => {
      event.preventDefault();
      document.getElementById(`part${n}`).scrollIntoView();
    };
    return make("a", { href: `#part${n}`, onclick: lead }, `${name} ${where.split(".").at(-1)}`);
  });
  return make("nav", { class: "contents" }, ...links);
}

/** The card of a part: its title, and the rest when it comes near the window or is filled. */
function card(n) {
  const part = page.recording.parts[n];
  const head = make("h3", { id: `part${n}` }, part.title === "prepared" ? say("prepared") : part.title);
  if (part.where) head.append(" ", make("code", {}, part.where));
  if (part.options) head.append(" ", make("span", { class: "of" }, part.options));
  const article = make("article", { class: "card", "data-part": n }, head);
  article.fill = () => {
    article.fill = () => {};
    article.append(derivation(n), directions(n));
  };
  watch(article, (isSeen) => isSeen && article.fill());
  return article;
}

/** Both directions of a part, side by side. */
function directions(n) {
  const part = page.recording.parts[n];
  const inputs = [...page.partOf].filter(([k, own]) => own === n && page.recording.steps[k].f === "input").map(([k]) => k);
  const given = Object.entries(part.inputs ?? {}).filter(([, k]) => page.partOf.get(k) !== n);
  const forward = make(
    "div",
    { class: "forward" },
    make("h4", {}, say(part.op || part.backward.length ? "forward" : "steps")),
    ...given.map(([name, k]) => make("p", { class: "given" }, `${name} = `, link(k, 0, givenName(k)))),
    ...inputs.filter((k) => !isForBackward(k)).map((k) => arrayItem(k)),
    ...column(part.forward),
  );
  const backward = make("div", { class: "backward" }, make("h4", {}, say("backward")));
  const upstream = part.upstream;
  if (upstream != null && !part.backward.includes(upstream) && !inputs.includes(upstream)) {
    backward.append(make("p", { class: "given" }, "g = ", link(upstream, 0, givenName(upstream))));
  }
  backward.append(...inputs.filter(isForBackward).map((k) => arrayItem(k)), ...column(part.backward));
  const two = make("div", { class: "two" }, ...(part.forward.length || inputs.length || given.length ? [forward] : []));
  if (part.backward.length) two.append(backward);
  return two;
}

/** Whether the first to use an input goes backward. */
function isForBackward(k) {
  const first = page.base.consumers[k][0];
  return first !== undefined && page.recording.steps[first].back === 1;
}

/** What a step is called in another card: its name and where it stands. */
function givenName(k) {
  let part = page.recording.parts[page.partOf.get(k)];
  while (part && (part.op === "Transpose" || part.op === "Reshape") && part.inputs.x !== undefined) {
    part = page.recording.parts[page.partOf.get(part.inputs.x)]; // whose numbers these are
  }
  return part ? `${nameOf(k)} · ${part.where || part.title}` : nameOf(k);
}

function derivation(n) {
  const { docs = {} } = page.recording.parts[n];
  const found = Object.entries(docs).map(([op, doc]) => {
    const lines = doc.map((line, at) => make("span", { class: "line", "data-line": `${op} ${at}` }, `${line}\n`));
    return make("details", { class: "doc", open: true }, make("summary", {}, doc[0]), make("pre", {}, ...lines.slice(1)));
  });
  return make("div", {}, ...found);
}

/** The arrays of one direction: those that have a name are shown, what lies between them is folded. */
function column(steps) {
  const found = [];
  let between = [];
  const fold = () => {
    if (!between.length) return;
    const own = between;
    between = [];
    const details = make("details", { class: "between" }, make("summary", {}, own.length === 1 ? say("between one") : say("between", own.length)));
    const fill = () => details.childElementCount > 1 || details.append(...own.map((k) => arrayItem(k)));
    details.addEventListener("toggle", () => details.open && fill());
    details.fill = fill;
    details.dataset.steps = ` ${own.join(" ")} `;
    found.push(details);
  };
  const main = mainFunction(steps);
  for (const k of steps) {
    const step = page.recording.steps[k];
    const place = step.at == null ? null : page.recording.places[step.at];
    const isShown = step.name && (place === null || place[0] === main || page.recording.functions[place[0]].lines.length < 25);
    if (isShown || page.marks?.isMarked(k)) {
      fold();
      found.push(arrayItem(k));
    } else between.push(k);
  }
  fold();
  return found;
}

/** The function of which most of the steps are lines. */
function mainFunction(steps) {
  const last = steps.findLast((k) => page.recording.steps[k].at != null);
  return last === undefined ? null : page.recording.places[page.recording.steps[last].at][0];
}

function arrayItem(k) {
  const step = page.recording.steps[k];
  const place = step.at == null ? null : page.recording.places[step.at];
  const shape = step.shape.map((n, axis) => `${step.axes?.[axis] ? `${step.axes[axis]} ` : ""}${n}`).join(" × ");
  const title = make("h5", {}, make("a", { href: addressOf(k, 0), class: "name" }, step.name ?? ""));
  if (place) title.append(" ", make("code", {}, step.name ? `= ${place[5]}` : place[5]));
  else if (!step.name) title.append(say("constant"));
  title.append(" ", make("span", { class: "of" }, shape || say("one number")));
  const item = make("section", { class: page.marks?.named.has(k) ? "array named" : "array", "data-array": k }, title);
  if (!sizeOf(step.shape)) return item;
  const grid = new Grid(k);
  page.grids.set(k, grid);
  item.append(grid.element);
  return item;
}

/** Call tell(true, …) when the element comes near the window, tell(false, …) when it is not, with where it is. */
function watch(element, tell) {
  page.observer ??= new IntersectionObserver(
    (entries) => entries.forEach(({ isIntersecting, target, boundingClientRect }) => target.tell(isIntersecting, boundingClientRect)),
    { rootMargin: "300px" },
  );
  element.tell = tell;
  page.observer.observe(element);
}

/** Open whatever hides an array, and draw it. */
function reveal(k) {
  const main = document.getElementById("parts");
  const n = page.partOf.get(k);
  for (const section of main.querySelectorAll("details.section")) {
    if (!page.sections.get(section.dataset.section)?.includes(n)) continue;
    section.fill();
    section.open = true;
  }
  const cardElement = main.querySelector(`article[data-part="${n}"]`);
  cardElement?.fill();
  main.querySelector(".card.current")?.classList.remove("current");
  cardElement?.classList.add("current");
  for (const fold of cardElement?.querySelectorAll("details.between") ?? []) {
    if (fold.dataset.steps.includes(` ${k} `)) {
      fold.fill();
      fold.open = true;
    }
  }
  return main.querySelector(`[data-array="${k}"]`);
}

// --- choosing

function choose(k, i) {
  const address = addressOf(k, i);
  if (location.hash === address) show(k, i, true);
  else location.hash = address;
}

function followAddress() {
  const match = location.hash.match(/^#(?:r(\d+)\.)?s(\d+)\.(\d+)$/);
  if (!match) return;
  const [, recording, k, i] = match.map((text) => Number(text ?? 0));
  if (recording !== page.number && page.recordings[recording]) open(recording);
  if (!page.recording.steps[k] || i >= page.live.value(k).data.length) return;
  page.depth++;
  show(k, i, true);
}

function show(k, i, focus) {
  const marked = new Set([k, page.chosen?.k, ...[...page.related].map((name) => Number(name.split(".")[0]))]);
  page.chosen = { k, i };
  page.related = new Set();
  page.live.terms(k, i, (_, places) => places.forEach(([s, at]) => page.related.add(`${s}.${at}`)));
  const item = reveal(k);
  explain();
  markDerivation(k);
  for (const name of page.related) marked.add(Number(name.split(".")[0]));
  for (const step of marked) page.grids.get(step)?.mark();
  const grid = page.grids.get(k);
  if (!grid) return;
  grid.show(i, focus && !document.activeElement?.closest("aside"));
  bringIntoView(item);
  for (const later of [120, 400]) setTimeout(() => page.chosen?.k === k && bringIntoView(item), later); // when all is drawn
}

function bringIntoView(item) {
  const { top, bottom } = item.getBoundingClientRect();
  const limit = document.querySelector("aside").getBoundingClientRect();
  const below = limit.top > 100 ? limit.top : window.innerHeight;
  if (top < 60 || bottom > below) item.scrollIntoView();
}

function markDerivation(k) {
  document.querySelectorAll(".line.marked").forEach((line) => line.classList.remove("marked"));
  const step = page.recording.steps[k];
  const { op, lines } = markedOf(step);
  const cardElement = document.querySelector(`[data-part="${step.part}"]`);
  for (const at of lines) cardElement?.querySelector(`[data-line="${op} ${at}"]`)?.classList.add("marked");
}

function refreshGrids() {
  for (const [k, grid] of page.grids) {
    if (!grid.element.isConnected) page.grids.delete(k);
    else grid.refresh();
  }
}

function onKey(event) {
  if (event.target.matches("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  const { chosen } = page;
  if (event.key === "Backspace") {
    event.preventDefault();
    if (page.depth > 0) {
      page.depth -= 2; // one for this, and one that following the address adds
      history.back();
    }
  } else if (event.key === "i") {
    document.getElementById("panel").focus();
  } else if (event.key === "Escape" && chosen) {
    show(chosen.k, chosen.i, false);
    page.grids.get(chosen.k)?.show(chosen.i, true);
  } else if (chosen && event.key === "Enter" && !event.target.matches("a, button, summary")) {
    const best = largestFactor(chosen);
    if (best) choose(...best);
    else if (!document.querySelector(".end")) document.getElementById("panel").append(make("p", { class: "end" }, say("end")));
  } else if (chosen && event.key.startsWith("Arrow") && event.target.closest(".grid, body") && !event.target.closest("aside")) {
    const { shape, data } = page.live.value(chosen.k);
    const columns = shape.at(-1) ?? 1;
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = chosen.i + move;
    event.preventDefault();
    if (next >= 0 && next < data.length) choose(chosen.k, next);
  }
}

/** Of the largest term the factor to follow: of a gradient the gradient, else what was computed rather than given. */
function largestFactor({ k, i }) {
  const { steps } = page.recording;
  const places = termsOf(page.live, k, i)?.[0]?.places.filter(([s]) => steps[s].f !== "number") ?? [];
  const rank = ([s]) => (steps[k].back && steps[s].back ? 2 : 0) + ("data" in steps[s] ? 0 : 1);
  return places.sort((a, b) => rank(b) - rank(a))[0];
}

// --- changing

/** Set a number, or with null take the change back. */
function change(k, i, number, isDragged = false) {
  if (number === null) page.live.unset(k, i);
  else page.live.set(k, i, number);
  changed(isDragged);
}

function changeSeveral(k, pairs) {
  for (const [i, number] of pairs) page.live.set(k, i, number);
  changed();
}

function changed(keepsPanel = false) {
  drawTop();
  drawTour();
  refreshGrids();
  if (!keepsPanel) explain();
}

/** Put zeros in the place of whatever says where a token stands, or take them away again. */
function togglePositions() {
  const inputs = [...page.base.inputsByName()].filter(([name]) => /positions\.(weight|table)$/.test(name));
  const isOff = inputs.some(([, k]) => page.live.replaced.has(k));
  for (const [, k] of inputs) {
    if (isOff) page.live.replaced.delete(k);
    else page.live.replaced.set(k, new Float64Array(sizeOf(page.recording.steps[k].shape)));
  }
  page.live.forget();
  changed();
}

/** Let every token look at padding too, or forbid it again. */
function toggleMask() {
  const k = page.base.inputsByName().get("attention_mask");
  if (page.live.replaced.has(k)) page.live.replaced.delete(k);
  else page.live.replaced.set(k, new Float64Array(sizeOf(page.recording.steps[k].shape)).fill(1));
  page.live.forget();
  changed();
}

async function takeSteps(count) {
  for (let n = 0; n < count; n++) {
    document.querySelector("#state .loss").append(` ${say("computing")}`);
    await new Promise((resolve) => setTimeout(resolve, 20)); // so that this is seen
    page.live.nextStep();
    page.stepsTaken++;
    drawTop();
  }
  changed();
}

function reset() {
  page.live.reset();
  page.stepsTaken = 0;
  changed();
}
