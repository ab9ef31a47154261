import { join } from 'node:path';
import { DirectoryInUse } from '../../local-aws/core/lock.ts';
import { startMysqlServer } from './server.ts';
import { findMysqlServer } from './server-program.mjs';

export interface MysqlOptions {
  /** Of the local cloud. */
  readonly directory: string;
  /** Begins with nothing and keeps nothing. */
  readonly ephemeral?: boolean;
  /** Told when the server ends by itself. */
  readonly onTrouble?: (line: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
}

/** The MySQL of this machine's pipeline, or why there is none. */
export interface Mysql {
  /** With the password, and so not to be printed; undefined when there is none. */
  readonly url?: string;
  /** The same for those who only read. */
  readonly readUrl?: string;
  /** In a few words, without a password. */
  readonly description: string;
  close(): Promise<void>;
}

/**
 * The database of `MYSQL_URL`, or else a server of our own, if a program for one is installed. Without either the pipeline
 * goes on without MySQL.
 *
 * @throws {DirectoryInUse}
 */
export async function openMysql(options: MysqlOptions): Promise<Mysql> {
  const { environment = process.env } = options;
  if ((environment['SLUICE_NO_MYSQL'] ?? '') !== '') return none('SLUICE_NO_MYSQL is set');
  const { MYSQL_URL: url = '' } = environment;
  if (url !== '')
    return { url, readUrl: url, description: `${addressOf(url)}, as MYSQL_URL says`, close: async () => {} };
  const program = findMysqlServer(environment);
  if (program === undefined)
    return none('neither mariadbd nor mysqld is installed; npm run setup:mysql installs one');
  try {
    return await startMysqlServer({ ...options, program, directory: join(options.directory, 'mysql') });
  } catch (error) {
    if (error instanceof DirectoryInUse) throw error;
    return none(error instanceof Error ? error.message : String(error));
  }
}

const none = (why: string): Mysql => ({ description: `none: ${why}`, close: async () => {} });

function addressOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return host + pathname;
  } catch {
    return 'an address that is none';
  }
}

/**
 * What a function's environment becomes on this machine. What the program says of MySQL names a database on AWS; loading, and it
 * alone, is told of the one here instead, if there is one.
 */
export function withLocalMysql(
  variables: Readonly<Record<string, string>>,
  url: string | undefined,
): Record<string, string> {
  const others = Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('MYSQL_')));
  const isLoading = variables['POWERTOOLS_SERVICE_NAME'] === 'loading';
  return isLoading && url !== undefined ? { ...others, MYSQL_URL: url } : others;
}
