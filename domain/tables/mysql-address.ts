/** The driver's options for a `MYSQL_URL`. */
export interface MysqlAddress {
  readonly uri: string;
  readonly ssl?: {
    readonly minVersion: 'TLSv1.2';
    readonly rejectUnauthorized: true;
    readonly verifyIdentity: true;
  };
}

/**
 * How to connect to the database of a `MYSQL_URL`: to another machine over TLS with a verified certificate,
 * unless the URL itself has an `ssl` option (`?ssl=false`, or any other that mysql2 reads). Never with
 * several statements at once.
 *
 * @throws {TypeError} if it is not a URL
 */
export function mysqlAddress(text: string): MysqlAddress {
  const url = new URL(text);
  url.searchParams.delete('multipleStatements');
  const isHere = /^(|localhost|127(\.\d+){3}|\[::1\])$/i.test(url.hostname);
  if (isHere || url.searchParams.has('ssl')) return { uri: url.href };
  return { uri: url.href, ssl: { minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true } };
}
