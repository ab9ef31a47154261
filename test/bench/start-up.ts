import { join } from 'node:path';
import * as z from 'zod';
import { commonVariables, functionVariables } from '../../domain/environment.ts';
import { stages } from '../../domain/stage.ts';
import { bundle } from '../../infra/build/bundle.ts';
import { jsonOf } from './children/child.ts';
import { median, type Section } from './section.ts';

const IMPORTS = 15;

/** All that the program sets. Any value does: nothing is called. */
const environment = {
  ...Object.fromEntries(
    [...commonVariables, ...stages.flatMap((stage) => functionVariables[stage])].map((name) => [name, '5']),
  ),
  LOG_LEVEL: 'INFO',
  AWS_REGION: 'us-east-1',
  AWS_LAMBDA_FUNCTION_NAME: 'bench',
};

/** How long a function's module takes to load: most of a cold start. */
export const startUp: Section = {
  name: 'start-up',
  async run({ directory, onProgress }) {
    onProgress('Importing the bundles');
    const entries = Object.fromEntries(stages.map((stage) => [stage, `handlers/${stage}.ts`]));
    const bundles = await bundle(entries, { to: join(directory, 'bundles') });
    const times = new Map<string, number[]>(stages.map((stage) => [stage, []]));
    for (let i = 0; i < IMPORTS; i += 1) {
      for (const [stage, list] of times) {
        const args = [join(import.meta.dirname, 'children', 'import-child.mjs'), bundles[stage]?.file ?? ''];
        list.push(z.number().parse(await jsonOf(process.execPath, args, environment)));
      }
    }
    return {
      title: 'Importing a function’s bundle',
      columns: ['', 'median', 'fastest'],
      rows: [...times].map(([stage, list]) => [
        stage,
        `${median(list).toFixed(0)} ms`,
        `${Math.min(...list).toFixed(0)} ms`,
      ]),
      notes: [
        `${IMPORTS} imports of each by turns, each in a new process; the start of Node itself is not counted.`,
      ],
      values: Object.fromEntries([...times].map(([stage, list]) => [`${stage}Ms`, median(list)])),
    };
  },
};
