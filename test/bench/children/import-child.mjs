// Imports a module and prints how long it took, in ms: import-child.mjs <file>
import { pathToFileURL } from 'node:url';

const url = pathToFileURL(process.argv[2]).href;
const startedAt = performance.now();
await import(url);
console.log(JSON.stringify(performance.now() - startedAt));
process.exit();
