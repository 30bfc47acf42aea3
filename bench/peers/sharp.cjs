// Encodes pictures with sharp: reads a JSON list of {from, to, format, options} on stdin, writes the files.
const sharp = require("sharp");

async function main() {
  sharp.concurrency(1);
  const tasks = JSON.parse(require("fs").readFileSync(0, "utf8"));
  for (const task of tasks) {
    await sharp(task.from).toFormat(task.format, task.options).toFile(task.to);
  }
}

main();
