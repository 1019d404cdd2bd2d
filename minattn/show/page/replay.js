// The recording, run again from its inputs. What is changed is computed anew, as far as it is asked for.

class Replay {
  /** @param data what minattn/show/page_data.py writes */
  constructor(data, before = null) {
    this.data = data;
    this.steps = data.steps;
    this.before = before; // the same without changes
    this.values = new Array(this.steps.length);
    this.changes = new Map(); // step -> Map(index -> number)
    this.replaced = new Map(); // step -> the numbers that stand in the place of its own
    this.isAffected = null; // for each step whether a change reaches it
    if (before) {
      this.consumers = before.consumers;
      return;
    }
    this.consumers = this.steps.map(() => []);
    this.steps.forEach((step, k) => {
      step.isBoolean = (step.of ?? []).map((operand) => this.steps[operand].kind === "b");
      new Set(step.of ?? []).forEach((operand) => this.consumers[operand].push(k));
    });
  }

  /** The numbers of a step, {shape, data}. */
  value(k) {
    if (this.before && !this.isChanged(k)) return this.before.value(k);
    const waiting = [k];
    while (waiting.length) {
      const next = waiting.at(-1);
      const missing = this.values[next] ? [] : (this.steps[next].of ?? []).filter((operand) => !this.has(operand));
      if (missing.length) waiting.push(...missing);
      else {
        this.values[next] ??= this.computed(next);
        waiting.pop();
      }
    }
    return this.values[k];
  }

  has(k) {
    return Boolean(this.before && !this.isChanged(k) ? this.before.value(k) : this.values[k]);
  }

  computed(k) {
    const step = this.steps[k];
    let result;
    if (this.replaced.has(k)) result = { shape: step.shape, data: this.replaced.get(k) };
    else if ("data" in step && this.before) result = this.before.value(k);
    else if ("data" in step) result = { shape: step.shape, data: decoded(step.data, step.shape) };
    else result = FUNCTIONS[step.f].run(step, this.operands(k));
    if (this.changes.has(k)) {
      result = { shape: result.shape, data: result.data.slice() };
      this.changes.get(k).forEach((number, i) => (result.data[i] = number));
    }
    return result;
  }

  operands(k) {
    return (this.steps[k].of ?? []).map((operand) => this.value(operand));
  }

  /** Calls tell(value, [[step, index], …], note) for each term of an element; none where it is an input or was set. */
  terms(k, i, tell) {
    const step = this.steps[k];
    if ("data" in step || this.changes.get(k)?.has(i)) return false;
    const give = (value, places, note) => tell(value, places.map(([p, at]) => [step.of[p], at]), note);
    FUNCTIONS[step.f].terms(step, this.operands(k), i, give, this.value(k).shape);
    return true;
  }

  /** Calls tell(step, index) for each element that one goes into, until it returns false. */
  uses(k, i, tell) {
    for (const consumer of this.consumers[k]) {
      const step = this.steps[consumer];
      if (!FUNCTIONS[step.f]) continue;
      const seen = new Set();
      step.of.forEach((operand, p) => {
        if (operand !== k) return;
        const give = (j) => seen.has(j) || (seen.add(j), tell(consumer, j));
        const { uses } = FUNCTIONS[step.f];
        if (uses) uses.call(FUNCTIONS[step.f], step, this.operands(consumer), p, i, give, this.value(consumer).shape);
        else this.searchUses(consumer, k, i, give);
      });
    }
  }

  searchUses(consumer, k, i, give) {
    const size = this.value(consumer).data.length;
    for (let j = 0; j < size; j++) {
      this.terms(consumer, j, (_, places) => places.some(([s, at]) => s === k && at === i) && give(j));
    }
  }

  // --- changes

  isChanged(k) {
    this.isAffected ??= this.reached([...this.changes.keys(), ...this.replaced.keys()]);
    return this.isAffected[k] === 1;
  }

  /** For each step 1 if it is one of these or follows from them; nothing passes what cannot be run again. */
  reached(steps) {
    const found = new Uint8Array(this.steps.length);
    const waiting = [...steps];
    for (const k of waiting) {
      if (found[k]) continue;
      found[k] = 1;
      waiting.push(...this.consumers[k].filter((consumer) => this.steps[consumer].f !== "opaque"));
    }
    return found;
  }

  /** The steps at which a change stops, since they cannot be run again. */
  stops() {
    return [...this.steps.keys()].filter((k) => this.steps[k].f === "opaque" && this.steps[k].of.some((operand) => this.isChanged(operand)));
  }

  /** Something else stands at a step, or at any: compute anew what follows from it, or everything. */
  forget(k) {
    const isStale = k === undefined ? null : this.reached([k]);
    this.values = this.values.map((value, j) => (isStale && !isStale[j] ? value : undefined));
    this.isAffected = null;
  }

  /** Set one number; everything that follows from it is computed anew. */
  set(k, i, number) {
    if (!this.changes.has(k)) this.changes.set(k, new Map());
    this.changes.get(k).set(i, number);
    this.forget(k);
  }

  unset(k, i) {
    this.changes.get(k)?.delete(i);
    if (this.changes.get(k)?.size === 0) this.changes.delete(k);
    this.forget(k);
  }

  reset() {
    this.changes.clear();
    this.replaced.clear();
    this.forget();
  }

  /** Let what the optimizer made be the inputs of the next step. */
  nextStep() {
    const named = this.inputsByName();
    const next = [];
    for (const [name, k] of Object.entries(this.data.outputs)) {
      const input = named.get(name.replace(/^updated /, ""));
      if (name.startsWith("updated ") && input !== undefined) next.push([input, this.value(k).data]);
    }
    const count = named.get("steps before");
    if (count !== undefined) next.push([count, this.value(count).data.map((t) => t + 1)]);
    for (const [input, numbers] of next) {
      this.changes.delete(input);
      this.replaced.set(input, numbers);
    }
    this.forget();
  }

  inputsByName() {
    return new Map(this.steps.flatMap((step, k) => (step.f === "input" && step.name ? [[step.name, k]] : [])));
  }

  /** Whether the numbers of a step are those that Python computed. */
  agrees(k) {
    const step = this.steps[k];
    if (!step.print) return true;
    const { data } = this.value(k);
    let weighted = 0;
    let size = 0;
    for (let i = 0; i < data.length; i++) {
      const x = data[i];
      const number = x !== x ? 3 : x === Infinity ? 5 : x === -Infinity ? -5 : x;
      weighted += (((Math.imul(i, 2654435761) >>> 0) / 4294967296) - 0.5) * number;
      size += Math.abs(number);
    }
    const [, expected, rounding] = step.print; // what is 0 but for rounding may differ by its rounding
    const allowed = 1e-9 * Math.max(size, expected) + 1000 * rounding + 1e-300;
    return Math.abs(weighted - step.print[0]) <= allowed && Math.abs(size - step.print[1]) <= allowed;
  }
}
