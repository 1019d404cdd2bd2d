// The head of the page: the sentence, the loss before and after, and what can be done with all numbers at once.

const MOST_STOPS = 5; // of a change, that are named

function drawTop() {
  const { recording, live } = page;
  const { outputs } = recording;
  const top = document.getElementById("top");
  const inputs = page.base.inputsByName();
  const isStep = "loss" in outputs;
  const children = [make("div", { class: "title" }, make("h1", {}, page.data.title), ...languages(), make("span", { id: "agreement", role: "status" }, page.agreement ?? ""))];
  if (page.recordings.length > 1) children.push(recordingChoice());
  if (page.data.notes.length) children.push(make("p", { class: "of" }, page.data.notes.map((note) => say(...note)).join(" ")));
  if (page.marks) children.push(...page.marks.summary());
  if (isStep) {
    children.push(sentence(inputs));
    const names = [...inputs.keys()];
    const button = (key, action, ...given) => make("button", { onclick: action }, say(key, ...given));
    children.push(
      make(
        "p",
        { class: "controls" },
        button("tour", startTour),
        names.some((name) => /positions\.(weight|table)$/.test(name)) ? button(positionsAreOff() ? "positions on" : "positions off", togglePositions) : "",
        hasPadding(inputs) ? button(live.replaced.has(inputs.get("attention_mask")) ? "mask on" : "mask off", toggleMask) : "",
      ),
    );
    children.push(make("p", { class: "of" }, say("letters")));
  }
  top.replaceChildren(...children);
  drawState(isStep);
  drawPieces();
}

/** What is always in sight: the loss before and after, where a change stops, and the steps. */
function drawState(isStep) {
  const { live } = page;
  const state = document.getElementById("state");
  const stops = live.stops();
  state.hidden = !isStep && !stops.length;
  const button = (key, action) => make("button", { onclick: action }, say(key));
  const hasChanges = live.changes.size || live.replaced.size;
  const children = stops.length ? [stopsLine(stops)] : [];
  if (isStep) {
    children.unshift(lossLine());
    children.push(
      make(
        "p",
        { class: "controls" },
        button("one step", () => takeSteps(1)),
        button("ten steps", () => takeSteps(10)),
        hasChanges ? button("reset", reset) : "",
        page.stepsTaken ? make("span", { class: "of" }, say("after steps", page.stepsTaken)) : "",
      ),
    );
  }
  state.replaceChildren(...children);
}

/** That a change does not pass these steps, each a link to what came of it. */
function stopsLine(stops) {
  const links = stops.slice(0, MOST_STOPS).flatMap((k) => [" ", link(k, 0, `numpy.${page.recording.steps[k].options.name}`)]);
  const more = stops.length > MOST_STOPS ? ` ${say("more", stops.length - MOST_STOPS)}` : "";
  return make("p", { class: "finding", role: "status" }, say("stops"), ...links, more);
}

/** The list of the vocabulary, for the fields in which a token is typed. */
function drawPieces() {
  const pieces = page.recording.labels.V;
  if (!pieces || document.getElementById("pieces")) return;
  document.body.append(make("datalist", { id: "pieces" }, ...pieces.map((piece) => make("option", { value: piece }))));
}

function languages() {
  return Object.keys(page.words).map((language) =>
    make("button", { class: "language", lang: language, "aria-pressed": String(language === page.language), onclick: () => speak(language) }, page.words[language].language),
  );
}

function speak(language) {
  page.language = language;
  const { chosen } = page;
  drawAll();
  drawTour();
  agree();
  if (chosen) show(chosen.k, chosen.i, false);
}

function recordingChoice() {
  const options = page.recordings.map(({ title }, n) => make("option", { value: n, selected: n === page.number }, title));
  const select = make("select", { "aria-label": say("sample"), onchange: () => (history.replaceState(null, "", " "), open(Number(select.value))) }, ...options);
  return make("p", { class: "controls" }, make("label", {}, say("sample"), " ", select));
}

function hasPadding(inputs) {
  const k = inputs.get("attention_mask");
  return k !== undefined && page.base.value(k).data.includes(0);
}

function positionsAreOff() {
  return [...page.live.replaced.keys()].some((k) => /positions\.(weight|table)$/.test(page.recording.steps[k].name) && !page.live.value(k).data.some(Boolean));
}

