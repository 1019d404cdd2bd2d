// Twelve stops that tell how one wrong guess becomes a change of one number in the table of the embedding.

const tour = { at: -1 };

function startTour() {
  tour.at = 0;
  drawTour(true);
}

/** The elements that the stops point at, by name; each [step, index]. */
function tourPlaces() {
  const { recording, live } = page;
  const inputs = page.base.inputsByName();
  const named = (part, name, side = "forward") => recording.parts[part]?.[side].findLast((k) => recording.steps[k].name === name);
  const ids = inputs.get("ids");
  const all = live.value(ids).data;
  const targets = live.value(inputs.get("targets")).data;
  const blank = Math.max(targets.findIndex((id) => id >= 0), 0);
  const row = [...targets].slice(0, blank).filter((id) => id >= 0).length;
  const guess = bestGuesses().get(blank);
  const wanted = targets[blank];
  const loss = recording.parts.findLastIndex(({ op }) => /CrossEntropy/.test(op ?? ""));
  const attention = recording.parts.findIndex(({ op }) => op === "ScaledDotProductAttention");
  const at = (k, ...place) => (k === undefined ? null : [k, flatIndex(live.value(k).shape, place)]);
  const embedded = recording.parts.find(({ op }) => op === "Embedding");
  const p = attention < 0 ? undefined : named(attention, "p");
  const looked = p === undefined ? null : largestInRow(p, [0, 0, blank]);
  const table = [...inputs].find(([name]) => /embedding\.weight$/.test(name))?.[1];
  const other = looked ? looked[1] % live.value(p).shape.at(-1) : blank;
  const gradient = recording.outputs[`gradient ${recording.steps[table]?.name}`];
  const updated = recording.outputs[`updated ${recording.steps[table]?.name}`];
  const column = gradient === undefined ? 0 : largestInRow(gradient, [all[other]])[1] % live.value(gradient).shape.at(-1);
  const logits = named(loss, "logits") ?? named(loss, "z");
  const score = recording.parts[attention]?.forward.find((k) => recording.steps[k].name === "s"); // before the mask
  const dz = named(loss, "dz", "backward");
  return {
    words: { blank: pieceAt(all[blank]), wanted: pieceAt(wanted), guess: pieceAt(guess?.id), other: pieceAt(all[other]) },
    places: [
      at(ids, 0, blank),
      at(embedded?.output, 0, blank, 0),
      p === undefined ? null : at(score, 0, 0, blank, other),
      looked,
      attention < 0 ? null : at(recording.parts[attention].output, 0, 0, blank, 0),
      at(logits, row, wanted),
      guess ? [guess.k, guess.i] : null,
      [recording.outputs.loss, 0],
      at(dz, row, wanted),
      attention < 0 ? null : at(named(attention, "ds", "backward"), 0, 0, blank, other),
      gradient === undefined ? null : at(gradient, all[other], column),
      updated === undefined ? null : at(updated, all[other], column),
    ],
  };
}

function pieceAt(id) {
  return page.recording.labels.V?.[id] ?? String(id);
}

function flatIndex(shape, place) {
  const own = place.slice(Math.max(0, place.length - shape.length));
  while (own.length < shape.length) own.push(0);
  return own.reduce((sum, at, axis) => sum * shape[axis] + Math.min(at, shape[axis] - 1), 0);
}

/** The element of largest size in a row of the last axis. */
function largestInRow(k, place) {
  const { shape, data } = page.live.value(k);
  const start = flatIndex(shape, [...place.slice(-(shape.length - 1)), 0]);
  let best = start;
  for (let i = start; i < start + shape.at(-1); i++) if (Math.abs(data[i]) > Math.abs(data[best])) best = i;
  return [k, best];
}

function drawTour(moves = false) {
  const box = document.getElementById("tour");
  box.hidden = tour.at < 0;
  if (tour.at < 0) return;
  const { places, words } = tourPlaces();
  const stops = places.map((place, n) => ({ place, n })).filter(({ place }) => place);
  tour.at = Math.min(tour.at, stops.length - 1);
  const { place, n } = stops[tour.at];
  const text = say(`tour ${n + 1}`)
    .replace(/\{(\w+)\}/g, (whole, name) => (name === "value" ? brief(page.live.value(place[0]).data[place[1]]) : words[name] ?? whole));
  const go = (by) => {
    tour.at += by;
    drawTour(true);
  };
  box.replaceChildren(
    make("p", {}, make("b", {}, `${tour.at + 1} / ${stops.length}  `), text, " ", link(...place)),
    make(
      "p",
      { class: "controls" },
      make("button", { onclick: () => go(-1), disabled: tour.at === 0 }, say("back")),
      make("button", { onclick: () => go(1), disabled: tour.at === stops.length - 1, id: "next" }, say("next")),
      make("button", { onclick: () => ((tour.at = -1), drawTour()) }, say("close")),
    ),
  );
  if (moves) {
    choose(...place);
    document.getElementById("next")?.focus();
  }
}
