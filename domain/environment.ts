/**
 * The alias by which everything calls a function. It points to a published version, whose code and variables
 * never change.
 */
export const liveAlias = 'live';

/** Set for every function. The first two are for Powertools; `CODE_VERSION` is the hash of the bundle. */
export const commonVariables = [
  'POWERTOOLS_SERVICE_NAME',
  'POWERTOOLS_METRICS_NAMESPACE',
  'LOG_LEVEL',
  'STACK',
  'CODE_VERSION',
] as const;

/** The address of the database, in a stack that has one. */
const databaseVariables = ['MYSQL_HOST', 'MYSQL_PORT', 'MYSQL_DATABASE'] as const;

/** Set for the functions of the stages: their queue, its visibility timeout in seconds, and its redrive. */
export const queueVariables = ['QUEUE_URL', 'VISIBILITY_TIMEOUT', 'MAXIMUM_RECEIVES'] as const;

/** Set for the loading function as well, in a stack with MySQL: the database and the user. */
export const mysqlVariables = [...databaseVariables, 'MYSQL_USER'] as const;

/**
 * The environment variables of each function. The Pulumi program sets them, and the function reads them at
 * its cold start. Both use this list, so that neither can misspell or omit one.
 */
export const functionVariables = {
  extraction: [
    'RAW_BUCKET',
    'TEMP_BUCKET',
    'FAILED_BUCKET',
    'PROCESSED_BUCKET',
    'LEDGER_BUCKET',
    ...queueVariables,
  ],
  transformation: [
    'RAW_BUCKET',
    'TEMP_BUCKET',
    'PROCESSED_BUCKET',
    'FAILED_BUCKET',
    'LEDGER_BUCKET',
    ...queueVariables,
  ],
  commit: [
    'PROCESSED_BUCKET',
    'ARCHIVE_BUCKET',
    'TEMP_BUCKET',
    'FAILED_BUCKET',
    'LEDGER_BUCKET',
    'CATALOG_DATABASE',
    ...queueVariables,
  ],
  loading: [
    'PROCESSED_BUCKET',
    'ARCHIVE_BUCKET',
    'TEMP_BUCKET',
    'FAILED_BUCKET',
    'LEDGER_BUCKET',
    ...queueVariables,
  ],
  migration: [...databaseVariables, 'MYSQL_SECRET_ARN', 'MYSQL_LOADING_USER'],
  maintenance: ['PROCESSED_BUCKET', 'LEDGER_BUCKET', 'FAILED_BUCKET', 'CATALOG_DATABASE', 'SNAPSHOT_DAYS'],
  'backfill-sending': ['RAW_BUCKET', 'FAILED_BUCKET', 'LEDGER_BUCKET', 'EXTRACTION_QUEUE'],
  'backfill-reporting': ['FAILED_BUCKET', 'LEDGER_BUCKET'],
} as const;

/** A function, by the name that its logs and metrics carry. */
export type FunctionName = keyof typeof functionVariables;

/** The variables that the program sets for one function in particular. */
export type VariableOf<Name extends FunctionName> = (typeof functionVariables)[Name][number];

/** All variables that the program sets. */
export type Variable =
  | (typeof commonVariables)[number]
  | (typeof mysqlVariables)[number]
  | VariableOf<FunctionName>;

/** The variables that name buckets. */
export type BucketVariable<Name extends Variable = Variable> = Extract<Name, `${string}_BUCKET`>;

/**
 * The variables that a function may read: also those that Lambda sets, and `MYSQL_URL` for a database of
 * one's own.
 */
export type Environment = Readonly<
  Partial<Record<Variable | 'AWS_REGION' | 'MYSQL_URL', string | undefined>>
>;
