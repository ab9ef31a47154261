// Measures the pipeline and prints tables: npm run bench -- [--large] [--only <section>] [--runs <n>] [--json] [--write]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { comparison } from './comparison.ts';
import { memory } from './memory.ts';
import { machine, markdown, type Result } from './section.ts';
import { stages } from './stages.ts';
import { startUp } from './start-up.ts';

const sections = [comparison, stages, startUp, memory];

const { values: options } = parseArgs({
  options: {
    /** With the sections that take minutes and gigabytes of disk. */
    large: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    /** Into docs/benchmarks.md. */
    write: { type: 'boolean', default: false },
  },
});

const chosen = sections.filter(({ name, onRequest = false }) =>
  options.only === undefined ? options.large || !onRequest : options.only.includes(name),
);
if (chosen.length === 0) {
  console.error(`There is no such section. There are: ${sections.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const results: Record<string, Result> = {};
try {
  for (const section of chosen) {
    const onProgress = (line: string) => console.error(`${section.name}: ${line}`);
    results[section.name] = await section.run({ directory, runs: Number(options.runs), onProgress });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

const tables = Object.values(results).map(markdown).join('\n');
if (options.json)
  console.log(JSON.stringify({ machine: machine(), date: new Date().toISOString(), results }, null, 2));
else console.log(`${machine()}\n\n${tables}`);

if (options.write) {
  const head = `# Benchmarks

Written by \`npm run bench -- --large --write\` on ${new Date().toISOString().slice(0, 10)}: ${machine()}.

Run it on your own machine with \`npm run bench\` (about two minutes; \`--large\` adds some minutes and needs 12 GB of disk for a
while; \`--only <section>\`, \`--runs <n>\` and \`--json\` are there too). The inputs are generated from a fixed seed. Compare the
ratios, not the seconds: those are this machine's.
`;
  writeFileSync(join(import.meta.dirname, '../../docs/benchmarks.md'), `${head}\n${tables}`);
}
