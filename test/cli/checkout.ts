import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectDirectory } from '../../cli/target/directories.ts';

/** Everything that the command line, the program and `npm start` read. */
const parts = [
  'cli',
  'datasets',
  'domain',
  'examples',
  'formats',
  'handlers',
  'infra',
  'lake',
  'local-aws',
  'mysql',
  'store',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'Pulumi.yaml',
  'Pulumi.dev.yaml',
];

/** Copies this checkout into a temporary directory, for a test to change. It shares the packages. */
export function copyOfCheckout(): string {
  const copy = mkdtempSync(join(tmpdir(), 'sluice-checkout-'));
  for (const part of parts) cpSync(join(projectDirectory, part), join(copy, part), { recursive: true });
  // The functions' bundles are valid until the test changes a source. Others may be writing them just now,
  // which is a file of another name until it is whole.
  const filter = (path: string) => !/\.\d+$|\.compiled$/.test(path);
  const dist = join(projectDirectory, 'dist');
  if (existsSync(dist)) cpSync(dist, join(copy, 'dist'), { recursive: true, filter });
  const [from, to] = [join(projectDirectory, 'node_modules'), join(copy, 'node_modules')];
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    // npm's links to the workspaces must lead into the copy.
    if (name === '@sluice' || name === '.bin')
      cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
    else symlinkSync(join(from, name), join(to, name));
  }
  return copy;
}
