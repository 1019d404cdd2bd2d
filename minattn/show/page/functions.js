// The elementary functions. Each can do three things:
//   run(step, operands)          -> {shape, data}: the step again
//   terms(step, operands, i, tell)  calls tell(value, [[operand, index], …]) for each term of element i; they add up to it
//   uses(step, operands, p, i, tell)  calls tell(j) for each element j of the step that operand p's element i goes into

/** Element by element. text: the formula, where 0, 1, 2 in braces are the operands. */
const ELEMENTWISE = {
  add: { of: (a, b) => a + b, text: "{0} + {1}" },
  subtract: { of: (a, b) => a - b, text: "{0} − {1}" },
  multiply: { of: (a, b) => a * b, text: "{0} · {1}" },
  divide: { of: (a, b) => a / b, text: "{0} / {1}" },
  power: { of: (a, b) => (b === 2 ? a * a : Math.pow(a, b)), text: "{0} ^ {1}" },
  positive: { of: (a) => a, text: "{0}" },
  negative: { of: (a) => -a, text: "−{0}" },
  exp: { of: Math.exp, text: "exp({0})" },
  expm1: { of: Math.expm1, text: "exp({0}) − 1" },
  log: { of: Math.log, text: "ln {0}" },
  log1p: { of: Math.log1p, text: "ln(1 + {0})" },
  sqrt: { of: Math.sqrt, text: "√{0}" },
  square: { of: (a) => a * a, text: "{0}²" },
  reciprocal: { of: (a) => 1 / a, text: "1 / {0}" },
  tanh: { of: Math.tanh, text: "tanh {0}" },
  sin: { of: Math.sin, text: "sin {0}" },
  cos: { of: Math.cos, text: "cos {0}" },
  absolute: { of: Math.abs, text: "|{0}|" },
  sign: { of: Math.sign, text: "sign {0}" },
  maximum: { of: Math.max, text: "max({0}, {1})" },
  minimum: { of: Math.min, text: "min({0}, {1})" },
  clip: { of: (a, low, high) => Math.min(Math.max(a, low), high), text: "{0}, kept within {1} and {2}" },
  greater: { of: (a, b) => +(a > b), text: "{0} > {1}" },
  greater_equal: { of: (a, b) => +(a >= b), text: "{0} ≥ {1}" },
  less: { of: (a, b) => +(a < b), text: "{0} < {1}" },
  less_equal: { of: (a, b) => +(a <= b), text: "{0} ≤ {1}" },
  equal: { of: (a, b) => +(a === b), text: "{0} = {1}" },
  not_equal: { of: (a, b) => +(a !== b), text: "{0} ≠ {1}" },
  bitwise_and: { of: (a, b) => a & b, text: "{0} and {1}" },
  bitwise_or: { of: (a, b) => a | b, text: "{0} or {1}" },
  logical_and: { of: (a, b) => +(a && b ? 1 : 0), text: "{0} and {1}" },
  logical_or: { of: (a, b) => +(a || b ? 1 : 0), text: "{0} or {1}" },
  logical_not: { of: (a) => +!a, text: "not {0}" },
  invert: { of: (a) => +!a, text: "not {0}" },
  where: { of: (a, b, c) => (a ? b : c), text: "{1} if {0}, else {2}" },
  astype: { of: (a) => a, text: "{0}" },
};

function elementwise(name) {
  const { of } = ELEMENTWISE[name];
  const isSum = name === "add" || name === "subtract";
  return {
    run(step, operands) {
      const shape = broadcastShape(operands.map((operand) => operand.shape));
      const data = new Float64Array(sizeOf(shape));
      const [a, b, c] = operands.map((operand) => operand.data);
      const [at, bt, ct] = operands.map((operand) => broadcaster(shape, operand.shape));
      const convert = name === "astype" ? CONVERSIONS[step.options.kind] : null;
      if (convert) data.forEach((_, i) => (data[i] = convert(a[i])));
      else if (!b) for (let i = 0; i < data.length; i++) data[i] = of(a[i]);
      else if (!c) for (let i = 0; i < data.length; i++) data[i] = of(a[at(i)], b[bt(i)]);
      else for (let i = 0; i < data.length; i++) data[i] = of(a[at(i)], b[bt(i)], c[ct(i)]);
      return { shape, data };
    },
    terms(step, operands, i, tell, shape) {
      const places = operands.map((operand, p) => [p, broadcaster(shape, operand.shape)(i)]);
      const numbers = places.map(([p, at]) => operands[p].data[at]);
      if (isSum) {
        tell(numbers[0], [places[0]]);
        tell(name === "add" ? numbers[1] : -numbers[1], [places[1]]);
      } else if (name === "astype") tell((CONVERSIONS[step.options.kind] ?? of)(numbers[0]), places);
      else if (name === "where") tell(of(...numbers), numbers[0] ? [places[1], places[0]] : [places[2], places[0]]);
      else tell(of(...numbers), places);
    },
    uses(step, operands, p, i, tell, shape) {
      const at = broadcaster(shape, operands[p].shape);
      if (sameShape(shape, operands[p].shape)) return tell(i);
      for (let j = 0, size = sizeOf(shape); j < size; j++) if (at(j) === i) tell(j);
    },
  };
}

