// A learner's numbers beside the right ones: which entries are wrong, and of which terms they should be.

class Marks {
  constructor(recording) {
    this.right = new Map();
    for (const [k, found] of Object.entries(recording.right)) {
      const { shape } = recording.steps[k];
      const value = decoded(found.value, shape);
      const outputs = page.base.value(recording.parts[0].upstream).data.length;
      const slopes = found.slopes === undefined ? null : decoded(found.slopes, [outputs, sizeOf(shape)]);
      const own = found.own === undefined ? null : decoded(found.own, [outputs, sizeOf(shape)]);
      const constant = found.constant === undefined ? null : decoded(found.constant, shape);
      this.right.set(Number(k), { constant, value, wrong: new Set(found.wrong), slopes, own, outputs });
    }
    this.named = new Set(recording.named);
    this.findings = recording.findings;
    this.upstream = recording.parts[0].upstream;
  }

  isWrong(k, i) {
    return this.right.get(k)?.wrong.has(i) ?? false;
  }

  /** Whether the diagnosis names a step, or it is a gradient. */
  isMarked(k) {
    return this.named.has(k) || this.right.has(k);
  }

  /** The first entry that is wrong, [step, index]. */
  first() {
    for (const [k, { wrong }] of this.right) if (wrong.size) return [k, [...wrong][0]];
    return null;
  }

  /** What stands above the arrays: what is wrong, in the words of the check. */
  summary() {
    const first = this.first();
    const lines = this.findings.map((text) => make("p", { class: "finding" }, text));
    if (!first) return [make("p", {}, say(this.findings.length ? "no wrong entry" : "all right"))].concat(lines);
    return [...lines, make("p", {}, say("first wrong"), " ", link(...first))];
  }

  /**
   * For each output whose upstream goes into an entry: the own term, the right one, and what is wrong with it:
   * "missing", "foreign", a factor, or "".
   */
  terms(k, i) {
    const found = this.right.get(k);
    if (!found?.slopes || !found.own) return [];
    const g = page.base.value(this.upstream).data;
    const columns = found.value.length;
    const terms = [];
    const constant = found.constant[i];
    if (Math.abs(constant) > 1e-9) terms.push({ o: null, right: 0, own: constant, mark: say("foreign") });
    for (let o = 0; o < found.outputs; o++) {
      const right = g[o] * found.slopes[o * columns + i];
      const own = g[o] * found.own[o * columns + i];
      if (right === 0 && own === 0) continue;
      terms.push({ o, right, own, mark: this.markOf(own, right, found, g[o]) });
    }
    return terms.sort((a, b) => Math.abs(b.own - b.right) - Math.abs(a.own - a.right));
  }

  markOf(own, right, found, g) {
    found.largest ??= Math.max(...found.slopes.map(Math.abs), ...found.own.map(Math.abs));
    const floor = 1e-6 * found.largest * Math.abs(g);
    if (Math.abs(own - right) <= Math.max(floor, 1e-5 * Math.abs(right))) return "";
    if (Math.abs(own) <= floor) return say("missing");
    if (Math.abs(right) <= floor) return say("foreign");
    return say("factor", brief(own / right));
  }

  /** For the panel. */
  explain(k, i) {
    const children = [];
    if (this.named.has(k)) children.push(make("p", { class: "finding" }, this.findings[0]));
    const found = this.right.get(k);
    if (!found) return children;
    if (!found.wrong.has(i)) return [...children, make("p", {}, say("entry right"))];
    children.push(make("p", { class: "finding" }, say("right"), ` ${exact(found.value[i])}`));
    const terms = this.terms(k, i);
    if (!terms.length) return children;
    const head = make("tr", {}, make("th", {}, say("own")), make("th", {}, say("right term")), make("th", {}, ""), make("th", {}, ""));
    const rows = terms.slice(0, MOST_TERMS).map(({ o, own, right, mark }) =>
      make(
        "tr",
        { class: mark ? "wrong" : "" },
        make("td", {}, brief(own)),
        make("td", {}, brief(right)),
        make("td", {}, mark),
        make("td", {}, o === null ? say("without upstream") : link(this.upstream, o)),
      ),
    );
    return [...children, make("h3", {}, say("by output")), make("table", { class: "terms" }, make("thead", {}, head), make("tbody", {}, ...rows))];
  }
}
