import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectDirectory } from '../../ops/directories.ts';

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line as a person would, with the local cloud that runs from a directory. */
export function sluice(
  directory: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(projectDirectory, 'ops', 'sluice.mjs'), ...args],
      { env: { PATH: process.env['PATH'], SLUICE_DIRECTORY: directory, ...environment } },
      (error, stdout, stderr) =>
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

/** What a command with --json printed: a document a line. */
export function documents({ stdout }: Run): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