const CONVERSIONS = { i: Math.trunc, b: (x) => +(x !== 0), f: null };

/** Sums, means and the like along axes. */
function reduction(name) {
  /** The operand as [outer, reduced] through two lists of offsets. */
  function offsets(step, operand) {
    const strides = stridesOf(operand.shape);
    const list = (axes) => {
      let found = [0];
      for (const axis of axes) {
        found = found.flatMap((offset) => Array.from({ length: operand.shape[axis] }, (_, i) => offset + i * strides[axis]));
      }
      return found;
    };
    const reduced = step.options.axes;
    const kept = operand.shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
    return [list(kept), list(reduced)];
  }
  return {
    run(step, [x]) {
      const [outer, inner] = offsets(step, x);
      const data = new Float64Array(outer.length);
      outer.forEach((offset, i) => {
        let total = START[name];
        for (const move of inner) total = JOIN[name](total, x.data[offset + move]);
        data[i] = name === "mean" ? total / inner.length : total;
      });
      const kept = step.shape.length === x.shape.length;
      const shape = x.shape.map((n, axis) => (step.options.axes.includes(axis) ? 1 : n));
      return { shape: kept ? shape : shape.filter((_, axis) => !step.options.axes.includes(axis)), data };
    },
    terms(step, [x], i, tell) {
      const [outer, inner] = offsets(step, x);
      const places = inner.map((move) => outer[i] + move);
      if (name === "sum") places.forEach((at) => tell(x.data[at], [[0, at]]));
      else if (name === "mean") places.forEach((at) => tell(x.data[at] / places.length, [[0, at]], `/ ${places.length}`));
      else if (name === "max" || name === "min") {
        const best = places.reduce((a, b) => (JOIN[name](x.data[a], x.data[b]) === x.data[a] ? a : b), places[0]);
        tell(x.data[best], [[0, best]]);
      } else {
        const total = places.reduce((sum, at) => JOIN[name](sum, x.data[at]), START[name]);
        tell(total, places.map((at) => [0, at]));
      }
    },
    uses(step, [x], p, i, tell) {
      const place = coordinatesOf(i, x.shape);
      let j = 0;
      x.shape.forEach((n, axis) => {
        if (!step.options.axes.includes(axis)) j = j * n + place[axis];
      });
      tell(j);
    },
  };
}

const START = { sum: 0, mean: 0, max: -Infinity, min: Infinity, all: 1, any: 0, prod: 1 };
const JOIN = {
  sum: (a, b) => a + b,
  mean: (a, b) => a + b,
  max: (a, b) => (b !== b || b > a ? b : a),
  min: (a, b) => (b !== b || b < a ? b : a),
  all: (a, b) => +(a && b ? 1 : 0),
  any: (a, b) => +(a || b ? 1 : 0),
  prod: (a, b) => a * b,
};

/** A map of indices, made once for each step, and again when the shape of operand 0 or the operands from `first` change. */
function remembered(map, first) {
  const known = new WeakMap();
  return (step, operands) => {
    const keys = operands.slice(first).map(({ data }) => data);
    const found = known.get(step);
    if (found && sameShape(found.shape, operands[0].shape) && keys.every((key, p) => key === found.keys[p])) return found.result;
    const result = map(step, operands);
    known.set(step, { shape: operands[0].shape, keys, result });
    return result;
  };
}

/** Functions that move numbers without changing them; `map` gives for each element where it came from. */
function movement(map) {
  const find = remembered(map, 1);
  return {
    run(step, operands) {
      const { shape, map: from } = find(step, operands);
      const data = new Float64Array(from.length);
      for (let i = 0; i < from.length; i++) data[i] = operands[0].data[from[i]];
      return { shape, data };
    },
    terms(step, operands, i, tell) {
      const at = find(step, operands).map[i];
      tell(operands[0].data[at], [[0, at]]);
    },
    uses(step, operands, p, i, tell) {
      const { map: from } = find(step, operands);
      if (p === 0) from.forEach((at, j) => at === i && tell(j));
      else if (!step.isBoolean[p]) {
        const other = operands.slice(); // an index is used where another one would lead elsewhere
        other[p] = { shape: operands[p].shape, data: operands[p].data.map((id, k) => (k === i ? (id ? 0 : 1) : id)) };
        map(step, other).map.forEach((at, j) => at !== from[j] && tell(j));
      }
    },
  };
}

