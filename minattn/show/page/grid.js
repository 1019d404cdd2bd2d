// An array as a table of numbers with colours, of which only the cells that are seen exist.

const CELL = { width: 66, height: 24, label: 76 };

const SHADES = 32; // of a colour: a class for each is drawn faster than a style for each cell

for (let n = 0; n <= SHADES; n++) document.styleSheets[0].insertRule(`.shade${n} { --size: ${n / SHADES}; }`);

class Grid {
  /** @param k the step whose numbers these are */
  constructor(k) {
    this.k = k;
    this.element = make("div", { role: "grid", class: "grid", "aria-label": nameOf(k), "data-step": k });
    this.inner = make("div", { class: "inner", role: "presentation" });
    this.element.append(this.inner);
    this.view = { top: 0, left: 0, width: 0, height: 0 }; // what is seen of it, known without asking for a layout
    this.element.addEventListener("scroll", () => (this.look(), this.isSeen && this.draw()), { passive: true });
    this.element.addEventListener("click", ({ target }) => {
      const cell = target.closest("[data-i]");
      if (cell) choose(this.k, Number(cell.dataset.i));
    });
    this.isSeen = false;
    this.measure(page.recording.steps[k].shape);
    watch(this.element, (isSeen, { width, height }) => {
      if (!isSeen) this.inner.replaceChildren(); // a page of many grids stays light
      else if (!this.isSeen) {
        Object.assign(this.view, { width, height });
        this.update();
      }
      this.isSeen = isSeen;
    });
  }

  /** Find out what is seen of it. */
  look() {
    const { scrollTop: top, scrollLeft: left, clientWidth: width, clientHeight: height } = this.element;
    this.view = { top, left, width, height };
  }

  /** Its numbers may have changed. */
  refresh() {
    if (this.isSeen) this.update();
  }

  /** What is chosen, or goes into it, has changed. */
  mark() {
    for (const cell of this.inner.querySelectorAll(".cell")) cell.className = this.classes(Number(cell.dataset.i));
  }

  /** Read the numbers anew. */
  update() {
    const { shape, data } = page.live.value(this.k);
    this.data = data;
    this.old = page.base.value(this.k).data;
    this.largest = 0;
    for (const x of data) if (Number.isFinite(x)) this.largest = Math.max(this.largest, Math.abs(x));
    if (this.largest < 1e-13) this.largest = 0; // rounding, where 0 is right, has no colour
    this.measure(shape);
    if (!this.draw()) this.write();
  }

  /** Write the numbers into the cells that are there. */
  write() {
    for (const { firstChild: text, dataset } of this.inner.querySelectorAll(".cell")) {
      const number = brief(this.data[dataset.i]);
      if (text.data !== number) text.data = number;
    }
    this.mark();
  }

  /** Take the room that so many numbers need. */
  measure(shape) {
    this.shape = shape;
    this.columns = shape.length ? shape.at(-1) : 1;
    this.rows = this.columns ? sizeOf(shape) / this.columns : 0;
    this.letters = page.recording.steps[this.k].axes ?? [];
    this.head = this.columns > 1 || this.letters.at(-1) ? CELL.height : 0;
    this.side = this.rows > 1 ? CELL.label : 0;
    this.element.setAttribute("aria-rowcount", this.rows);
    this.element.setAttribute("aria-colcount", this.columns);
    this.inner.style.width = `${this.side + this.columns * CELL.width}px`;
    this.inner.style.height = `${this.head + this.rows * CELL.height}px`;
  }

  /** Draw it for paper: whole, or of a large one the beginning. */
  print() {
    const { view } = this;
    const isSmall = this.rows * this.columns <= 400;
    this.view = { top: 0, left: 0, width: isSmall ? Infinity : 1200, height: isSmall ? Infinity : 320 };
    this.update();
    this.view = view;
  }

  rowLabel(row) {
    const place = coordinatesOf(row, this.shape.slice(0, -1));
    const words = place.map((at, axis) => (this.shape[axis] === 1 ? "" : axisLabel(this.letters[axis], at)));
    return words.filter((word) => word !== "").join(" · ");
  }

