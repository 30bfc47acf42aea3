// Makes an SVG smaller with SVGO's default preset, pass after pass until nothing changes: stdin to stdout.
const fs = require("fs");
const { optimize } = require("svgo");

process.stdout.write(optimize(fs.readFileSync(0, "utf8"), { multipass: true }).data);
