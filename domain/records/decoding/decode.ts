import type { Dataset } from '../../dataset.ts';
import { decodeCsv } from './csv/csv.ts';
import type { CsvRecord } from './csv/record.ts';
import type { Source } from './decompression.ts';
import { decodeJson } from './json/json.ts';
import type { RawRecord } from './record.ts';

/** One record of an object, in the format of its dataset. */
export type InputRecord = RawRecord | CsvRecord;

/**
 * Cuts an object of any size into its records, in batches, as the bytes complete them; plain, gzip or zstd.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export function decode(
  { source: format, record }: Pick<Dataset, 'source' | 'record'>,
  open: Source,
): AsyncGenerator<readonly InputRecord[]> {
  return format.format === 'csv' ? decodeCsv(format, record, open) : decodeJson(format, open);
}
