import { columnsOf, recordColumn } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError } from '../../domain/errors.ts';
import { BoundedCounts } from '../../domain/records/contracts/bounded-counts.ts';
import { KeyHashes } from '../../domain/records/contracts/key-hashes.ts';
import type { Compression } from '../../domain/records/decoding/compressed/compression.ts';
import { compressionIn } from '../../domain/records/decoding/compressed/files.ts';
import { contentOf } from '../../domain/records/decoding/content.ts';
import { decode, type InputRecord } from '../../domain/records/decoding/decode.ts';
import { isWhiteSpace } from '../../domain/records/decoding/json/ndjson.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { type Limits, limits } from '../../domain/records/part.ts';
import { type Processed, processRecord } from '../../domain/records/processing.ts';
import type { Problem, Reject } from '../../domain/records/reject.ts';
import { onePartitionTooMany, partitionOf, type Row } from '../../domain/records/transformation.ts';
import type { Stage } from '../../domain/stage.ts';
import { RowEncoder } from '../../domain/tables/encoded-row.ts';
import { partitionPath } from '../../domain/versions/partition-path.ts';
import { verdictOf } from '../../domain/versions/publishing/verdict.ts';
import { count, type Tally, total } from '../../domain/versions/receipt.ts';
import { ColumnStatistics, type ColumnSummary } from './column-statistics.ts';

/** What a file of JSON begins with. */
const formats = new Map([
  [0x5b, 'JSON array'],
  [0x7b, 'JSON objects'],
] as const);
/** How many unknown fields are counted one by one. */
const MOST_UNKNOWN = 1000;
/** How much of a rejected record is told. Characters. */
const SHOWN = 500;

/** What the pipeline would make of a file. */
export interface Trial {
  /** Absent if the file is neither, or has no character that can be read. */
  readonly format?: 'JSON array' | 'JSON objects' | 'JSON document' | 'CSV' | 'Parquet' | 'Avro';
  readonly compression: Compression;
  readonly read: number;
  /** Rows for the lake. */
  readonly written: number;
  /** Records by the reason why they were filtered. */
  readonly filtered: Readonly<Tally>;
  /** What loading rejects is missing in MySQL alone. */
  readonly codes: readonly {
    readonly code: Reject['code'];
    readonly stage: Stage;
    readonly records: number;
  }[];
  /** Why the file can't be read, or not to its end, or has too many rejects. */
  readonly fault?: { readonly code: string; readonly message: string };
  /** Whether it would replace the version before. */
  readonly takesEffect: boolean;
  /** Whether a record became a row or was filtered. */
  readonly usable: boolean;
  /** The first rows, each with its record number. */
  readonly rows: readonly Row[];
  /** The first rejects of each code and stage, in the order of the records. */
  readonly rejects: readonly TriedReject[];
  /** Fields that the dataset does not name, and in how many records each one is. */
  readonly unknown: readonly { readonly field: string; readonly records: number }[];
  /** How often there were unknown fields that are not in the list, since it is too long. */
  readonly otherUnknown: number;
  readonly columns: readonly ColumnSummary[];
}

export interface TriedReject extends Problem {
  readonly stage: Stage;
  readonly recordNumber: number;
  readonly further?: readonly Problem[];
  /** The record as it was sent, as JSON text; of a long one the beginning, and `…`. Of loading, the row. */
  readonly text?: string;
}

/** How many records any stage rejects. */
export function rejectedIn({ codes }: Pick<Trial, 'codes'>): number {
  return codes.reduce((sum, { records }) => sum + records, 0);
}

export interface TrialOptions {
  /** The key that the file would have: transforms may use it. */
  readonly key: string;
  /** How many rows to keep. */
  readonly rows: number;
  /** How many rejects to keep of each code in each stage. */
  readonly rejects: number;
  /** How many records the active version has, which the file would replace. */
  readonly before?: number;
  /** Called between batches of records, with the number read so far. What it throws ends the trial. */
  onRead?(read: number): void;
}

/**
 * Takes a file through decoding, validation and transform with the pipeline's own code, and writes nothing.
 *
 * Memory: a chunk of input, one record, and what is kept to be shown, whatever the size.
 */
