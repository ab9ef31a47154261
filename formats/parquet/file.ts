import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { type ColumnWriter, columnWriter, schemaElements } from './columns.ts';
import type { FieldIds } from './field-ids.ts';
import type { LeafStatistics } from './leaf.ts';
import { binary, bytesOf, i32, i64, list, struct, type ThriftValue } from './thrift.ts';

/** More rows than a part has. A row group needs memory only for its compressed pages. */
const ROWS_PER_ROW_GROUP = 50_000;

const MAGIC = Buffer.from('PAR1');
const VERSION = 1;

export interface ParquetStatistics {
  readonly leaves: readonly LeafStatistics[];
  /** Where the file's row groups begin. Bytes. */
  readonly splitOffsets: readonly number[];
}

/**
 * Writes rows of one table into a Parquet file in memory (parquet-format, version 2.9 and before). Rows are
 * split at once into pages in the plain encoding, compressed with zstd unless they are tiny; every reader
 * knows these. Equal rows give equal bytes.
 */
export class ParquetFile {
  readonly #columns: readonly Column[];
  readonly #writers: readonly (readonly [string, ColumnWriter])[];
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #written: Buffer[] = [MAGIC];
  readonly #ids: FieldIds | undefined;
  readonly #groupBytes: number | undefined;
  readonly #rowGroups: ThriftValue[] = [];
  /** Where the row groups begin. */
  readonly #offsets: number[] = [];
  #length = MAGIC.length;
  #groupRows = 0;
  #rows = 0;

  /**
   * @param metadata is stored in the file's footer and tells where the file comes from
   * @param ids are stored with the columns; those with an id have statistics
   * @param groupBytes how large a row group may become before compression, for the memory of who reads it
   */
  constructor(
    columns: readonly Column[],
    metadata: Readonly<Record<string, string>>,
    ids?: FieldIds,
    groupBytes?: number,
  ) {
    this.#columns = columns;
    this.#groupBytes = groupBytes;
    this.#ids = ids;
    this.#writers = columns.map((column) => [column.name, columnWriter(column, ids)] as const);
    this.#metadata = metadata;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * @throws {TypeError} if the row does not have the columns' types; then the file must not be used any more
   */
  add(row: Row): void {
    for (const [name, writer] of this.#writers) {
      writer.write(row[name], 0);
      for (const leaf of writer.leaves) leaf.endRow();
    }
    this.#rows += 1;
    this.#groupRows += 1;
    if (this.#groupRows === ROWS_PER_ROW_GROUP || this.#isGroupLarge()) this.#endRowGroup();
  }

  /** What the finished file holds, for whoever decides whether to read it. */
  statistics(): ParquetStatistics {
    const leaves = this.#writers.flatMap(([, writer]) => writer.leaves);
    return {
      leaves: leaves.flatMap((leaf) => leaf.statistics() ?? []),
      splitOffsets: this.#offsets,
    };
  }

  finish(): Uint8Array {
    if (this.#groupRows > 0) this.#endRowGroup();
    const leaves = this.#writers.flatMap(([, writer]) => writer.leaves);
    const footer = bytesOf(
      struct({
        1: i32(VERSION),
        2: list(schemaElements(this.#columns, this.#ids)),
        3: i64(this.#rows),
        4: list(this.#rowGroups),
        5: list(
          Object.entries(this.#metadata).map(([key, value]) => struct({ 1: binary(key), 2: binary(value) })),
        ),
        6: binary('sluice'),
        // Each type has the order that the format defines: without this, readers ignore the ranges.
        7: list(leaves.map(() => struct({ 1: struct({}) }))),
      }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    return Buffer.concat([...this.#written, footer, length, MAGIC]);
  }

  #isGroupLarge(): boolean {
    if (this.#groupBytes === undefined) return false;
    let bytes = 0;
    for (const [, { leaves }] of this.#writers) for (const leaf of leaves) bytes += leaf.bytes;
    return bytes >= this.#groupBytes;
  }

  #endRowGroup(): void {
    const start = this.#length;
    let uncompressed = 0;
    const chunks = this.#writers.flatMap(([, { leaves }]) =>
      leaves.map((leaf) => {
        const { pages, size, entry } = leaf.take(this.#length);
        this.#written.push(...pages);
        this.#length += size.compressed;
        uncompressed += size.uncompressed;
        return entry;
      }),
    );
    this.#offsets.push(start);
    this.#rowGroups.push(
      struct({
        1: list(chunks),
        2: i64(uncompressed),
        3: i64(this.#groupRows),
        5: i64(start),
        6: i64(this.#length - start),
      }),
    );
    this.#groupRows = 0;
  }
}
