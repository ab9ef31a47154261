import { parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { footerOf } from '../../domain/records/decoding/parquet/footer.ts';
import { isRepeated, shapeOf, typeOf } from '../../domain/records/decoding/parquet/shape.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { type FieldType, NANOSECONDS, nested, orNull, plain, structOf } from './field-type.ts';

/** The types of a Parquet file's columns, as its schema says. @throws {PermanentError} */
export async function parquetTypes(open: Source): Promise<ReadonlyMap<string, FieldType>> {
  const { children } = parquetSchema(await footerOf(open));
  return new Map(children.map((tree) => [tree.element.name, columnType(tree)]));
}

function columnType(tree: SchemaTree): FieldType {
  return isRepeated(tree) ? nested(itemType(tree), (type) => `z.array(${type})`) : itemType(tree);
}

function itemType(tree: SchemaTree): FieldType {
  const shape = shapeOf(tree);
  switch (shape.kind) {
    case 'leaf':
      return leafType(shape.element);
    case 'list':
      return nested(nullable(shape.item, itemType(shape.item)), (type) => `z.array(${type})`);
    case 'map':
      return nested(nullable(shape.value, itemType(shape.value)), (type) => `z.record(z.string(), ${type})`);
    case 'struct':
      return structOf(shape.fields.map((each) => [each.element.name, nullable(each, columnType(each))]));
  }
}

const nullable = ({ element }: SchemaTree, type: FieldType) =>
  element.repetition_type === 'OPTIONAL' ? orNull(type) : type;

function leafType(element: SchemaElement): FieldType {
  const { type, logical_type: logical, converted_type: converted, precision, scale = 0 } = element;
  switch (typeOf(element)) {
    case 'STRING':
    case 'UTF8':
    case 'ENUM':
    case 'UUID':
      return plain('z.string()');
    case 'TIME':
      return plain('time()', logical?.type === 'TIME' && logical.unit === 'NANOS' ? NANOSECONDS : undefined);
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return plain('time()');
    case 'JSON':
      return { ...plain('json()'), isPlain: false };
    case 'DECIMAL':
      return plain(`decimal(${precision}, ${scale})`);
    case 'DATE':
      return plain('date()');
    case 'TIMESTAMP': {
      const { isAdjustedToUTC, unit } = logical as { isAdjustedToUTC: boolean; unit: string };
      if (!isAdjustedToUTC)
        return {
          ...plain('timestamp()', 'no value has a zone: say where the clocks stand'),
          record: "timestamp({ zone: 'UTC' })",
        };
      return plain('timestamp()', unit === 'NANOS' ? NANOSECONDS : undefined);
    }
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return plain('timestamp()');
    case 'FLOAT16':
      return plain('double()');
    case 'UINT_32':
      return plain('int64()');
    case 'UINT_64':
      return plain('decimal(20, 0)');
  }
  const isUnsigned = logical?.type === 'INTEGER' && !logical.isSigned;
  const isWide = logical?.type === 'INTEGER' && logical.bitWidth >= 32;
  switch (type) {
    case 'BOOLEAN':
      return plain('z.boolean()');
    case 'INT32':
      return plain(isUnsigned && isWide ? 'int64()' : 'int32()');
    case 'INT64':
      return plain(isUnsigned || converted === 'UINT_64' ? 'decimal(20, 0)' : 'int64()');
    case 'INT96':
      return plain('timestamp()');
    case 'FLOAT':
    case 'DOUBLE':
      return plain('double()');
    default:
      return { ...plain('binary()'), isPlain: false };
  }
}
