// One call of the API, with progress; what goes wrong is an ApiError with a sentence to show.

const ENDPOINT = "/api/v1/optimize";
const HELD = [429, 503];

export class ApiError extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // Whether waiting helps: the queue was full.
  get passes() {
    return this.status === 503;
  }
}

// Posts the file. `fields` are form fields, `on.upload(percent)` and `on.work()` tell how far it is.
// Resolves to {blob, type, before, after, saved, score, seconds, late}; score is null where none was measured, late is
// whether time ran out before the smallest file was found.
export function optimize(file, fields, key, on, signal) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("image", file, file.name || "picture");

  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    let sent = performance.now();
    call.open("POST", ENDPOINT);
    call.responseType = "blob";
    if (key) call.setRequestHeader("X-API-Key", key);
    call.upload.onprogress = (event) => event.lengthComputable && on.upload(Math.round((100 * event.loaded) / event.total));
    call.upload.onload = () => {
      sent = performance.now();
      on.work();
    };
    call.onload = async () => {
      if (call.status === 200) resolve(answer(call, (performance.now() - sent) / 1000));
      else reject(await failure(call));
    };
    call.onerror = () => reject(new ApiError("The connection to the server was lost before the answer came."));
    call.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => call.abort(), { once: true });
    call.send(form);
  });
}

function answer(call, seconds) {
  const header = (name) => call.getResponseHeader(name);
  const score = header("X-Quality-Score");
  return {
    blob: call.response,
    type: (header("Content-Type") ?? "").split(";")[0].trim(),
    before: Number(header("X-Original-Size")),
    after: Number(header("X-Optimized-Size")),
    saved: Number(header("X-Savings-Percent")),
    score: score === null || score === "" ? null : Number(score),
    seconds,
    late: header("Warning") !== null,
  };
}

async function failure(call) {
  const wait = HELD.includes(call.status) ? Number(call.getResponseHeader("Retry-After")) || 1 : 0;
  try {
    const { error } = JSON.parse(await call.response.text());
    if (typeof error === "string" && error) return new ApiError(error, call.status, wait);
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  return new ApiError(`The server answered ${call.status} without saying why.`, call.status, wait);
}