/** The tokens that go in, each a link to its id; at those that are wanted, what the model gives and what is right. */
function sentence(inputs) {
  const { live } = page;
  const pieces = page.recording.labels.V;
  const ids = inputs.get("ids");
  const targets = live.value(inputs.get("targets")).data;
  const guesses = bestGuesses();
  const row = make("ol", { class: "sentence", "aria-label": say("sentence") });
  live.value(ids).data.forEach((id, at) => {
    const token = make("a", { href: addressOf(ids, at), class: isDifferent(id, page.base.value(ids).data[at]) ? "changed" : "" }, pieces?.[id] ?? String(id));
    const cell = make("li", {}, token);
    if (targets[at] >= 0) {
      const wanted = make("a", { href: addressOf(inputs.get("targets"), at) }, pieces?.[targets[at]] ?? String(targets[at]));
      cell.append(make("small", {}, say("wanted"), " ", wanted));
      const guess = guesses.get(at);
      if (guess) cell.append(make("small", {}, say("guessed"), " ", link(guess.k, guess.i, `${pieces?.[guess.id] ?? guess.id} ${(100 * guess.p).toFixed(1)} %`)));
    }
    row.append(cell);
  });
  return row;
}

/** For each wanted place the likeliest token, read from the probabilities in the loss. */
function bestGuesses() {
  const found = new Map();
  const k = probabilities();
  if (k === null) return found;
  const { shape, data } = page.live.value(k);
  const columns = shape.at(-1);
  const targets = page.live.value(page.base.inputsByName().get("targets")).data;
  let row = 0;
  targets.forEach((target, at) => {
    if (target < 0) return;
    let best = row * columns;
    for (let i = best; i < (row + 1) * columns; i++) if (data[i] > data[best]) best = i;
    found.set(at, { k, i: best, id: best - row * columns, p: data[best], row });
    row++;
  });
  return found;
}

/** The step that holds the probabilities of the loss. */
function probabilities() {
  const part = page.recording.parts.findLast(({ op }) => op === "LinearCrossEntropy" || op === "CrossEntropy");
  const k = part?.forward.find((step) => page.recording.steps[step].name === "p");
  return k ?? null;
}

function lossLine() {
  const { loss } = page.recording.outputs;
  const before = page.base.value(loss).data[0];
  const after = page.live.value(loss).data[0];
  const line = make("p", { class: "loss" }, `${say("loss")} `, link(loss, 0, before.toFixed(6)));
  if (!isDifferent(before, after)) return line;
  const difference = after - before;
  line.append(" → ", link(loss, 0, after.toFixed(6)), ` (${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(6)})`);
  const predicted = predictedChange();
  line.append(predicted === null ? `; ${say("not predicted")}` : `; ${say("predicted", `${predicted < 0 ? "−" : "+"}${Math.abs(predicted).toFixed(6)}`)}`);
  return line;
}

/** Σ gradient · change over all that was changed; null where something has no gradient. */
function predictedChange() {
  const { base, live, recording } = page;
  let sum = 0;
  for (const k of new Set([...live.changes.keys(), ...live.replaced.keys()])) {
    const step = recording.steps[k];
    const isState = /^(steps before|[mv] of |learning rate|weight decay)/.test(step.name ?? "");
    if (isState) continue;
    if (step.gradient == null) return null;
    const slope = base.value(step.gradient).data;
    const [old, now] = [base.value(k).data, live.value(k).data];
    for (let i = 0; i < slope.length; i++) if (now[i] !== old[i]) sum += slope[i] * (now[i] - old[i]);
  }
  return sum;
}

/** Compute every array and compare it with what Python computed, a few at a time. */
async function verify() {
  const { base, number } = page;
  const steps = base.steps.length;
  let wrong = 0;
  let last = performance.now();
  for (let k = 0; k < steps; k++) {
    if (!base.agrees(k)) wrong++;
    if (performance.now() - last > 12) {
      await new Promise((resolve) => setTimeout(resolve));
      last = performance.now();
    }
    if (page.number !== number || page.base !== base) return;
  }
  page.verified = { steps: base.steps.filter((step) => step.print).length, wrong };
  agree();
}

function agree() {
  if (!page.verified) return;
  const { steps, wrong } = page.verified;
  page.agreement = wrong ? say("differ", wrong, steps) : say("agree", steps);
  const status = document.getElementById("agreement");
  status.textContent = page.agreement;
  status.classList.toggle("wrong", wrong > 0);
}
