// One picture on the page: its upload, its answer or error, its comparison and its download.

import { ApiError, optimize } from "./api.js";
import { named, percent, size, verdict } from "./words.js";
import { View } from "./view.js";

const TRIES = 4;

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });

export class Card {
  #parts = {};
  #view;
  #sourceUrl;
  #resultUrl = "";
  #call = null;

  // `on.retry(card)`, `on.remove(card)` and `on.change(card)` tell the page.
  constructor(file, template, on) {
    this.file = file;
    this.result = null;
    this.on = on;
    this.element = template.content.firstElementChild.cloneNode(true);
    for (const part of this.element.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    this.#sourceUrl = URL.createObjectURL(file);
    this.#view = new View(this.#parts);
    this.#view.preview(this.#sourceUrl, file.type === "image/svg+xml");
    this.#parts.name.textContent = file.name || "Pasted picture";
    this.#parts.source.textContent = size(file.size);
    this.#parts.remove.setAttribute("aria-label", `Remove ${this.#parts.name.textContent}`);
    this.#parts.remove.addEventListener("click", () => on.remove(this));
    this.#parts.retry.addEventListener("click", () => on.retry(this));
    this.wait("Waiting");
  }

  // Shows that it waits, and for what; `held` is for a person to end. An answer from before stays in sight.
  wait(words, held = false) {
    this.stop();
    this.element.classList.remove("failed");
    this.element.classList.toggle("held", held);
    this.element.classList.toggle("stale", this.result !== null);
    this.#parts.error.hidden = true;
    this.#parts.retry.hidden = true;
    this.#busy(words);
  }

  // Sends it with these options; a full queue is waited for.
  async run(fields, key) {
    this.wait("Uploading");
    const call = new AbortController();
    this.#call = call;
    try {
      this.#done(await this.#patiently(fields, key, call.signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      this.#fail(error);
    } finally {
      if (this.#call === call) this.#call = null;
    }
    this.on.change(this);
  }

  async #patiently(fields, key, signal) {
    const on = {
      upload: (share) => this.#busy(share < 100 ? `Uploading ${share} %` : "Optimising", share),
      work: () => this.#busy("Optimising"),
    };
    for (let tried = 1; ; tried += 1) {
      try {
        return await optimize(this.file, fields, key, on, signal);
      } catch (error) {
        if (!(error instanceof ApiError && error.passes && tried < TRIES)) throw error;
        this.#busy(`The server is busy; trying again in ${error.retryAfter} s`);
        await pause(error.retryAfter, signal);
      }
    }
  }

  stop() {
    this.#call?.abort();
    this.#call = null;
  }

  // Frees what the browser holds for it.
  close() {
    this.stop();
    URL.revokeObjectURL(this.#sourceUrl);
    URL.revokeObjectURL(this.#resultUrl);
    this.element.remove();
  }

  get name() {
    return this.result ? named(this.file.name, this.result.type) : this.file.name;
  }

  #busy(words, share = null) {
    this.#parts.busy.hidden = false;
    this.#parts.state.textContent = words;
    this.#parts.bar.hidden = share === null || share >= 100;
    this.#parts.bar.value = share ?? 0;
    this.element.setAttribute("aria-busy", "true");
  }

  #settle() {
    this.#parts.busy.hidden = true;
    this.element.classList.remove("stale");
    this.element.removeAttribute("aria-busy");
  }

  #fail(error) {
    this.#settle();
    this.result = null;
    this.#view.clear();
    this.#parts.numbers.hidden = true;
    this.#parts.source.hidden = false;
    this.#parts.save.hidden = true;
    this.element.classList.add("failed");
    this.#parts.busy.hidden = false;
    this.#parts.state.textContent = "Not optimised";
    this.#parts.bar.hidden = true;
    this.#parts.error.textContent = error.message;
    this.#parts.error.hidden = false;
    this.#parts.retry.hidden = false;
    this.status = error.status;
  }

  #done(result) {
    this.status = 200;
    this.result = result;
    const old = this.#resultUrl;
    this.#resultUrl = URL.createObjectURL(result.blob);
    this.#view.show(this.#resultUrl).then(() => URL.revokeObjectURL(old));
    this.#settle();
    this.#write(result);
    this.#parts.save.href = this.#resultUrl;
    this.#parts.save.download = this.name;
    this.#parts.save.hidden = false;
  }

  #write({ before, after, saved, score, seconds, type, late }) {
    const parts = this.#parts;
    const grew = after > before;
    const smaller = saved > 0;
    const same = late ? "nothing smaller was found in time" : "already as small as it gets";
    parts.saved.textContent = percent(saved);
    parts.saved.parentElement.classList.toggle("none", !smaller);
    parts["saved-word"].textContent = smaller ? "smaller" : grew ? "larger, in this format" : same;
    parts.share.style.width = `${Math.min(100, Math.max(1, (100 * after) / before))}%`;
    parts["size-before"].textContent = size(before);
    parts["size-after"].textContent = size(after);
    parts["size-after"].append(note(type.replace("image/", "").replace("+xml", "").toUpperCase()));
    parts.score.textContent = score === null ? "–" : score.toFixed(1);
    parts.score.append(note(score === null ? "not measured" : verdict(score)));
    parts.seconds.textContent = `${seconds.toFixed(1)} s`;
    if (late) parts.seconds.append(note("time ran out"));
    parts.source.hidden = true;
    parts.numbers.hidden = false;
  }
}

function note(words) {
  const small = document.createElement("small");
  small.textContent = words;
  return small;
}
