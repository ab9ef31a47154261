import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { decoded, fault } from '../as-json/fault.ts';
import type { Source } from '../source.ts';
import { bytesIn } from './ranges.ts';
import { checkStruct, TooMany } from './thrift.ts';

const MAGIC = 'PAR1';
/** Of a file whose footer is encrypted. */
const ENCRYPTED_MAGIC = 'PARE';
/** The length of the footer and the magic number, behind it. */
const TAIL_BYTES = 8;
/** What is read first: most footers are shorter. */
const FIRST_BYTES = 64 * 1024;
const MAX_FOOTER_BYTES = 16 * 1024 * 1024;
/** As objects these take some 200 MB. A column of a row group has 30. */
const MAX_FOOTER_VALUES = 2_000_000;
const CURE = 'Write larger row groups, or fewer columns.';
const SHOWN_BYTES = 20;

/** Replace the library's parsers: the statistics in the footer are not used. */
const none = () => undefined;
const parsers = {
  timestampFromMilliseconds: none,
  timestampFromMicroseconds: none,
  timestampFromNanoseconds: none,
  dateFromDays: none,
  stringFromBytes: none,
  jsonFromBytes: none,
  geometryFromBytes: none,
  geographyFromBytes: none,
  uuidFromBytes: none,
};

/** Reads the footer of a Parquet file. @throws {PermanentError} if it is none, broken off or encrypted */
export async function footerOf(open: Source): Promise<FileMetaData> {
  let tail = await bytesIn(open, { last: FIRST_BYTES });
  const magic = tail.toString('latin1', tail.length - MAGIC.length);
  if (tail.length === 0) throw fault('empty_file', 'The file is empty.');
  if (magic === ENCRYPTED_MAGIC) throw encrypted('Its footer');
  if (magic !== MAGIC || tail.length < MAGIC.length + TAIL_BYTES) throw await noFooter(open);
  const length = tail.readUInt32LE(tail.length - TAIL_BYTES);
  if (length > MAX_FOOTER_BYTES)
    throw fault(
      'corrupt_file',
      `The footer of the Parquet file has ${length} bytes, it says; ${MAX_FOOTER_BYTES} are allowed. ${CURE}`,
    );
  const whole = length + TAIL_BYTES;
  if (whole > tail.length) tail = await bytesIn(open, { last: whole });
  if (whole > tail.length)
    throw fault(
      'corrupt_file',
      `The footer of the Parquet file has ${length} bytes, it says: more than the file.`,
    );
  const footer = new Uint8Array(tail.subarray(tail.length - whole));
  const metadata = decoded('in its footer', () => {
    check(new DataView(footer.buffer, 0, length));
    return parquetMetadata(footer, { parsers: parsers as never, geoparquet: false });
  });
  checkColumns(metadata);
  return metadata;
}

function check(view: DataView): void {
  try {
    checkStruct({ view, offset: 0 }, MAX_FOOTER_VALUES);
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    throw fault(
      'unsupported_layout',
      `The footer of the Parquet file is too large: ${error.message}. ${CURE}`,
    );
  }
}

async function noFooter(open: Source) {
  const head = await bytesIn(open, { start: 0, end: SHOWN_BYTES });
  if (head.toString('latin1').startsWith(MAGIC))
    return fault(
      'truncated',
      'The Parquet file breaks off: it has no footer, without which nothing of it can be read.',
    );
  const begins = JSON.stringify(head.toString('latin1'));
  return fault(
    'unknown_format',
    `The file begins with ${begins}, and is not Parquet, which is compressed within. Upload Parquet, or declare the format that it has in the dataset’s source.`,
  );
}

const encrypted = (what: string) =>
  fault('encrypted', `${what} is encrypted. Write the Parquet file without encryption.`);

function checkColumns({ row_groups: groups }: FileMetaData): void {
  for (const { columns } of groups)
    for (const { meta_data: leaf, crypto_metadata: crypto, file_path: path } of columns) {
      if (crypto !== undefined) throw encrypted('A column');
      if (path)
        throw fault('unknown_format', 'The columns of the Parquet file are in other files. Write one file.');
      if (leaf === undefined)
        throw fault('corrupt_file', 'The footer of the Parquet file tells nothing of a column.');
    }
}
