import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { datasetCode } from '../../../infra/build/dataset-code.ts';
import { Progress } from '../../terminal/terminal.ts';
import { UserError } from '../../terminal/user-error.ts';
import { projectDirectory } from '../directories.ts';
import { instance, type Target } from '../target.ts';
import { datasetsChangedAt } from './sources.ts';

const POLL_MS = 200;
const MOST_MS = 120_000;

/**
 * Waits until the local cloud serves the datasets of this checkout, if it follows changes: who has just
 * changed one means the new code.
 *
 * @throws {UserError} if they are refused
 */
export async function untilReloaded({ control, directory }: Target): Promise<void> {
  if (control === undefined) return;
  const found = () => instance.parse(JSON.parse(readFileSync(join(directory, 'instance.json'), 'utf8')));
  if (found().reloads?.project !== projectDirectory) return;
  const wanted = JSON.stringify(await datasetCode());
  const progress = new Progress();
  try {
    for (const begun = Date.now(); ; await sleep(POLL_MS)) {
      const { outputs, reloads } = found();
      if (JSON.stringify(outputs.datasets) === wanted) return;
      if (reloads?.refused !== undefined && reloads.at > datasetsChangedAt())
        throw new UserError(`npm start goes on with the old code of the datasets: ${reloads.refused}`);
      if (Date.now() > begun + MOST_MS)
        throw new UserError(
          'The local cloud does not serve the datasets of this checkout. Start it again: npm start',
        );
      progress.show('The local cloud reloads the datasets …');
    }
  } finally {
    progress.end();
  }
}
