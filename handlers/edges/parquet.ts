import { constants, zstdCompressSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Column, ColumnType } from '../../domain/columns.ts';
import type { Row } from '../../domain/transformation.ts';

/** Rows held back before they are encoded: what one file costs in memory. */
const ROWS_PER_ROW_GROUP = 4000;

const ZSTD_LEVEL = 1;

/** Writes rows of one table into a Parquet file in memory. Equal rows give equal bytes. */
export class ParquetFile {
  readonly #columns: readonly Column[];
  readonly #bytes = new ByteWriter(64 * 1024);
  readonly #writer: ParquetWriter;
  #waiting: Row[] = [];
  #rows = 0;

  /** @param metadata stands in the file's footer, for whoever finds the file and asks where it came from */
  constructor(columns: readonly Column[], metadata: Readonly<Record<string, string>>) {
    this.#columns = columns;
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaOf(columns),
      codec: 'ZSTD',
      compressors: {
        ZSTD: (input) =>
          zstdCompressSync(input, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } }),
      },
      kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      createdBy: 'sluice',
    });
  }

  get rows(): number {
    return this.#rows;
  }

  add(row: Row): void {
    this.#rows += 1;
    if (this.#waiting.push(row) === ROWS_PER_ROW_GROUP) this.#writeRowGroup();
  }

  finish(): Uint8Array {
    if (this.#waiting.length > 0) this.#writeRowGroup();
    this.#writer.finish();
    return this.#bytes.getBytes();
  }

  #writeRowGroup(): void {
    const rows = this.#waiting;
    this.#waiting = [];
    this.#writer.write({
      columnData: this.#columns.map(({ name, type }) => ({ name, data: valuesOf(rows, name, type) })),
      rowGroupSize: rows.length,
    });
  }
}

function valuesOf(rows: readonly Row[], name: string, type: ColumnType): unknown[] {
  const convert = converterOf(type);
  if (convert === undefined) return rows.map((row) => row[name]);
  return rows.map((row) => convert(row[name]));
}

/** From the values of a row to what the writer takes; `undefined` where they are the same. */
function converterOf(type: ColumnType): ((value: unknown) => unknown) | undefined {
  switch (type.kind) {
    case 'int64':
      return (value) => (typeof value === 'number' ? BigInt(value) : value);
    case 'date':
    case 'timestamp':
      return (value) => (typeof value === 'string' ? new Date(value) : value);
    case 'list': {
      const convert = converterOf(type.element);
      return convert && ((value) => (Array.isArray(value) ? value.map(convert) : value));
    }
    case 'struct': {
      const converters = type.fields.map((field) => [field.name, converterOf(field.type)] as const);
      if (converters.every(([, convert]) => convert === undefined)) return undefined;
      return (value) => {
        if (typeof value !== 'object' || value === null) return value;
        const fields = value as Record<string, unknown>;
        return Object.fromEntries(
          converters.map(([name, convert]) => [name, convert ? convert(fields[name]) : fields[name]]),
        );
      };
    }
    default:
      return undefined;
  }
}

function schemaOf(columns: readonly Column[]): SchemaElement[] {
  return [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(elementsOf)];
}

/** A column's schema elements; lists in the three levels that the Parquet format asks for (LogicalTypes.md, "Lists"). */
function elementsOf({ name, type, nullable }: Column): SchemaElement[] {
  const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
  switch (type.kind) {
    case 'string':
      return [
        {
          name,
          repetition_type,
          type: 'BYTE_ARRAY',
          converted_type: 'UTF8',
          logical_type: { type: 'STRING' },
        },
      ];
    case 'int32':
      return [{ name, repetition_type, type: 'INT32' }];
    case 'int64':
      return [{ name, repetition_type, type: 'INT64' }];
    case 'double':
      return [{ name, repetition_type, type: 'DOUBLE' }];
    case 'boolean':
      return [{ name, repetition_type, type: 'BOOLEAN' }];
    case 'date':
      return [
        { name, repetition_type, type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
      ];
    case 'timestamp':
      return [{ name, repetition_type, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }];
    case 'list':
      return [
        { name, repetition_type, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elementsOf({ name: 'element', type: type.element, nullable: type.nullable }),
      ];
    case 'struct':
      return [
        { name, repetition_type, num_children: type.fields.length },
        ...type.fields.flatMap(elementsOf),
      ];
  }
}
