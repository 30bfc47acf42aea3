// The before/after view: a wipe that can be dragged, zoom, and panning.

const STEPS = [1, 1.5, 2, 3, 4, 6, 8, 12, 16];
const NEAR_HANDLE = 28;
const PIXELS_SHOW = 3;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class View {
  #parts;
  #wipe = 50;
  #zoom = 1;
  #x = 0;
  #y = 0;
  #fit = 1;
  #pointers = new Map();
  #drag = "";
  #vector = false;

  constructor(parts) {
    this.#parts = parts;
    const { stage, wipe } = parts;
    wipe.addEventListener("input", () => this.#setWipe(Number(wipe.value)));
    parts.in.addEventListener("click", () => this.#step(1));
    parts.out.addEventListener("click", () => this.#step(-1));
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.#up(event));
    stage.addEventListener("dblclick", (event) => this.#zoomTo(this.#zoom === 1 ? Math.max(2, 1 / this.#fit) : 1, event));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#measure()).observe(stage);
  }

  // Shows the source by itself, where the browser can draw it. A vector is drawn as large as the stage.
  async preview(url, vector) {
    const { before, stage } = this.#parts;
    this.#vector = vector;
    stage.classList.add("alone");
    if (!(await load(before, url))) return;
    stage.hidden = false;
    this.#measure();
  }

  // Shows the result against the source, or by itself where the browser cannot draw the source.
  async show(url) {
    const { before, after, stage, zoom } = this.#parts;
    await load(after, url);
    const blind = before.naturalWidth === 0;
    stage.classList.toggle("blind", blind);
    stage.classList.toggle("alone", blind);
    stage.hidden = false;
    zoom.hidden = false;
    this.#measure();
  }

  // Back to the source, as there is no result.
  clear() {
    const { before, stage, zoom } = this.#parts;
    stage.classList.remove("blind");
    stage.classList.add("alone");
    stage.hidden = before.naturalWidth === 0;
    zoom.hidden = true;
    this.#zoomTo(1);
  }

  // The picture's box: the source's own size or what fits the stage, so that a smaller result is seen at equal size.
  #measure() {
    const { stage, before, after } = this.#parts;
    const seen = before.naturalWidth ? before : after;
    const { clientWidth: width, clientHeight: height } = stage;
    if (!width || !seen.naturalWidth) return;
    const fit = Math.min(width / seen.naturalWidth, height / seen.naturalHeight);
    this.#fit = this.#vector ? fit : Math.min(1, fit);
    stage.style.setProperty("--w", `${seen.naturalWidth * this.#fit}px`);
    stage.style.setProperty("--h", `${seen.naturalHeight * this.#fit}px`);
    this.#draw();
  }

  #draw() {
    const { stage, factor } = this.#parts;
    stage.style.setProperty("--wipe", `${this.#wipe}%`);
    stage.style.setProperty("--zoom", this.#zoom);
    stage.style.setProperty("--x", `${this.#x}px`);
    stage.style.setProperty("--y", `${this.#y}px`);
    stage.classList.toggle("zoomed", this.#zoom > 1);
    const shown = this.#zoom * this.#fit;
    stage.classList.toggle("pixelated", !this.#vector && shown >= PIXELS_SHOW);
    factor.textContent = this.#zoom === 1 ? "Fit" : `${Math.round(100 * shown)} %`;
  }

  #setWipe(percent) {
    this.#wipe = clamp(percent, 0, 100);
    this.#parts.wipe.value = this.#wipe;
    this.#draw();
  }

  #step(direction) {
    const next = direction > 0 ? STEPS.find((step) => step > this.#zoom) : STEPS.findLast((step) => step < this.#zoom);
    if (next) this.#zoomTo(next);
  }

  // Zooms with the point under the pointer, or the middle, staying where it is.
  #zoomTo(zoom, at) {
    const box = this.#parts.stage.getBoundingClientRect();
    const px = at ? at.clientX - box.left - box.width / 2 : 0;
    const py = at ? at.clientY - box.top - box.height / 2 : 0;
    const next = clamp(zoom, 1, STEPS.at(-1));
    const ratio = next / this.#zoom;
    this.#zoom = next;
    this.#pan(px - (px - this.#x) * ratio, py - (py - this.#y) * ratio);
  }

  #pan(x, y) {
    const { clientWidth, clientHeight } = this.#parts.stage;
    const roomX = (clientWidth * (this.#zoom - 1)) / 2;
    const roomY = (clientHeight * (this.#zoom - 1)) / 2;
    this.#x = clamp(x, -roomX, roomX);
    this.#y = clamp(y, -roomY, roomY);
    this.#draw();
  }

  #wheel(event) {
    // A plain wheel scrolls the page; a pinch on a touchpad arrives with ctrlKey.
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.#zoomTo(this.#zoom * Math.exp(-event.deltaY / 200), event);
  }

  #down(event) {
    const { stage } = this.#parts;
    stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event);
    const box = stage.getBoundingClientRect();
    const away = Math.abs(event.clientX - box.left - (box.width * this.#wipe) / 100);
    const wiping = !stage.classList.contains("alone") && (this.#zoom === 1 || away < NEAR_HANDLE);
    this.#drag = this.#pointers.size > 1 ? "pinch" : wiping ? "wipe" : "pan";
    if (this.#drag === "wipe") this.#wipeTo(event);
    stage.classList.toggle("dragged", this.#drag === "pan");
  }

  #move(event) {
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    const apart = spread(this.#pointers);
    this.#pointers.set(event.pointerId, event);
    if (this.#drag === "wipe") this.#wipeTo(event);
    else if (this.#drag === "pan") this.#pan(this.#x + event.clientX - last.clientX, this.#y + event.clientY - last.clientY);
    else if (apart > 0) this.#zoomTo((this.#zoom * spread(this.#pointers)) / apart, event);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.#drag = "";
    this.#parts.stage.classList.remove("dragged");
  }

  #wipeTo(event) {
    const box = this.#parts.stage.getBoundingClientRect();
    this.#setWipe((100 * (event.clientX - box.left)) / box.width);
  }
}

function spread(pointers) {
  const [a, b] = [...pointers.values()];
  return a && b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
}

// Resolves to whether the picture can be drawn.
function load(img, url) {
  return new Promise((resolve) => {
    img.onload = () => resolve(true);
    img.onerror = () => resolve(false);
    img.src = url;
  });
}
