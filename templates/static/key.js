// The API key's field: shown or hidden, and remembered only where the visitor asks for it.

const STORED = "imgsvc.key";

export class KeyField {
  #field = document.getElementById("key-field");
  #input = document.getElementById("key");
  #keep = document.getElementById("key-keep");

  // `changed()` is called when a key was typed or pasted. On a public page there is no field, and no key is needed.
  constructor(changed) {
    if (!this.#field) return;
    const stored = recall();
    this.#input.value = stored;
    this.#keep.checked = stored !== "";
    this.#input.addEventListener("change", () => {
      this.#store();
      changed();
    });
    this.#input.addEventListener("input", () => this.#field.classList.remove("wanted"));
    this.#keep.addEventListener("change", () => this.#store());
    const show = document.getElementById("key-show");
    show.addEventListener("click", () => {
      const shown = this.#input.type === "password";
      this.#input.type = shown ? "text" : "password";
      show.textContent = shown ? "Hide" : "Show";
      show.setAttribute("aria-pressed", String(shown));
    });
  }

  get value() {
    return this.#input?.value.trim() ?? "";
  }

  get missing() {
    return this.#field !== null && this.value === "";
  }

  // Draws the eye to the field.
  ask() {
    this.#field?.classList.add("wanted");
    this.#input?.focus();
  }

  #store() {
    try {
      if (this.#keep.checked && this.value) localStorage.setItem(STORED, this.value);
      else localStorage.removeItem(STORED);
    } catch {
      this.#keep.checked = false;
    }
  }
}

function recall() {
  try {
    return localStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}
