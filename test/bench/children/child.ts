import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { bundle } from '../../../infra/build/bundle.ts';

const run = promisify(execFile);

/** Runs a program to its end and reads the JSON that it prints in its last line. */
export async function jsonOf(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<unknown> {
  const { stdout } = await run(command, [...args], { env, maxBuffer: 1 << 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * Runs a program that lies beside this file, bundled as a function is, under Node as Lambda starts it with
 * 512 MB.
 */
export async function runAsFunction(
  directory: string,
  program: string,
  args: readonly string[],
): Promise<unknown> {
  const { child } = await bundle(
    { child: `test/bench/children/${program}` },
    { to: `${directory}/${program}` },
  );
  return jsonOf(process.execPath, [
    '--max-semi-space-size=25',
    '--max-old-space-size=461',
    child.file,
    ...args,
  ]);
}

/** Whether python3 is there, and imports these. */
export function pythonImports(...libraries: readonly string[]): boolean {
  try {
    execFileSync('python3', ['-c', `import ${libraries.join(', ')}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
