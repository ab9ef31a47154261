import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findMariadbInstaller } from './server-program.mjs';

const run = promisify(execFile);

/** A server program, as it identifies itself. */
export interface ServerProgram {
  readonly path: string;
  readonly kind: 'MariaDB' | 'MySQL';
  /** e.g. `10.11.19` */
  readonly version: string;
}

/** @throws when it can't be run */
export async function identify(path: string): Promise<ServerProgram> {
  const { stdout } = await run(path, ['--no-defaults', '--version']);
  const version = /Ver (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? 'of unknown version';
  return { path, kind: stdout.includes('MariaDB') ? 'MariaDB' : 'MySQL', version };
}

/** Servers refuse to run as root without this option. */
export const asWhom = () => (process.getuid?.() === 0 ? ['--user=root'] : []);

/** As durable as the rest of the local cloud: against a crash, not a power cut. */
export const storageOptions = (kind: ServerProgram['kind']) => [
  '--innodb-buffer-pool-size=128M',
  '--innodb-flush-log-at-trx-commit=2',
  '--skip-log-bin',
  // Half the default: an ephemeral run copies the file.
  ...(kind === 'MariaDB' ? ['--innodb-log-file-size=48M'] : []),
];

/** Empty data directories to copy: initialising one takes seconds, with MySQL many seconds. */
const templates = join(import.meta.dirname, '../../node_modules/.cache/mysql');

/**
 * The data directory within `directory`, which is created if it is missing. MariaDB and MySQL each have their
 * own, since neither reads the other's.
 *
 * @throws the server's message when it can't be created
 */
export async function dataDirectory(program: ServerProgram, directory: string): Promise<string> {
  const data = join(directory, `data-${program.kind.toLowerCase()}`);
  if (existsSync(data)) return data;
  const template = join(templates, nameOf(program));
  if (!existsSync(template)) {
    await makeWhole(template, (unfinished) => initialise(program, unfinished));
  }
  await makeWhole(data, (unfinished) =>
    cp(template, unfinished, { recursive: true, mode: constants.COPYFILE_FICLONE }),
  );
  return data;
}

/**
 * A command that creates files and directories for its user only. A server sets an umask of its own, which
 * lets its group read and write (MariaDB manual, "UMASK"; MySQL manual, "Environment Variables").
 */
export const privately = (program: string, args: readonly string[]): [string, string[]] => [
  '/bin/sh',
  ['-c', 'umask 077 && UMASK=0600 UMASK_DIR=0700 exec "$0" "$@"', program, ...args],
];

/** The name of the template of this program and user: others could not read its files. */
const nameOf = ({ path, kind, version }: ServerProgram) =>
  createHash('sha256')
    .update(JSON.stringify([path, kind, version, process.getuid?.(), 'umask 077']))
    .digest('hex')
    .slice(0, 16);

/**
 * Makes a directory under another name first, so that an interruption never leaves an incomplete one at
 * `path`.
 */
async function makeWhole(path: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const scratch = await mkdtemp(`${path}.`);
  try {
    const unfinished = join(scratch, 'data');
    await make(unfinished);
    await rename(unfinished, path).catch((error: NodeJS.ErrnoException) => {
      // Another process was faster.
      if (!existsSync(path)) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** MariaDB manual, mariadb-install-db; MySQL manual, "Initializing the Data Directory". */
async function initialise({ path, kind }: ServerProgram, data: string): Promise<void> {
  const common = [
    '--no-defaults',
    `--datadir=${data}`,
    `--tmpdir=${dirname(data)}`,
    ...asWhom(),
    ...storageOptions(kind),
  ];
  if (kind === 'MySQL') {
    await run(...privately(path, [...common, '--initialize-insecure']));
    return;
  }
  const installer = findMariadbInstaller(path);
  if (installer === undefined) {
    throw new Error(
      `${path} is installed, but mariadb-install-db, which creates its first tables, is missing.`,
    );
  }
  const first = ['--auth-root-authentication-method=socket', '--skip-test-db'];
  await run(...privately(installer, [...common, ...first]));
}