export async function trialOf(dataset: Dataset, open: Source, options: TrialOptions): Promise<Trial> {
  const found = new Findings(dataset, options);
  const part = new PartInProgress(dataset, limits);
  const unknown = new BoundedCounts(MOST_UNKNOWN);
  const { format, compression } = await formatOf(dataset, open);
  const keys = dataset.unique && new KeyHashes(dataset.unique, options.key, 1);
  let read = 0;
  let fault: PermanentError | undefined;
  try {
    for await (const records of decode(dataset, open)) {
      for (const raw of records) {
        read += 1;
        const made = processRecord(dataset, raw, { key: options.key, recordNumber: read }, ({ names }) => {
          for (const name of names) unknown.add(name);
        });
        const kept = part.withRoom(raw, read, made);
        found.add(read, kept);
        if (keys !== undefined && 'row' in kept) keys.add(read, kept.row);
      }
      options.onRead?.(read);
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error;
  }
  const { accepted, fault: amiss } = verdictOf({ read, ...found.sums, ...(fault && { fault }) }, dataset, {
    before: options.before,
    transformations: [{ read, keyHashes: keys?.text }],
  });
  return {
    ...(format && { format }),
    compression,
    read,
    ...found.result,
    ...(amiss && { fault: { code: amiss.code, message: amiss.message } }),
    takesEffect: accepted,
    unknown: unknown.sorted.map(({ name, count }) => ({ field: name, records: count })),
    otherUnknown: unknown.others,
  };
}

/** Cuts records into parts as the extraction does, each of which may have so many partitions. */
class PartInProgress {
  readonly #dataset: Dataset;
  readonly #limits: Limits;
  readonly #partitions = new Set<string>();
  #records = 0;
  #bytes = 0;

  constructor(dataset: Dataset, most: Limits) {
    this.#dataset = dataset;
    this.#limits = most;
  }

  /** @returns what was made of a record, unless the part has no room for it */
  withRoom({ length }: InputRecord, recordNumber: number, made: Processed): Processed {
    const { partRecords, partBytes, partitions } = this.#limits;
    if (this.#records >= partRecords || this.#bytes >= partBytes) {
      this.#partitions.clear();
      this.#records = 0;
      this.#bytes = 0;
    }
    this.#records += 1;
    // Without the part's header, whose length depends on the version: only the upload has one.
    this.#bytes += length + 1;
    if (!('row' in made)) return made;
    const partition = partitionPath(partitionOf(this.#dataset, made.row));
    if (!this.#partitions.has(partition) && this.#partitions.size === partitions)
      return { reject: onePartitionTooMany(this.#dataset, recordNumber, made.record, partitions) };
    this.#partitions.add(partition);
    return made;
  }
}

/** What becomes of the records: counted, and the first of each kind kept. */
class Findings {
  #written = 0;
  readonly #options: TrialOptions;
  readonly #filtered: Tally = {};
  readonly #codes = new Map<string, { code: Reject['code']; stage: Stage; records: number }>();
  readonly #rows: Row[] = [];
  readonly #rejects: TriedReject[] = [];
  readonly #columns: ReadonlyMap<string, ColumnStatistics>;
  readonly #encoder: RowEncoder;

  constructor(dataset: Dataset, options: TrialOptions) {
    this.#options = options;
    this.#columns = new Map(
      columnsOf(dataset.row).map((column) => [column.name, new ColumnStatistics(column)]),
    );
    this.#encoder = new RowEncoder(dataset);
  }

  add(recordNumber: number, made: Processed): void {
    if ('reject' in made) {
      this.#reject('transformation', made.reject);
      return;
    }
    if ('filtered' in made) {
      count(this.#filtered, made.filtered);
      return;
    }
    const { row } = made;
    this.#written += 1;
    if (this.#rows.length < this.#options.rows)
      this.#rows.push({ ...row, [recordColumn.name]: recordNumber });
    for (const [name, statistics] of this.#columns) statistics.add(row[name]);
    // How large a statement may be is up to the server, so no row counts as too large.
    const encoded = this.#encoder.encode({ record: recordNumber, row }, Number.POSITIVE_INFINITY);
    if ('reject' in encoded) this.#reject('loading', encoded.reject);
  }

  #reject(stage: Stage, { json, excerpt, ...reject }: Reject): void {
    const id = `${stage} ${reject.code}`;
    const sum = this.#codes.get(id) ?? { code: reject.code, stage, records: 0 };
    sum.records += 1;
    this.#codes.set(id, sum);
    if (sum.records > this.#options.rejects) return;
    // As in the files of rejects: a line feed in JSON text can only be white space.
    const text = json?.replace(/[\r\n]/g, ' ').trim() ?? (excerpt && JSON.stringify(excerpt));
    this.#rejects.push({
      stage,
      ...reject,
      ...(text !== undefined && { text: text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text }),
    });
  }

  /** Those that decide whether a version takes effect. */
  get sums() {
    const rejected = [...this.#codes.values()]
      .filter(({ stage }) => stage !== 'loading')
      .reduce((sum, { records }) => sum + records, 0);
    return { written: this.#written, filtered: total(this.#filtered), rejected };
  }

  get result() {
    return {
      written: this.#written,
      usable: this.#written + total(this.#filtered) > 0,
      filtered: this.#filtered,
      codes: [...this.#codes.values()].sort((a, b) => b.records - a.records),
      rows: this.#rows,
      rejects: this.#rejects,
      columns: [...this.#columns.values()].map(({ summary }) => summary),
    };
  }
}

const formatNames = { csv: 'CSV', parquet: 'Parquet', avro: 'Avro' } as const;

/** How a file is compressed, and its format, as far as its first bytes tell. */
async function formatOf({ source }: Dataset, open: Source): Promise<Pick<Trial, 'format' | 'compression'>> {
  const compression = await compressionIn(open);
  if (source.format !== 'json') return { format: formatNames[source.format], compression };
  try {
    for await (const chunk of contentOf(source, open)) {
      const first = chunk.find((byte) => !isWhiteSpace(byte));
      if (first === undefined) continue;
      const format = source.list === undefined ? formats.get(first as never) : 'JSON document';
      return { ...(format && { format }), compression };
    }
  } catch (error) {
    // The decoder finds it too, and says where.
    if (!(error instanceof PermanentError)) throw error;
  }
  return { compression };
}
