// The page: takes pictures in, keeps a few uploads going, and sums up what was saved.

import { Card } from "./card.js";
import { KeyField } from "./key.js";
import { promise, size } from "./words.js";
import { zip } from "./zip.js";

const AT_ONCE = 2;
const SETTLE = 350;

const one = (id) => document.getElementById(id);
const { maxBytes, maxWidth, maxHeight, public: open } = document.body.dataset;
const cards = new Set();
const waiting = [];
let running = 0;
let timer = 0;

const key = new KeyField(() => start(unfinished()));

function fields() {
  const chosen = { quality: one("quality").value };
  if (one("format").value) chosen.output_format = one("format").value;
  const [width, height] = [side("width"), side("height")];
  if (width || height) chosen.ratio = `${width || 99999}x${height || 99999}`;
  return chosen;
}

function side(id) {
  const input = one(id);
  return input.value && input.validity.valid ? Number(input.value) : 0;
}

function unfinished() {
  return [...cards].filter((card) => card.result === null);
}

function add(files) {
  const fresh = [...files].map((file) => new Card(file, one("card"), { retry: (card) => start([card]), remove, change: finished }));
  for (const card of fresh) {
    cards.add(card);
    one("cards").append(card.element);
  }
  if (fresh.length) {
    start(fresh);
    one("results").scrollIntoView({ block: "nearest" });
  }
}

// Puts these cards in line, stopping what they were doing.
function start(some) {
  const held = key.missing;
  for (const card of some) {
    if (waiting.includes(card)) waiting.splice(waiting.indexOf(card), 1);
    card.wait(held ? "Enter your API key above to start" : "Waiting", held);
    if (!held) waiting.push(card);
  }
  if (held && some.length) key.ask();
  sum();
  pump();
}

function pump() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    waiting
      .shift()
      .run(fields(), key.value)
      .finally(() => {
        running -= 1;
        pump();
      });
  }
}

function finished(card) {
  if (card.status === 401) key.ask();
  sum();
}

function remove(card) {
  if (waiting.includes(card)) waiting.splice(waiting.indexOf(card), 1);
  cards.delete(card);
  card.close();
  sum();
  one("files").focus();
}

function sum() {
  const done = [...cards].filter((card) => card.result);
  one("results").hidden = cards.size === 0;
  one("save-all").hidden = done.length < 2;
  const [before, after] = ["before", "after"].map((name) => done.reduce((total, card) => total + card.result[name], 0));
  const count = cards.size === 1 ? "1 picture" : `${cards.size} pictures`;
  const part = done.length < cards.size ? `${done.length} of ${count}` : count;
  one("summary").textContent = done.length ? `${part}: ${size(before)} → ${size(after)}` : count;
}

function chosen() {
  one("quality-value").textContent = `${one("quality").value} of 10`;
  one("promise").textContent = promise(Number(one("quality").value));
}

function again() {
  clearTimeout(timer);
  timer = setTimeout(() => start([...cards]), SETTLE);
}

async function saveAll() {
  const done = [...cards].filter((card) => card.result).map((card) => ({ name: card.name, blob: card.result.blob }));
  const url = URL.createObjectURL(await zip(done));
  const link = Object.assign(document.createElement("a"), { href: url, download: "imgsvc.zip" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function copy() {
  await navigator.clipboard.writeText(one("curl").textContent);
  one("copy").textContent = "Copied";
  setTimeout(() => (one("copy").textContent = "Copy"), 2000);
}

function listen() {
  one("files").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  one("quality").addEventListener("input", chosen);
  for (const id of ["quality", "format", "width", "height"]) one(id).addEventListener("change", again);
  one("options").addEventListener("submit", (event) => event.preventDefault());
  one("clear").addEventListener("click", () => [...cards].forEach(remove));
  one("save-all").addEventListener("click", saveAll);
  one("copy").addEventListener("click", copy);
  document.addEventListener("paste", (event) => event.clipboardData?.files.length && add(event.clipboardData.files));
  // Anywhere on the page, as a miss would make the browser leave it for the file.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    one("drop").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? one("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    one("drop").classList.remove("over");
    add(event.dataTransfer.files);
  });
}

listen();
chosen();
one("limits").textContent = `up to ${size(Number(maxBytes))}, ${maxWidth} × ${maxHeight} px${open === "yes" ? "" : " unless your key allows more"}`;
one("curl").textContent = one("curl").textContent.replace("/api/", `${location.origin}/api/`);
one("copy").hidden = !navigator.clipboard;
