// Arrays as NumPy has them: numbers in one row, a shape, and the rules of broadcasting and indexing.

/** @typedef {{shape: number[], data: Float64Array}} NumberArray */

function sizeOf(shape) {
  return shape.reduce((product, length) => product * length, 1);
}

function sameShape(a, b) {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** How far apart two neighbours along each axis lie. */
function stridesOf(shape) {
  const strides = new Array(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** The place of a flat index along each axis. */
function coordinatesOf(index, shape) {
  const found = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    found[axis] = index % shape[axis];
    index = Math.floor(index / shape[axis]);
  }
  return found;
}

/** What step.data holds: one number as text, 0 for zeros, else "4" or "8" and the bytes of float32 or float64. */
function decoded(data, shape) {
  const size = sizeOf(shape);
  if (data === 0) return new Float64Array(size);
  if (size === 1) return Float64Array.of(parsedNumber(data));
  const text = atob(data.slice(1));
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return data[0] === "4" ? Float64Array.from(new Float32Array(bytes.buffer)) : new Float64Array(bytes.buffer);
}

/** A number as Python writes it. */
function parsedNumber(text) {
  const special = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  return text in special ? special[text] : Number(text);
}

/** A function from flat indices of `shape` to those of an operand that is broadcast to it. */
function broadcaster(shape, operand) {
  const size = sizeOf(operand);
  if (sameShape(shape, operand)) return (i) => i;
  if (size === 1) return () => 0;
  const added = shape.length - operand.length;
  if (operand.every((length, axis) => length === shape[axis + added])) return (i) => i % size;
  const strides = stridesOf(operand);
  return (i) => {
    let found = 0;
    for (let axis = shape.length - 1; axis >= added; axis--) {
      const length = shape[axis];
      if (operand[axis - added] !== 1) found += (i % length) * strides[axis - added];
      i = Math.floor(i / length);
    }
    return found;
  };
}

function broadcastShape(shapes) {
  const result = [];
  for (const shape of shapes) {
    for (let back = 1; back <= shape.length; back++) {
      const length = shape[shape.length - back];
      if (result.length < back) result.unshift(length);
      else if (result[result.length - back] === 1) result[result.length - back] = length;
    }
  }
  return result;
}

/** The flat index in the operand for each element of the operand with its axes in another order. */
function transposedMap(shape, axes) {
  const strides = stridesOf(shape);
  const result = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const map = new Int32Array(sizeOf(shape));
  const place = new Array(axes.length).fill(0);
  for (let i = 0, found = 0; i < map.length; i++) {
    map[i] = found;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      found += steps[axis];
      if (++place[axis] < result[axis]) break;
      found -= steps[axis] * result[axis];
      place[axis] = 0;
    }
  }
  return { shape: result, map };
}

/**
 * NumPy's indexing: the shape of x[key], and for each element of it the flat index in x.
 * @param key null, "...", a number, [start, stop, step], or {operand: k} for an array of numbers or of booleans
 * @param arrays the operands of the step; those of booleans are marked by isBoolean
 */
function indexed(shape, key, arrays, isBoolean) {
  const parts = [];
  const taken = key.reduce((sum, part) => sum + axesTaken(part, arrays, isBoolean), 0);
  const hasArrays = key.some((part) => part !== null && typeof part === "object" && !Array.isArray(part));
  let axis = 0;
  const whole = (count) => {
    for (; count > 0; count--) parts.push(slicePart(shape, axis++, [null, null, null]));
  };
  for (const part of key) {
    if (part === null) parts.push({ kind: "new" });
    else if (part === "...") whole(shape.length - taken);
    else if (typeof part === "number") {
      const index = Float64Array.of(part < 0 ? part + shape[axis] : part);
      parts.push({ kind: hasArrays ? "array" : "number", axis: axis++, shape: [], data: index });
    } else if (Array.isArray(part)) parts.push(slicePart(shape, axis++, part));
    else if (isBoolean[part.operand]) {
      const mask = arrays[part.operand];
      const places = [];
      mask.data.forEach((value, i) => value && places.push(coordinatesOf(i, mask.shape)));
      mask.shape.forEach((_, k) => {
        const data = Float64Array.from(places, (place) => place[k]);
        parts.push({ kind: "array", axis: axis++, shape: [places.length], data });
      });
    } else {
      const { shape: own, data } = arrays[part.operand];
      const length = shape[axis];
      parts.push({ kind: "array", axis: axis++, shape: own, data: data.map((id) => (id < 0 ? id + length : id)) });
    }
  }
  whole(shape.length - axis);
  return joined(shape, parts);
}

function axesTaken(part, arrays, isBoolean) {
  if (part === null || part === "...") return 0;
  if (typeof part === "number" || Array.isArray(part)) return 1;
  return isBoolean[part.operand] ? arrays[part.operand].shape.length : 1;
}

function slicePart(shape, axis, [start, stop, step]) {
  const length = shape[axis];
  step ??= 1;
  const clip = (at, low, high) => Math.min(Math.max(at < 0 ? at + length : at, low), high);
  const first = start === null ? (step > 0 ? 0 : length - 1) : clip(start, step > 0 ? 0 : -1, step > 0 ? length : length - 1);
  const end = stop === null ? (step > 0 ? length : -1) : clip(stop, step > 0 ? 0 : -1, step > 0 ? length : length - 1);
  return { kind: "slice", axis, first, step, length: Math.max(0, Math.ceil((end - first) / step)) };
}

/** Slices keep their places; the axes of all arrays together stand where the arrays stood, or first if these were apart. */
function joined(shape, parts) {
  const strides = stridesOf(shape);
  const arrays = parts.filter((part) => part.kind === "array");
  const common = broadcastShape(arrays.map((part) => part.shape));
  const places = parts.map((part, i) => (part.kind === "array" ? i : -1)).filter((i) => i >= 0);
  const apart = places.some((place, i) => i > 0 && place !== places[i - 1] + 1);
  const result = [];
  const axes = []; // for each axis of the result, how it moves in x; null for the axes of the arrays
  const putArrays = () => common.forEach((length) => (result.push(length), axes.push(null)));
  let offset = 0;
  if (apart) putArrays();
  parts.forEach((part, i) => {
    if (part.kind === "new") result.push(1), axes.push(0);
    else if (part.kind === "number") offset += part.data[0] * strides[part.axis];
    else if (part.kind === "slice") {
      offset += part.first * strides[part.axis];
      result.push(part.length);
      axes.push(part.step * strides[part.axis]);
    } else if (!apart && i === places[0]) putArrays();
  });
  const maps = arrays.map((part) => ({ ...part, at: broadcaster(common, part.shape) }));
  const map = new Int32Array(sizeOf(result));
  for (let i = 0; i < map.length; i++) {
    const place = coordinatesOf(i, result);
    let found = offset;
    let among = 0; // the flat index among the arrays' axes
    axes.forEach((step, axis) => {
      if (step === null) among = among * result[axis] + place[axis];
      else found += place[axis] * step;
    });
    for (const part of maps) found += part.data[part.at(among)] * strides[part.axis];
    map[i] = found;
  }
  return { shape: result, map };
}
