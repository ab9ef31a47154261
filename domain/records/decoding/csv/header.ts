import * as z from 'zod';
import { PermanentError } from '../../../errors.ts';
import type { CsvFormat } from '../../../source-format.ts';

/** How much of a header a message shows. */
const SHOWN_CHARACTERS = 200;

interface CsvField {
  readonly schema: z.core.$ZodType;
  /** Whether a value must be present. */
  readonly required: boolean;
}

/** The fields of CSV records that a schema asks for. */
export function csvFields(record: z.core.$ZodType): Map<string, CsvField> | undefined {
  const { def } = (record as z.core.$ZodTypes)._zod;
  if (def.type !== 'object') return undefined;
  return new Map(
    Object.entries(def.shape).map(([name, field]) => [
      name,
      { schema: field, required: !z.safeParse(field, undefined).success },
    ]),
  );
}

/**
 * Checks a header, which may have any order.
 *
 * @throws {PermanentError} if it does not match the dataset's contract
 */
export function checkHeader(
  header: readonly string[],
  record: z.core.$ZodType,
  contract: CsvFormat['columns'] = 'exact',
): void {
  const fields = csvFields(record) ?? new Map<string, CsvField>();
  const shown = JSON.stringify(header.join(' | ').slice(0, SHOWN_CHARACTERS));
  const names = header.map((name) => name.trim());
  const known = names.filter((name) => fields.has(name));
  const list = (of: readonly string[]) =>
    of
      .slice(0, 10)
      .map((name) => JSON.stringify(name.slice(0, SHOWN_CHARACTERS)))
      .join(', ');

  const missing = [...fields]
    .filter(([name, { required }]) => (required || contract === 'exact') && !known.includes(name))
    .map(([name]) => name);
  if (missing.length > 0) {
    const cure = 'The first line must name the columns, separated by the dataset’s delimiter.';
    throw wrong('missing_column', `Columns are missing in the header ${shown}: ${list(missing)}. ${cure}`);
  }
  if (new Set(known).size < known.length) {
    const twice = [...new Set(known.filter((name, i) => known.indexOf(name) !== i))];
    throw wrong('duplicate_column', `The header ${shown} names ${list(twice)} more than once.`);
  }
  if (contract === 'exact' && known.length < names.length) {
    const unknown = names.filter((name) => !fields.has(name));
    const cure = "Drop them, or declare columns: 'ignore-additional' in the dataset's source.";
    throw wrong(
      'unknown_column',
      `The header ${shown} has columns that the dataset does not declare: ${list(unknown)}. ${cure}`,
    );
  }
}

function wrong(
  code: 'missing_column' | 'duplicate_column' | 'unknown_column',
  message: string,
): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
