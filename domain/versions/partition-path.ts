/** The values of the partition columns of a file of the lake, outermost first. */
export type Partition = ReadonlyArray<readonly [column: string, value: string | null]>;

/**
 * Characters, each of which can take three of the 1,024 bytes that S3 allows for a key. So a key has room for
 * two such values.
 */
export const MAX_PARTITION_VALUE = 100;

/** Hive's name for a null partition value. */
export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/**
 * `difficulty=easy/`, or empty text without partitions. Exactly the characters that Hive escapes are escaped,
 * since Hive unescapes byte by byte (FileUtils.escapePathName). Empty text is null, as in Hive.
 */
export function partitionPath(partition: Partition): string {
  let path = '';
  for (const [column, value] of partition) path += `${column}=${escapeValue(value)}/`;
  return path;
}

export function parsePartitionPath(path: string): Partition {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      const equals = segment.indexOf('=');
      const value = segment.slice(equals + 1);
      return [segment.slice(0, equals), value === NULL_PARTITION ? null : decodeURIComponent(value)] as const;
    });
}

/** The values of the partition of a path, as the catalog keeps them. */
export function catalogValues(path: string): string[] {
  return parsePartitionPath(path).map(([, value]) => value ?? NULL_PARTITION);
}

/**
 * The values of a folder such as `difficulty=easy/`, as the catalog keeps them; `undefined` if it is not a
 * partition by these columns.
 */
export function partitionValues(
  columns: readonly { readonly name: string }[],
  path: string,
): string[] | undefined {
  const segments = path.split('/').filter((segment) => segment !== '');
  const isOne =
    segments.length === columns.length && columns.every(({ name }, i) => segments[i]?.startsWith(`${name}=`));
  if (!isOne) return undefined;
  try {
    return catalogValues(path);
  } catch {
    // Somebody else made the folder, and its name has invalid escapes.
    return undefined;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: Hive escapes them.
const ESCAPED = /[\u0000-\u001f"#%'*/:=?\\\u007f{[\]^]/g;

function escapeValue(value: string | null): string {
  if (value === null || value === '') return NULL_PARTITION;
  return value
    .toWellFormed()
    .replace(
      ESCAPED,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}
