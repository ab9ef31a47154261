import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Around all tests: what Node warns of in the processes that they start, and that inherit their environment,
 * fails the run.
 */
export default function collectWarnings(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-warnings-'));
  const file = join(directory, 'warnings');
  process.env['NODE_REDIRECT_WARNINGS'] = file;
  return () => {
    const warnings = existsSync(file) ? readFileSync(file, 'utf8') : '';
    rmSync(directory, { recursive: true });
    if (warnings !== '') throw new Error(`Node warned in a process that a test started:\n${warnings}`);
  };
}