const reshape = {
  run: (step, [x]) => ({ shape: step.shape, data: x.data }),
  terms: (step, [x], i, tell) => tell(x.data[i], [[0, i]]),
  uses: (step, operands, p, i, tell) => tell(i),
};

/** Writing into a copy of operand 0 at a key: the last to write stays, or with `adds` all are added. */
function writing(adds) {
  const find = remembered((step, operands) => indexed(operands[0].shape, step.options.key, operands, step.isBoolean), 2);
  return {
    run(step, operands) {
      const [x, value] = operands;
      const { shape, map } = find(step, operands);
      const from = broadcaster(shape, value.shape);
      const data = x.data.slice();
      map.forEach((at, j) => (data[at] = adds ? data[at] + value.data[from(j)] : value.data[from(j)]));
      return { shape: x.shape, data };
    },
    terms(step, operands, i, tell) {
      const [x, value] = operands;
      const { shape, map } = find(step, operands);
      const from = broadcaster(shape, value.shape);
      const landing = [];
      map.forEach((at, j) => at === i && landing.push(from(j)));
      if (adds || !landing.length) tell(x.data[i], [[0, i]]);
      for (const at of adds ? landing : landing.slice(-1)) tell(value.data[at], [[1, at]]);
    },
    uses(step, operands, p, i, tell) {
      const { shape, map } = find(step, operands);
      if (p === 0 && (adds || !map.includes(i))) tell(i);
      if (p !== 1) return;
      const from = broadcaster(shape, operands[1].shape);
      map.forEach((at, j) => from(j) === i && tell(at));
    },
  };
}

const matmul = {
  /** Batches, rows, columns, and the length of the sums. */
  sizes([a, b]) {
    const rows = a.shape.length > 1 ? a.shape.at(-2) : 1;
    const inner = a.shape.at(-1);
    const columns = b.shape.length > 1 ? b.shape.at(-1) : 1;
    const batch = broadcastShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    const at = [a, b].map((x) => broadcaster(batch, x.shape.slice(0, -2)));
    return { rows, inner, columns, batch, atA: at[0], atB: at[1] };
  },
  run(step, operands) {
    const [a, b] = operands;
    const { rows, inner, columns, batch, atA, atB } = this.sizes(operands);
    const count = sizeOf(batch);
    const data = new Float64Array(count * rows * columns);
    for (let n = 0; n < count; n++) {
      const startA = atA(n) * rows * inner;
      const startB = atB(n) * inner * columns;
      for (let r = 0; r < rows; r++) {
        const row = (n * rows + r) * columns;
        for (let k = 0; k < inner; k++) {
          const factor = a.data[startA + r * inner + k];
          const from = startB + k * columns;
          for (let c = 0; c < columns; c++) data[row + c] += factor * b.data[from + c];
        }
      }
    }
    const shape = [...batch, ...(a.shape.length > 1 ? [rows] : []), ...(b.shape.length > 1 ? [columns] : [])];
    return { shape, data };
  },
  terms(step, operands, i, tell) {
    const [a, b] = operands;
    const { rows, inner, columns, atA, atB } = this.sizes(operands);
    const [n, r, c] = coordinatesOf(i, [Infinity, rows, columns]);
    for (let k = 0; k < inner; k++) {
      const left = atA(n) * rows * inner + r * inner + k;
      const right = atB(n) * inner * columns + k * columns + c;
      tell(a.data[left] * b.data[right], [[0, left], [1, right]]);
    }
  },
  uses(step, operands, p, i, tell) {
    const { rows, inner, columns, batch, atA, atB } = this.sizes(operands);
    const [own, first, second] = coordinatesOf(i, p === 0 ? [Infinity, rows, inner] : [Infinity, inner, columns]);
    for (let n = 0, count = sizeOf(batch); n < count; n++) {
      if ((p === 0 ? atA(n) : atB(n)) !== own) continue;
      if (p === 0) for (let c = 0; c < columns; c++) tell((n * rows + first) * columns + c);
      else for (let r = 0; r < rows; r++) tell((n * rows + r) * columns + second);
    }
  },
};