  /** Make the cells that are in view, where they are not there already; returns whether it has made them. */
  draw() {
    const range = (from, size, cell, count) => {
      const first = Math.max(0, Math.floor(from / cell) - 2);
      return [first, Math.min(count, Math.ceil((from + size) / cell) + 2)];
    };
    const { view } = this;
    const { ids } = page.recording;
    const [top, bottom] = range(view.top, view.height, CELL.height, this.rows);
    const [left, right] = range(view.left, view.width, CELL.width, this.columns);
    const tokens = ids === undefined ? [] : page.live.value(ids).data; // of which the labels speak
    const seen = [this.shape, top, bottom, left, right, tokens].join(" ");
    const isNew = seen !== this.seen || !this.inner.childElementCount;
    this.seen = seen;
    if (isNew) {
      const rows = this.head ? [this.headRow(left, right)] : [];
      for (let row = top; row < bottom; row++) rows.push(this.row(row, left, right));
      this.inner.replaceChildren(...rows);
    }
    this.moveLabels();
    return isNew;
  }

  headRow(left, right) {
    const letter = this.letters.at(-1);
    const row = make("div", { role: "row", class: "row head" });
    row.style.paddingLeft = `${this.side + left * CELL.width}px`;
    for (let column = left; column < right; column++) {
      const label = axisLabel(letter, column);
      row.append(make("div", { role: "columnheader", class: "label", title: label }, label));
    }
    return row;
  }

  row(row, left, right) {
    const element = make("div", { role: "row", class: "row", "aria-rowindex": row + 1 });
    element.style.top = `${this.head + row * CELL.height}px`;
    element.style.paddingLeft = `${this.side + left * CELL.width}px`;
    if (this.side) {
      const label = this.rowLabel(row);
      element.append(make("div", { role: "rowheader", class: "label side", title: label }, label));
    }
    for (let i = row * this.columns + left; i < row * this.columns + right; i++) {
      element.append(make("div", { role: "gridcell", class: this.classes(i), "data-i": i, tabindex: "-1" }, brief(this.data[i])));
    }
    return element;
  }

  classes(i) {
    const { chosen } = page;
    const x = this.data[i];
    const shade = Number.isFinite(x) && this.largest ? Math.round((SHADES * Math.abs(x)) / this.largest) : 0;
    const classes = [`cell shade${shade}`, x < 0 ? "negative" : "positive"];
    if (isDifferent(x, this.old[i])) classes.push("changed");
    if (page.marks?.isWrong(this.k, i)) classes.push("wrong");
    if (chosen?.k === this.k && chosen.i === i) classes.push("chosen");
    else if (page.related.has(`${this.k}.${i}`)) classes.push("related");
    return classes.join(" ");
  }

  /** Keep the labels at the edges while the numbers scroll. */
  moveLabels() {
    for (const row of this.inner.children) {
      if (row.classList.contains("head")) row.style.transform = `translateY(${this.view.top}px)`;
      const side = row.querySelector(".side");
      if (side) side.style.transform = `translateX(${this.view.left}px)`;
    }
  }

  /** Bring an element into view, and the keyboard to it. */
  show(i, focus) {
    const row = Math.floor(i / this.columns);
    const column = i % this.columns;
    const clip = (at, from, size, cell) => (at < from ? at : at + cell > from + size ? at + cell - size : from);
    this.look();
    const { element, view } = this;
    element.scrollTop = clip(row * CELL.height, view.top, view.height - this.head, CELL.height);
    element.scrollLeft = clip(column * CELL.width, view.left, view.width - this.side, CELL.width);
    this.look();
    if (this.isSeen) this.draw();
    else this.update();
    this.isSeen = true;
    const cell = this.inner.querySelector(`[data-i="${i}"]`);
    if (!cell) return;
    cell.tabIndex = 0;
    if (focus) cell.focus({ preventScroll: true });
  }
}

/** Whether two numbers differ by more than rounding. */
function isDifferent(a, b) {
  return a !== b && !(Number.isNaN(a) && Number.isNaN(b)) && !(Math.abs(a - b) <= 1e-11 * Math.max(Math.abs(a), Math.abs(b)));
}
