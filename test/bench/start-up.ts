import { statSync } from 'node:fs';
import { join } from 'node:path';
import { stages } from '../../domain/stage.ts';
import { bundle } from '../../infra/build/bundle.ts';
import { importedAtStart, importTime } from './children/imports.ts';
import { median, type Section } from './section.ts';

const IMPORTS = 15;

/** What a function's module costs to load: most of a cold start. */
export const startUp: Section = {
  name: 'start-up',
  async run({ directory, onProgress }) {
    onProgress('Importing the bundles');
    const entries = Object.fromEntries(stages.map((stage) => [stage, `handlers/${stage}.ts`]));
    const bundles = await bundle(entries, { to: join(directory, 'bundles') });
    const measured = await Promise.all(
      stages.map(async (stage) => {
        const { file = '', files = [] } = bundles[stage] ?? {};
        const atStart = await importedAtStart(stage, file);
        return { stage, file, files, atStart, times: [] as number[] };
      }),
    );
    for (let i = 0; i < IMPORTS; i += 1) {
      for (const { stage, file, times } of measured) times.push(await importTime(stage, file));
    }
    return {
      title: 'Importing a function’s bundle',
      columns: ['', 'processor time', 'least', 'modules at the start', 'KB', 'modules in all', 'KB in all'],
      rows: measured.map(({ stage, files, atStart, times }) => [
        stage,
        `${median(times).toFixed(0)} ms`,
        `${Math.min(...times).toFixed(0)} ms`,
        `${atStart.length}`,
        kilobytes(atStart),
        `${files.length}`,
        kilobytes(files),
      ]),
      notes: [
        `Processor time (user and system), medians of ${IMPORTS} imports of each by turns, each in a new process; the start of Node itself is not counted.`,
        'The other modules are imported when they are needed: MySQL, Parquet, Avro, the clients of queues and of the event bus.',
      ],
      values: Object.fromEntries(measured.map(({ stage, times }) => [`${stage}Ms`, median(times)])),
    };
  },
};

function kilobytes(files: readonly string[]): string {
  return `${Math.round(files.reduce((sum, file) => sum + statSync(file).size, 0) / 1000)}`;
}
