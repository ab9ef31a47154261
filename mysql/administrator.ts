import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Connection } from 'mysql2/promise';
import * as z from 'zod';
import type { Environment, VariableOf } from '../domain/environment.ts';
import { mysqlName } from '../domain/tables/mysql.ts';
import { type MysqlSettings, mysqlSettings } from './connection.ts';

const environment = z.object({
  MYSQL_SECRET_ARN: z.string().min(1),
  MYSQL_LOADING_USER: z.string().regex(/^[a-z_]{1,32}$/),
} satisfies Partial<Record<VariableOf<'migration'>, z.ZodType>>);
/** RDS guide, rds-secrets-manager. */
const secret = z.object({ username: z.string(), password: z.string() });

/** The database that a connection has chosen. */
const selected = z.tuple([z.object({ name: z.string() })]);

export interface Administrator {
  readonly settings: MysqlSettings;
  /** The user to create for loading; `undefined` if the database has a URL, which also names the user. */
  readonly loadingUser: string | undefined;
}

/**
 * The user who may change tables: the one of `MYSQL_URL`, or that of the secret that RDS manages.
 *
 * @throws {Error} that names the missing variables, or the fault of the secret, but never its content
 */
export async function administrator(env: Environment = process.env): Promise<Administrator> {
  if ((env.MYSQL_URL ?? '') === '') {
    const { MYSQL_SECRET_ARN: arn, MYSQL_LOADING_USER: loadingUser } = environment.parse(env);
    const { SecretString = '' } = await new SecretsManagerClient().send(
      new GetSecretValueCommand({ SecretId: arn }),
    );
    const { username, password } = parseSecret(SecretString, arn);
    const settings = mysqlSettings({ ...env, MYSQL_USER: username });
    if (settings !== undefined) return { settings: { ...settings, password }, loadingUser };
  }
  const settings = mysqlSettings(env);
  if (settings === undefined)
    throw new Error('There is no database: neither MYSQL_URL nor MYSQL_HOST is set.');
  return { settings, loadingUser: undefined };
}

function parseSecret(text: string, arn: string): z.infer<typeof secret> {
  try {
    return secret.parse(JSON.parse(text));
  } catch {
    throw new Error(
      `The secret ${arn} is not one that RDS manages: the username or the password is missing.`,
    );
  }
}

/**
 * Creates the user of the loading function, who signs in only with IAM over TLS, and may change rows but not
 * tables (RDS guide, UsingWithRDS.IAMDBAuth.DBAccounts).
 */
export async function admitLoadingUser(connection: Connection, user: string): Promise<void> {
  const account = `'${user}'@'%'`;
  const [rows] = await connection.query('SELECT DATABASE() AS name');
  const [{ name }] = selected.parse(rows);
  await connection.query(
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL`,
  );
  await connection.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${mysqlName(name)}.* TO ${account}`);
}
