// Imports a module and prints the processor time that it took, in ms. With `list`, which costs time, it
// prints the files that were imported instead: import-child.mjs <file> [list]
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [, , file, list] = process.argv;
const files = [];
if (list !== undefined) {
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:')) files.push(fileURLToPath(url));
      return next(url, context);
    },
  });
}
const before = process.cpuUsage();
await import(pathToFileURL(file).href);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify(list === undefined ? (user + system) / 1000 : files));
process.exit();
