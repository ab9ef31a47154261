// Measures the pipeline and prints tables: npm run bench -- [--large] [--only <section>] [--runs <n>]
// [--objects <n>] [--gigabytes <n>] [--kill] [--json] [--write]
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { backfill } from './backfill.ts';
import { commits } from './commits.ts';
import { compaction } from './compaction.ts';
import { comparison } from './comparison.ts';
import { csv } from './csv.ts';
import { localCloud } from './local-cloud.ts';
import { memory } from './memory.ts';
import { million } from './million/million.ts';
import { mysql } from './mysql.ts';
import { overwrite } from './overwrite.ts';
import { page } from './page.ts';
import { machine, markdown, type Result } from './section.ts';
import { huge } from './stages/huge.ts';
import { parallel } from './stages/parallel.ts';
import { small } from './stages/small.ts';
import { stages } from './stages/stages.ts';
import { startUp } from './start-up.ts';
import { types } from './types/types.ts';

const sections = [
  comparison,
  csv,
  stages,
  parallel,
  small,
  types,
  startUp,
  localCloud,
  page,
  overwrite,
  mysql,
  memory,
  huge,
  million,
  commits,
  compaction,
  backfill,
];

const head = `# Benchmarks

\`npm run bench -- --large --write\` writes this page. To measure on your own machine, run \`npm run bench\`, which takes some minutes;
\`--large\` takes an hour more, and 60 GB of disk for a while. \`--only <section>\` measures one section (${sections.map(({ name }) => name).join(', ')}).
\`npm run bench -- --help\` tells the other options. The inputs are generated from a fixed seed. Compare the ratios, not the seconds: the seconds are one machine's.
`;

const usage = `npm run bench -- [--large] [--only SECTION]... [--runs N] [--write | --json]

Measures the pipeline beside other tools by processor time, and prints tables.
  --only SECTION   only this one: ${sections.map(({ name }) => name).join(', ')}
  --large          also what takes minutes and gigabytes of disk
  --runs N         how often each measurement is repeated (5)
  --gigabytes N    the size of the huge object (20)
  --objects N      how many objects the backfill has (2000)
  --kill           kills the local cloud in the middle of the backfill, however short it is
  --write          writes docs/benchmarks.md, in place of what was there of the same sections
  --json           prints JSON`;

const { values: options } = parseArgs({
  options: {
    large: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    gigabytes: { type: 'string', default: '20' },
    objects: { type: 'string', default: '2000' },
    kill: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit();
}

const chosen = sections.filter(({ name, onRequest = false }) =>
  options.only === undefined ? options.large || !onRequest : options.only.includes(name),
);
if (chosen.length === 0) {
  console.error(`There is no such section. There are: ${sections.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const loadAtStart = loadavg()[0] ?? Number.NaN;
const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const results: Record<string, Result> = {};
try {
  for (const section of chosen) {
    const onProgress = (line: string) => console.error(`${section.name}: ${line}`);
    results[section.name] = await section.run({
      directory,
      runs: Number(options.runs),
      objects: Number(options.objects),
      kill: options.kill,
      bytes: Number(options.gigabytes) * 1e9,
      onProgress,
    });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

const tables = Object.values(results).map(markdown).join('\n');
if (options.json)
  console.log(JSON.stringify({ machine: machine(), date: new Date().toISOString(), results }, null, 2));
else console.log(`${machine()}\n\n${tables}`);

if (options.write) {
  const path = join(import.meta.dirname, '../../docs/benchmarks.md');
  const date = new Date().toISOString().slice(0, 10);
  const written = new Map(sectionsIn(existsSync(path) ? readFileSync(path, 'utf8') : ''));
  for (const result of Object.values(results)) {
    const conditions = `- Measured on ${date}: ${machine()}; load average ${loadAtStart.toFixed(1)} before it began.\n`;
    written.set(result.title, markdown(result) + conditions);
  }
  writeFileSync(path, [head, ...written.values()].join('\n'));
}

/** The sections of the document, each under its title; those that were not measured this time stay. */
function sectionsIn(document: string): [string, string][] {
  return document
    .split(/^(?=## )/m)
    .slice(1)
    .map((text) => [text.slice(3, text.indexOf('\n')), `${text.trimEnd()}\n`]);
}
