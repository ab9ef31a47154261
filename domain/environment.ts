/** Told to every function: the first two are for Powertools, the version is that of the code's bytes. */
export const commonVariables = [
  'POWERTOOLS_SERVICE_NAME',
  'POWERTOOLS_METRICS_NAMESPACE',
  'LOG_LEVEL',
  'STACK',
  'CODE_VERSION',
] as const;

/** Where the database is, in a stack that has one. */
const databaseVariables = ['MYSQL_HOST', 'MYSQL_PORT', 'MYSQL_DATABASE'] as const;

/** Told to the loading function besides, in a stack with MySQL: the database, and whom to connect as. */
export const mysqlVariables = [...databaseVariables, 'MYSQL_USER'] as const;

/**
 * The environment variables of each function: the Pulumi program sets them and the function reads them at its cold start. Both
 * take the names from here, so that neither can misspell one or leave one out.
 */
export const functionVariables = {
  extraction: [
    'RAW_BUCKET',
    'TEMP_BUCKET',
    'FAILED_BUCKET',
    'PROCESSED_BUCKET',
    'LEDGER_BUCKET',
    'MAXIMUM_RECEIVES',
  ],
  transformation: ['TEMP_BUCKET', 'PROCESSED_BUCKET', 'FAILED_BUCKET', 'LEDGER_BUCKET', 'MAXIMUM_RECEIVES'],
  loading: [
    'PROCESSED_BUCKET',
    'ARCHIVE_BUCKET',
    'TEMP_BUCKET',
    'FAILED_BUCKET',
    'LEDGER_BUCKET',
    'MAXIMUM_RECEIVES',
  ],
  migration: [...databaseVariables, 'MYSQL_SECRET_ARN', 'MYSQL_LOADING_USER'],
  'backfill-sending': [
    'RAW_BUCKET',
    'FAILED_BUCKET',
    'LEDGER_BUCKET',
    'EXTRACTION_QUEUE',
    'EXTRACTION_VERSION',
    'TRANSFORMATION_VERSION',
    'LOADING_VERSION',
  ],
  'backfill-reporting': ['FAILED_BUCKET', 'LEDGER_BUCKET'],
} as const;

/** A function, by the name that its logs and metrics carry. */
export type FunctionName = keyof typeof functionVariables;

/** What the program sets for one function and no other need have. */
export type VariableOf<Name extends FunctionName> = (typeof functionVariables)[Name][number];

/** All that the program sets. */
export type Variable =
  | (typeof commonVariables)[number]
  | (typeof mysqlVariables)[number]
  | VariableOf<FunctionName>;

/** The variables that name buckets. */
export type BucketVariable<Name extends Variable = Variable> = Extract<Name, `${string}_BUCKET`>;

/** What a function may ask for: also what Lambda sets, and what a database of one's own is named by. */
export type Environment = Readonly<
  Partial<Record<Variable | 'AWS_REGION' | 'MYSQL_URL', string | undefined>>
>;
