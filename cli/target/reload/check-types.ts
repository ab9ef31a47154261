import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../../terminal/user-error.ts';
import { projectDirectory } from '../directories.ts';

const compiler = join(projectDirectory, 'node_modules/typescript/bin/tsc');

/**
 * Checks the types of the datasets. Without TypeScript, which only development needs, nothing is checked.
 *
 * @throws {UserError} with file, line and column of each error
 */
export async function checkTypes(): Promise<void> {
  if (!existsSync(compiler)) return;
  const run = promisify(execFile)(process.execPath, [compiler, '-p', 'datasets'], { cwd: projectDirectory });
  await run.catch((error: { stdout?: string; message: string }) => {
    throw new UserError(error.stdout?.trim() || error.message);
  });
}
