/** Why a statement failed, if the data is not at fault. */
export interface MysqlFailure {
  /** The kind of failure, the server's message, and the remedy. One line. */
  readonly message: string;
  /**
   * Whether the same work may succeed within seconds, because another transaction was in the way or the
   * connection was lost.
   */
  readonly passes: boolean;
  /** Whether the server has more work than it takes. */
  readonly throttled?: true;
}

interface Kind {
  readonly what: string;
  readonly cure: string;
  readonly passes?: true;
  readonly throttled?: true;
  /** The server's error numbers (MySQL error message reference; MariaDB's are the same below 1900). */
  readonly numbers?: readonly number[];
  /** Node's and mysql2's codes. */
  readonly codes?: readonly string[];
}

const kinds: readonly Kind[] = [
  {
    what: 'Another transaction was in the way (a deadlock, a lock held too long, or the same rows at once)',
    cure: 'It is retried automatically; SHOW ENGINE INNODB STATUS names the transactions that hold locks.',
    passes: true,
    numbers: [1205, 1213, 1062, 3572],
  },
  {
    what: 'The connection to the database was lost',
    cure: 'It is reopened automatically; check whether the database is restarting.',
    passes: true,
    numbers: [1053, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2006, 2013, 4031],
    codes: ['PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'ECONNRESET', 'EPIPE'],
  },
  {
    what: 'The database can’t be reached',
    cure: 'Start it, or correct its address and the security groups on the way.',
    codes: ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOENT'],
  },
  {
    what: 'The database has no connection left',
    cure: 'Raise max_connections, or lower maximumConcurrency of the loading stage.',
    throttled: true,
    numbers: [1040, 1203, 1226],
  },
  {
    what: 'The database is read-only',
    cure: 'Wait for the end of the failover, or connect to the writer; check SELECT @@read_only.',
    numbers: [1290, 1792, 1836],
  },
  {
    what: 'The database has no disk space left',
    cure: 'Give it more storage.',
    numbers: [3, 1021, 1026, 1114],
  },
  {
    what: 'The database refuses the user (authentication)',
    cure: 'Check user and password; with IAM, check that the user exists (GRANT … IDENTIFIED WITH AWSAuthenticationPlugin) and that rds-db:connect names it.',
    numbers: [1044, 1045, 1130, 1142, 1251, 1370, 1524, 1698, 1820, 1862, 3118],
    codes: ['AUTH_SWITCH_PLUGIN_ERROR'],
  },
  {
    what: 'The encrypted connection (TLS) to the database failed',
    cure: 'Check that it offers TLS under a certificate for this host name: of RDS or, with MYSQL_URL, one that this machine trusts (docs/mysql.md).',
    numbers: [3159],
    codes: ['HANDSHAKE_SSL_ERROR', 'HANDSHAKE_NO_SSL_SUPPORT', 'EPROTO', 'CERT_HAS_EXPIRED'],
  },
  {
    what: 'The database has other tables than this code expects',
    cure: 'Bring them up to date: npx sluice migrate',
    numbers: [1046, 1049, 1054, 1136, 1146, 1364],
  },
];

/** The error codes of refused certificates (Node.js documentation, "X509 certificate error codes"). */
const certificate = /CERT|^ERR_(?:TLS|SSL)_|^UNABLE_TO_|^HOSTNAME_MISMATCH$/;

/** Explains an error of the database driver; `undefined` for any other error. */
export function mysqlFailure(error: unknown): MysqlFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', errno, sqlState, fatal } = error as Partial<DriverError>;
  if (sqlState === undefined && fatal === undefined && kindOf(undefined, code) === undefined)
    return undefined;
  // mysql2's error has no code if the connection is closed already.
  const kind =
    kindOf(sqlState === undefined ? undefined : errno, code) ??
    (fatal === true && sqlState === undefined ? kindOf(undefined, 'PROTOCOL_CONNECTION_LOST') : undefined);
  const said = `${code}${errno === undefined || sqlState === undefined ? '' : ` (${errno})`}: ${error.message}`;
  if (kind === undefined) return { message: `The database failed. ${said}`, passes: false };
  const { what, cure, passes = false, throttled } = kind;
  return { message: `${what}. ${said}. ${cure}`, passes, ...(throttled && { throttled }) };
}

/** Whether a row to insert exists already. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && (error as Partial<DriverError>).errno === 1062;
}

interface DriverError {
  readonly code: string;
  readonly errno: number;
  readonly sqlState: string;
  readonly fatal: boolean;
}

function kindOf(errno: number | undefined, code: string): Kind | undefined {
  const found = kinds.find(
    ({ numbers, codes }) =>
      (errno !== undefined && (numbers?.includes(errno) ?? false)) || (codes?.includes(code) ?? false),
  );
  return found ?? (certificate.test(code) ? kinds.find(({ codes }) => codes?.includes('EPROTO')) : undefined);
}

/**
 * The server's error numbers if a row is at fault: a value that is too long, out of range, wrong for the
 * column's type or character set, missing, not JSON, or against a constraint; or a row that is larger than a
 * page or a packet may be.
 */
const rowFaults = new Set([
  1048, 1118, 1153, 1264, 1265, 1292, 1300, 1301, 1366, 1406, 1411, 1441, 1690, 3140, 3141, 3819, 3854, 4025,
]);

/**
 * The column that is at fault in a statement's rows, if the server names it; `undefined` if the rows are not
 * at fault.
 */
export function rowFault(error: unknown): { readonly column: string; readonly message: string } | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errno, sqlState } = error as Partial<DriverError>;
  if (sqlState === undefined || errno === undefined || !rowFaults.has(errno)) return undefined;
  const [, name = ''] = /column (\S+)/i.exec(error.message) ?? [];
  const column = name.replace(/^.*\./, '').replace(/^['`"]+|['`"]+$/g, '');
  return { column, message: error.message };
}
