// Zoom of the curves, enlarging of pictures, and everything open on paper. The page is whole
// without this script; it asks nothing of any network.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const SELECTION = 8; // px a pointer must be drawn across to mean it

function niceTicks(low, high, most = 5) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((s) => s >= raw * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const ticks = [first * step];
  while (ticks.at(-1) < high - step * 1e-9) ticks.push((first + ticks.length) * step);
  return ticks;
}

function shortNumber(value) {
  for (const [size, suffix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return +(value / size).toPrecision(4) + suffix;
  }
  return Math.abs(value) > 1e-9 ? String(+value.toPrecision(4)) : "0";
}

/** The curve's points within the range, with its value at either edge. */
function visible({ x, y }, [low, high]) {
  const points = [];
  for (let i = 0; i < x.length; i += 1) {
    for (const edge of i ? [low, high] : []) {
      if (x[i - 1] < edge && edge < x[i]) {
        const share = (edge - x[i - 1]) / (x[i] - x[i - 1]);
        points.push([edge, y[i - 1] + share * (y[i] - y[i - 1])]);
      }
    }
    if (low <= x[i] && x[i] <= high) points.push([x[i], y[i]]);
  }
  return points;
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

class LineChart {
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector("svg");
    this.data = JSON.parse(figure.querySelector("script").textContent);
    [this.width, this.height, this.left, this.right, this.top, this.bottom] = this.data.frame;
    const xs = this.data.curves.flatMap((curve) => curve.x);
    const ticks = niceTicks(...LineChart.span(xs));
    this.whole = [ticks[0], Math.max(Math.max(...xs), ticks[1])]; // as the page drew it
    this.range = this.whole;
    this.drawn = this.svg.innerHTML;
    this.values = [...figure.querySelectorAll(".legend b")];
    this.readout = figure.querySelector("output");
    this.listen();
  }

  static span(numbers) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    if (high - low > 1e-12 * Math.max(Math.abs(high), Math.abs(low), 1e-12)) return [low, high];
    return [low - Math.max(Math.abs(low), 1) / 2, high + Math.max(Math.abs(high), 1) / 2];
  }

  /** Show a part of the x axis, the y axis fitted to what is there; null: all of it. */
  show(range) {
    this.range = range ?? this.whole;
    this.figure.classList.toggle("zoomed", range !== null);
    if (range === null) {
      this.svg.innerHTML = this.drawn;
      return;
    }
    const lines = this.data.curves.map((curve) => visible(curve, range));
    const ys = lines.flat().map((point) => point[1]);
    const ticks = ys.length ? niceTicks(...LineChart.span(ys)) : [0, 1];
    const y = (value) => this.top + ((ticks.at(-1) - value) / (ticks.at(-1) - ticks[0])) * (this.height - this.top - this.bottom);
    const parts = [];
    for (const tick of ticks) {
      parts.push(element("path", { class: "grid", d: `M${this.left} ${y(tick)}H${this.width - this.right}` }));
      parts.push(element("text", { class: "y", x: this.left - 6, y: y(tick) + 4 }, shortNumber(tick)));
    }
    for (const tick of niceTicks(...range).filter((t) => range[0] <= t && t <= range[1])) {
      const text = shortNumber(tick);
      const x = Math.min(this.x(tick), this.width - text.length * 4.5);
      parts.push(element("text", { x, y: this.height - 20 }, text));
    }
    this.svg.querySelector(".frame").replaceChildren(...parts);
    const shapes = this.svg.querySelectorAll("path.line, circle.dot");
    lines.forEach((points, i) => {
      if (shapes[i].tagName === "path") {
        const way = points.map(([px, py]) => `${this.x(px).toFixed(1)} ${y(py).toFixed(1)}`);
        shapes[i].setAttribute("d", way.length ? `M${way[0]}L${way.slice(1).join(" ") || way[0]}` : "");
      } else if (points.length) {
        shapes[i].setAttribute("cx", this.x(points[0][0]));
        shapes[i].setAttribute("cy", y(points[0][1]));
      } else shapes[i].setAttribute("cx", -99);
    });
    const mark = this.svg.querySelector(".mark");
    if (mark) {
      const [mx, my] = this.data.mark;
      const inside = range[0] <= mx && mx <= range[1];
      mark.setAttribute("cx", inside ? this.x(mx) : -99);
      mark.setAttribute("cy", y(my));
    }
  }

  x(value) {
    const [low, high] = this.range;
    return this.left + ((value - low) / (high - low)) * (this.width - this.left - this.right);
  }

  /** The number under a pointer. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * this.width;
    const share = (place - this.left) / (this.width - this.left - this.right);
    const [low, high] = this.range;
    return low + Math.min(Math.max(share, 0), 1) * (high - low);
  }

  /** Say the curves' values at the measured place nearest to x. */
  tell(x) {
    const nearest = ({ x: xs }) => xs.reduce((best, value, i) => (Math.abs(value - x) < Math.abs(xs[best] - x) ? i : best), 0);
    const places = this.data.curves.map(nearest);
    this.values.forEach((value, i) => {
      value.textContent = Number(this.data.curves[i].y[places[i]].toPrecision(4));
    });
    this.readout.textContent = `at ${this.data.curves[0].x[places[0]].toLocaleString("en")}`;
  }

  hush() {
    this.values.forEach((value) => { value.textContent = ""; });
    this.readout.textContent = "";
    this.svg.querySelectorAll(".cursor, .selection").forEach((shape) => shape.remove());
  }

  listen() {
    let from = null;
    const strip = { y: this.top, height: this.height - this.top - this.bottom };
    this.svg.setAttribute("tabindex", "0");
    this.svg.addEventListener("pointerdown", (event) => {
      from = { x: this.at(event), px: event.clientX };
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const to = this.at(event);
      this.hush();
      this.tell(to);
      const [a, b] = (from ? [from.x, to] : [to, to]).map((value) => this.x(value)).sort((p, q) => p - q);
      const shape = { x: a, width: Math.max(b - a, 0.75), class: from ? "selection" : "cursor" };
      this.svg.append(element("rect", { ...strip, ...shape }));
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (from && Math.abs(event.clientX - from.px) > SELECTION) {
        zoom(this.data.axis, [from.x, this.at(event)].sort((p, q) => p - q));
      }
      from = null;
      this.hush();
    });
    for (const end of ["pointercancel", "pointerleave"]) {
      this.svg.addEventListener(end, () => { from = null; this.hush(); });
    }
    this.svg.addEventListener("dblclick", () => zoom(this.data.axis, null));
    this.figure.querySelector(".reset").addEventListener("click", () => zoom(this.data.axis, null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** + and - about the middle, arrows along, Escape: all. */
  key(event) {
    const [low, high] = this.range;
    const quarter = (high - low) / 4;
    const range = {
      "+": [low + quarter, high - quarter],
      "-": [low - 2 * quarter, high + 2 * quarter],
      ArrowLeft: [low - quarter, high - quarter],
      ArrowRight: [low + quarter, high + quarter],
      Escape: null,
    }[event.key];
    if (range === undefined) return;
    event.preventDefault();
    if (range === null) return zoom(this.data.axis, null);
    const inside = [Math.max(range[0], this.whole[0]), Math.min(range[1], this.whole[1])];
    const all = inside[0] === this.whole[0] && inside[1] === this.whole[1];
    if (inside[1] > inside[0]) zoom(this.data.axis, all ? null : inside);
  }
}

const charts = [...document.querySelectorAll("figure.chart")].map((figure) => new LineChart(figure));

/** All charts over the same axis follow one another. */
function zoom(axis, range) {
  for (const chart of charts) if (chart.data.axis === axis) chart.show(range);
}

const viewer = document.querySelector("dialog.viewer");
for (const button of document.querySelectorAll("button.enlarge")) {
  button.addEventListener("click", () => {
    const picture = button.querySelector("img");
    Object.assign(viewer.querySelector("img"), { src: picture.src, alt: picture.alt });
    viewer.showModal();
  });
}
viewer.addEventListener("click", () => viewer.close());

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
