/** The environment variables that the Pulumi program gives to the functions. */
export type Variable =
  | 'RAW_BUCKET'
  | 'TEMP_BUCKET'
  | 'FAILED_BUCKET'
  | 'PROCESSED_BUCKET'
  | 'ARCHIVE_BUCKET'
  | 'LEDGER_BUCKET'
  | 'MAXIMUM_RECEIVES'
  | 'EXTRACTION_QUEUE'
  | 'EXTRACTION_VERSION'
  | 'TRANSFORMATION_VERSION'
  | 'LOADING_VERSION'
  | 'CODE_VERSION';

/**
 * Reads the named variables, once, at cold start.
 *
 * @throws {Error} that names each one that is missing: the function was deployed with another program than its own
 */
export function readConfiguration<Name extends Variable>(...names: Name[]): Readonly<Record<Name, string>> {
  const missing = names.filter((name) => (process.env[name] ?? '') === '');
  if (missing.length > 0) {
    throw new Error(
      `The environment lacks ${missing.join(', ')}. Deploy program and code together: pulumi up.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, process.env[name]])) as Record<Name, string>;
}
