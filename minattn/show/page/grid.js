// An array as a table of numbers with colours, of which only the cells that are seen exist.

const CELL = { width: 66, height: 24, label: 76 };

const MOST_SEEN = { width: 1200, height: 320 }; // of a grid at one time

class Grid {
  /** @param k the step whose numbers these are */
  constructor(k) {
    this.k = k;
    this.element = make("div", { role: "grid", class: "grid", "aria-label": nameOf(k), "data-step": k });
    this.inner = make("div", { class: "inner", role: "presentation" });
    this.element.append(this.inner);
    this.top = this.left = 0; // how far it is scrolled, known without asking for a layout
    const scrolled = () => {
      [this.top, this.left] = [this.element.scrollTop, this.element.scrollLeft];
      this.draw();
    };
    this.element.addEventListener("scroll", scrolled, { passive: true });
    this.element.addEventListener("click", ({ target }) => {
      const cell = target.closest("[data-i]");
      if (cell) choose(this.k, Number(cell.dataset.i));
    });
    this.isSeen = true;
    this.element.grid = this;
    seenGrids().observe(this.element);
    this.update();
  }

  /** Its numbers may have changed: read them if it is in sight, else when it comes there. */
  refresh() {
    this.isStale = true;
    if (this.isSeen) this.catchUp();
  }

  catchUp() {
    if (this.isStale) this.update();
    this.isStale = false;
  }

  /** What is chosen, or goes into it, has changed. */
  mark() {
    for (const cell of this.inner.querySelectorAll(".cell")) cell.className = this.classes(Number(cell.dataset.i));
  }

  /** Read the numbers anew. */
  update() {
    const step = page.recording.steps[this.k];
    const { shape, data } = page.live.value(this.k);
    this.columns = shape.length ? shape.at(-1) : 1;
    this.rows = this.columns ? data.length / this.columns : 0;
    this.shape = shape;
    this.data = data;
    this.old = page.base.value(this.k).data;
    this.largest = 0;
    for (const x of data) if (Number.isFinite(x)) this.largest = Math.max(this.largest, Math.abs(x));
    this.letters = step.axes ?? [];
    if (this.largest < 1e-13) this.largest = 0; // rounding, where 0 is right, has no colour
    this.head = this.columns > 1 || this.letters.at(-1) ? CELL.height : 0;
    this.side = this.rows > 1 ? CELL.label : 0;
    this.element.setAttribute("aria-rowcount", this.rows);
    this.element.setAttribute("aria-colcount", this.columns);
    this.inner.style.width = `${this.side + this.columns * CELL.width}px`;
    this.inner.style.height = `${this.head + this.rows * CELL.height}px`;
    this.draw(true);
  }

  rowLabel(row) {
    const place = coordinatesOf(row, this.shape.slice(0, -1));
    const words = place.map((at, axis) => (this.shape[axis] === 1 ? "" : axisLabel(this.letters[axis], at)));
    return words.filter((word) => word !== "").join(" · ");
  }

  /** Make the cells that are in view. */
  draw(always = false) {
    const range = (from, size, cell, count) => {
      const first = Math.max(0, Math.floor(from / cell) - 2);
      return [first, Math.min(count, Math.ceil((from + size) / cell) + 2)];
    };
    const isSmall = this.rows * this.columns <= 400;
    const [top, bottom] = isSmall ? [0, this.rows] : range(this.top, MOST_SEEN.height, CELL.height, this.rows);
    const [left, right] = isSmall ? [0, this.columns] : range(this.left, MOST_SEEN.width, CELL.width, this.columns);
    const seen = `${top} ${bottom} ${left} ${right}`;
    if (seen === this.seen && !always) return this.moveLabels();
    this.seen = seen;
    const rows = [];
    if (this.head) rows.push(this.headRow(left, right));
    for (let row = top; row < bottom; row++) rows.push(this.row(row, left, right));
    this.inner.replaceChildren(...rows);
    this.moveLabels();
  }

  headRow(left, right) {
    const letter = this.letters.at(-1);
    const row = make("div", { role: "row", class: "row head" });
    row.style.height = `${CELL.height}px`;
    for (let column = left; column < right; column++) {
      const label = axisLabel(letter, column);
      const cell = make("div", { role: "columnheader", class: "label", title: label }, label);
      cell.style.left = `${this.side + column * CELL.width}px`;
      row.append(cell);
    }
    return row;
  }

  row(row, left, right) {
    const element = make("div", { role: "row", class: "row", "aria-rowindex": row + 1 });
    element.style.top = `${this.head + row * CELL.height}px`;
    if (this.side) {
      const label = this.rowLabel(row);
      element.append(make("div", { role: "rowheader", class: "label side", title: label }, label));
    }
    for (let column = left; column < right; column++) element.append(this.cell(row * this.columns + column, column));
    return element;
  }

  cell(i, column) {
    const x = this.data[i];
    const cell = make("div", { role: "gridcell", class: this.classes(i), "data-i": i, tabindex: "-1" }, brief(x));
    cell.style.left = `${this.side + column * CELL.width}px`;
    cell.style.setProperty("--size", Number.isFinite(x) && this.largest ? Math.abs(x) / this.largest : 0);
    return cell;
  }

  classes(i) {
    const { chosen } = page;
    const classes = ["cell", this.data[i] < 0 ? "negative" : "positive"];
    if (isDifferent(this.data[i], this.old[i])) classes.push("changed");
    if (page.marks?.isWrong(this.k, i)) classes.push("wrong");
    if (chosen?.k === this.k && chosen.i === i) classes.push("chosen");
    else if (page.related.has(`${this.k}.${i}`)) classes.push("related");
    return classes.join(" ");
  }

  /** Keep the labels at the edges while the numbers scroll. */
  moveLabels() {
    for (const row of this.inner.children) {
      if (row.classList.contains("head")) row.style.transform = `translateY(${this.top}px)`;
      const side = row.querySelector(".side");
      if (side) side.style.transform = `translateX(${this.left}px)`;
    }
  }

  /** Bring an element into view, and the keyboard to it. */
  show(i, focus) {
    this.catchUp();
    const row = Math.floor(i / this.columns);
    const column = i % this.columns;
    const clip = (at, from, size, cell) => (at < from ? at : at + cell > from + size ? at + cell - size : from);
    const { element } = this;
    element.scrollTop = clip(row * CELL.height, element.scrollTop, element.clientHeight - this.head, CELL.height);
    element.scrollLeft = clip(column * CELL.width, element.scrollLeft, element.clientWidth - this.side, CELL.width);
    [this.top, this.left] = [element.scrollTop, element.scrollLeft];
    this.draw();
    const cell = this.inner.querySelector(`[data-i="${i}"]`);
    if (!cell) return;
    cell.tabIndex = 0;
    if (focus) cell.focus({ preventScroll: true });
  }
}

/** Tells each grid whether it is in sight. */
function seenGrids() {
  page.seen ??= new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      target.grid.isSeen = isIntersecting;
      if (isIntersecting) target.grid.catchUp();
    }
  });
  return page.seen;
}

/** Whether two numbers differ by more than rounding. */
function isDifferent(a, b) {
  return a !== b && !(Number.isNaN(a) && Number.isNaN(b)) && !(Math.abs(a - b) <= 1e-11 * Math.max(Math.abs(a), Math.abs(b)));
}
