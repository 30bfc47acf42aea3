// Several files as one archive: ZIP without compression, as pictures do not shrink further.

const UTF8_NAMES = 0x0800;
const FIRST_OF_1980 = 0x21;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

// Little-endian fields: [[width in bytes, value], ...].
function pack(fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [width]) => sum + width, 0)));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return view.buffer;
}

// Names made unique: "a.jpg", "a (2).jpg".
function apart(names) {
  const seen = new Set();
  return names.map((name) => {
    const dot = name.lastIndexOf(".");
    let unique = name;
    for (let n = 2; seen.has(unique.toLowerCase()); n += 1) unique = `${name.slice(0, dot)} (${n})${name.slice(dot)}`;
    seen.add(unique.toLowerCase());
    return unique;
  });
}

// `files` are {name, blob}; resolves to the archive as a Blob.
export async function zip(files) {
  const names = apart(files.map((file) => file.name));
  const parts = [];
  const index = [];
  let offset = 0;
  for (const [i, { blob }] of files.entries()) {
    const name = new TextEncoder().encode(names[i]);
    const sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [[2, 20], [2, UTF8_NAMES], [2, 0], [2, 0], [2, FIRST_OF_1980], [4, sum], [4, blob.size], [4, blob.size], [2, name.length], [2, 0]];
    parts.push(pack([[4, 0x04034b50], ...common]), name, blob);
    index.push(pack([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), name);
    offset += 30 + name.length + blob.size;
  }
  const length = index.reduce((sum, part) => sum + part.byteLength, 0);
  const end = pack([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, offset], [2, 0]]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}