/** Σ over the letters that the output lacks, as np.einsum writes it. */
const einsum = {
  loops(step, operands) {
    const [left, out] = step.options.letters.split("->");
    const names = left.split(",");
    const lengths = {};
    names.forEach((term, p) => [...term].forEach((letter, axis) => {
      lengths[letter] = Math.max(lengths[letter] ?? 1, operands[p].shape[axis]);
    }));
    const summed = Object.keys(lengths).filter((letter) => !out.includes(letter));
    const strides = names.map((term, p) => {
      const own = stridesOf(operands[p].shape);
      const by = {};
      [...term].forEach((letter, axis) => {
        by[letter] = (by[letter] ?? 0) + (operands[p].shape[axis] === 1 ? 0 : own[axis]);
      });
      return by;
    });
    return { out: [...out], summed, lengths, strides };
  },
  each({ out, summed, lengths, strides }, i, tell) {
    const place = {};
    coordinatesOf(i, out.map((letter) => lengths[letter])).forEach((at, axis) => (place[out[axis]] = at));
    const inner = summed.map((letter) => lengths[letter]);
    for (let k = 0, count = sizeOf(inner); k < count; k++) {
      coordinatesOf(k, inner).forEach((at, axis) => (place[summed[axis]] = at));
      tell(strides.map((by) => Object.entries(by).reduce((sum, [letter, stride]) => sum + place[letter] * stride, 0)));
    }
  },
  run(step, operands) {
    const loops = this.loops(step, operands);
    const shape = loops.out.map((letter) => loops.lengths[letter]);
    const data = new Float64Array(sizeOf(shape));
    data.forEach((_, i) => {
      this.each(loops, i, (at) => (data[i] += at.reduce((product, k, p) => product * operands[p].data[k], 1)));
    });
    return { shape, data };
  },
  terms(step, operands, i, tell) {
    this.each(this.loops(step, operands), i, (at) =>
      tell(at.reduce((product, k, p) => product * operands[p].data[k], 1), at.map((k, p) => [p, k])),
    );
  },
};

const vdot = {
  run(step, [a, b]) {
    const data = new Float64Array(1);
    for (let i = 0; i < a.data.length; i++) data[0] += a.data[i] * b.data[i];
    return { shape: [], data };
  },
  terms: (step, [a, b], i, tell) => a.data.forEach((x, k) => tell(x * b.data[k], [[0, k], [1, k]])),
  uses: (step, operands, p, i, tell) => tell(0),
};

/** Several operands side by side. */
const joining = {
  /** For each element [operand, index]. */
  places(step, operands) {
    const axis = step.options.axis;
    const isStack = step.f === "stack";
    const shapes = operands.map(({ shape }) => (isStack ? [...shape.slice(0, axis), 1, ...shape.slice(axis)] : shape));
    const shape = shapes[0].slice();
    shape[axis] = shapes.reduce((sum, own) => sum + own[axis], 0);
    const inner = sizeOf(shape.slice(axis + 1));
    const at = (i) => {
      let along = Math.floor(i / inner) % shape[axis];
      const outer = Math.floor(i / inner / shape[axis]);
      let p = 0;
      while (along >= shapes[p][axis]) along -= shapes[p++][axis];
      return [p, (outer * shapes[p][axis] + along) * inner + (i % inner)];
    };
    return { shape, at };
  },
  run(step, operands) {
    const { shape, at } = this.places(step, operands);
    const data = new Float64Array(sizeOf(shape));
    data.forEach((_, i) => {
      const [p, k] = at(i);
      data[i] = operands[p].data[k];
    });
    return { shape, data };
  },
  terms(step, operands, i, tell) {
    const place = this.places(step, operands).at(i);
    tell(operands[place[0]].data[place[1]], [place]);
  },
};

const FUNCTIONS = {
  ...Object.fromEntries(Object.keys(ELEMENTWISE).map((name) => [name, elementwise(name)])),
  ...Object.fromEntries(Object.keys(START).map((name) => [name, reduction(name)])),
  reshape,
  transpose: movement((step, [x]) => transposedMap(x.shape, step.options.axes)),
  broadcast_to: movement((step, [x]) => ({
    shape: step.shape,
    map: new Int32Array(sizeOf(step.shape)).map((_, i) => i).map(broadcaster(step.shape, x.shape)),
  })),
  fill: movement((step) => ({ shape: step.shape, map: new Int32Array(sizeOf(step.shape)) })),
  getitem: movement((step, operands) => indexed(operands[0].shape, step.options.key, operands, step.isBoolean)),
  setitem: writing(false),
  add_at: writing(true),
  matmul,
  einsum,
  vdot,
  concatenate: joining,
  stack: joining,
  flatnonzero: {
    run(step, [x]) {
      const data = Float64Array.from([...x.data.keys()].filter((i) => x.data[i]));
      return { shape: [data.length], data };
    },
    terms(step, [x], i, tell) {
      const at = this.run(step, [x]).data[i];
      tell(at, [[0, at]]);
    },
  },
};
