import { PermanentError } from '../../errors.ts';
import { withWholeHead } from './whole-head.ts';

/**
 * What files of other formats begin with, in latin1, and what the format is called. Each has a byte that is
 * no text, or is too odd for the names of columns.
 */
const formats: readonly (readonly [beginning: string, name: string, cure: string])[] = [
  ['PAR1\x15', 'Parquet', "Declare format: 'parquet' in the dataset’s source, or write it as JSON Lines"],
  ['Obj\x01', 'Avro', "Declare format: 'avro' in the dataset’s source, or write it as JSON Lines"],
  ['ARROW1\0\0', 'Arrow', 'Write it as JSON Lines or CSV'],
  // Compressed content has been decompressed by then.
  ['PK\x03\x04', 'a zip archive in another or in a compressed file', 'Upload the inner one'],
  ['\x1f\x8b\x08', 'compressed twice, with gzip within', 'Compress it once'],
  ['\x28\xb5\x2f\xfd', 'compressed twice, with zstd within', 'Compress it once'],
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'a document of old Office', 'Export the sheet as CSV'],
  ['\xfd7zXZ\0', 'compressed with xz', 'Compress it with gzip or zstd'],
  ['7z\xbc\xaf\x27\x1c', 'a 7z archive', 'Upload its files'],
  ['Rar!\x1a\x07', 'a rar archive', 'Upload its files'],
  ['\x1f\x9d', 'compressed with compress', 'Compress it with gzip or zstd'],
  ['\x04\x22\x4d\x18', 'compressed with lz4', 'Compress it with gzip or zstd'],
  ['SQLite format 3\0', 'a database of SQLite', 'Export its tables as CSV'],
  ['%PDF-', 'PDF', 'Upload the data that it was made from'],
  ...Array.from('123456789', (level): [string, string, string] => [
    `BZh${level}1AY&SY`,
    'compressed twice, with bzip2 within',
    'Compress it once',
  ]),
];
const LONGEST = Math.max(...formats.map(([beginning]) => beginning.length));

/**
 * The bytes, unless they are plainly of a format that Sluice doesn't read.
 *
 * @throws {PermanentError} `unknown_format`, which names the format and the cure
 */
export async function* refuseOtherFormats(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const isEnough = (head: Buffer) => head.length >= LONGEST || !mayBeginOther(head);
  let isFirst = true;
  for await (const chunk of withWholeHead(source, isEnough)) {
    if (isFirst) refuse(chunk);
    isFirst = false;
    yield chunk;
  }
}

function mayBeginOther(head: Buffer): boolean {
  const text = head.toString('latin1');
  return formats.some(([beginning]) => beginning.startsWith(text));
}

function refuse(head: Buffer): void {
  const text = head.toString('latin1', 0, LONGEST);
  const found = formats.find(([beginning]) => text.startsWith(beginning));
  if (found === undefined) return;
  const [, name, cure] = found;
  throw new PermanentError('unknown_format', `The file is ${name}, not what the dataset declares. ${cure}.`, {
    stage: 'extraction',
  });
}
