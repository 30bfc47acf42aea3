// Numbers and promises as people read them.

const STEP = 1024;
const UNITS = ["B", "kB", "MB", "GB"];

const PROMISES = [
  "Lossless: every pixel stays exactly as it is.",
  "Visually lossless, with room to spare.",
  "Visually lossless, even when flipping between both.",
  "No visible difference at normal viewing.",
  "Very hard to see, even side by side.",
  "Hard to see, even side by side.",
  "Hard to see without zooming in.",
  "Small, and still good at close range.",
  "Smaller still; fine detail softens a little.",
  "The smallest file; differences are hard to notice.",
];

export const promise = (quality) => PROMISES[quality - 1];

// A count of bytes in steps of 1024: "812 B", "24.5 kB", "2 MB".
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function verdict(score) {
  if (score >= 100) return "identical";
  if (score >= 90) return "visually lossless";
  if (score >= 80) return "very hard to see";
  if (score >= 70) return "hard to notice";
  return "visible";
}

// "37.4 %" of a saving, "+12.0 %" where the file grew.
export function percent(saved) {
  if (saved < 0) return `+${(-saved).toFixed(1)} %`;
  return `${saved >= 10 ? Math.floor(saved) : saved.toFixed(1)} %`;
}

const SUFFIXES = {
  "image/jpeg": ["jpg", "jpeg", "jfif"],
  "image/png": ["png", "apng"],
  "image/webp": ["webp"],
  "image/gif": ["gif"],
  "image/avif": ["avif"],
  "image/svg+xml": ["svg"],
};

// The source's name with the suffix of what the file now is.
export function named(name, type) {
  const known = SUFFIXES[type] ?? ["bin"];
  const dot = name.lastIndexOf(".");
  if (dot > 0 && known.includes(name.slice(dot + 1).toLowerCase())) return name;
  return `${dot > 0 ? name.slice(0, dot) : name || "picture"}.${known[0]}`;
}
