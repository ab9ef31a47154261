import { join } from 'node:path';
import { errorText } from '../../domain/errors.ts';
import { DirectoryInUse } from '../../local-aws/core/lock.ts';
import { startMysqlServer } from './server.ts';
import { findMysqlServer } from './server-program.mjs';

export interface MysqlOptions {
  /** The directory of the local cloud. */
  readonly directory: string;
  /** Whether to start empty and keep no state. */
  readonly ephemeral?: boolean;
  /** Called when the server stops unexpectedly. */
  readonly onTrouble?: (line: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
}

/** The MySQL of this machine's pipeline, or why there is none. */
export interface Mysql {
  /** It contains the password, so don't print it. `undefined` when there is no MySQL. */
  readonly url?: string;
  /** The URL of a user who can only read. */
  readonly readUrl?: string;
  /** The address, or why there is none; it has no password. */
  readonly description: string;
  close(): Promise<void>;
}

/**
 * Opens the database of `MYSQL_URL`, or else starts a bundled server if its program is installed. Without
 * either, the pipeline runs without MySQL.
 *
 * @throws {DirectoryInUse}
 */
export async function openMysql(options: MysqlOptions): Promise<Mysql> {
  const { environment = process.env } = options;
  if ((environment['SLUICE_NO_MYSQL'] ?? '') !== '') return none('SLUICE_NO_MYSQL is set');
  const { MYSQL_URL: url = '' } = environment;
  if (url !== '')
    return { url, readUrl: url, description: `${addressOf(url)} (from MYSQL_URL)`, close: async () => {} };
  const program = findMysqlServer(environment);
  if (program === undefined)
    return none('neither mariadbd nor mysqld is installed; npm run setup:mysql installs one');
  try {
    return await startMysqlServer({ ...options, program, directory: join(options.directory, 'mysql') });
  } catch (error) {
    if (error instanceof DirectoryInUse) throw error;
    return none(errorText(error));
  }
}

const none = (why: string): Mysql => ({ description: `none: ${why}`, close: async () => {} });

function addressOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return host + pathname;
  } catch {
    return 'an invalid URL';
  }
}

/**
 * A function's environment on this machine. The program's MySQL variables name a database on AWS, so they are
 * removed; only loading gets the URL of the local one, if there is one.
 */
export function withLocalMysql(
  variables: Readonly<Record<string, string>>,
  url: string | undefined,
): Record<string, string> {
  const others = Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('MYSQL_')));
  const isLoading = variables['POWERTOOLS_SERVICE_NAME'] === 'loading';
  return isLoading && url !== undefined ? { ...others, MYSQL_URL: url } : others;
}
