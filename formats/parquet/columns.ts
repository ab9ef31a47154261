import type { Column, ColumnType } from '../../domain/columns.ts';
import { ColumnChunk, type LeafPlace, physicalType } from './column-chunk.ts';
import { binary, i32, struct, type ThriftValue } from './thrift.ts';

/** Constants of parquet.thrift. */
const repetitions = { required: 0, optional: 1, repeated: 2 } as const;
const convertedTypes = { UTF8: 0, LIST: 3, DATE: 6, TIMESTAMP_MILLIS: 9 } as const;
/** Logical types, each a field of a union. */
const STRING = struct({ 1: struct({}) });
const LIST = struct({ 3: struct({}) });
const DATE = struct({ 6: struct({}) });

/** Splits the values of a column into the leaves of its type. */
export interface ColumnWriter {
  readonly leaves: readonly ColumnChunk[];
  /**
   * @param repetition the level of lists at which this is a further element; 0 for a new row @throws
   * {TypeError} if the value is not of the column's type
   */
  write(value: unknown, repetition: number): void;
  /** Adds a missing value to every leaf: there is nothing below this definition level. */
  writeNothing(repetition: number, definition: number): void;
}

/** The writer of a column of the table. */
export function columnWriter(column: Column): ColumnWriter {
  return fieldWriter(column, { path: [], maxRepetition: 0, maxDefinition: 0 });
}

/** The writer of a named field at `parent`'s place. */
function fieldWriter({ name, type, nullable }: Column, parent: LeafPlace): ColumnWriter {
  const { maxRepetition, maxDefinition: absent } = parent;
  const place = { path: [...parent.path, name], maxRepetition, maxDefinition: absent + (nullable ? 1 : 0) };
  const inner = typeWriter(type, place);
  return {
    leaves: inner.leaves,
    writeNothing: inner.writeNothing,
    write(value, repetition) {
      if (value !== null && value !== undefined) inner.write(value, repetition);
      else if (nullable) inner.writeNothing(repetition, absent);
      else throw new TypeError(`${place.path.join('.')} has no value and is required.`);
    },
  };
}

function typeWriter(type: ColumnType, place: LeafPlace): ColumnWriter {
  switch (type.kind) {
    case 'list':
      return listWriter(type, place);
    case 'struct':
      return structWriter(type.fields, place);
    default: {
      const leaf = new ColumnChunk(type, place);
      return {
        leaves: [leaf],
        write: (value, repetition) => leaf.add(value, repetition),
        writeNothing: (repetition, definition) => leaf.addNothing(repetition, definition),
      };
    }
  }
}

function listWriter(type: ColumnType & { kind: 'list' }, place: LeafPlace): ColumnWriter {
  const further = place.maxRepetition + 1;
  const within = {
    path: [...place.path, 'list'],
    maxRepetition: further,
    maxDefinition: place.maxDefinition + 1,
  };
  const element = fieldWriter({ name: 'element', type: type.element, nullable: type.nullable }, within);
  return {
    leaves: element.leaves,
    writeNothing: element.writeNothing,
    write(value, repetition) {
      if (!Array.isArray(value)) throw new TypeError(`${place.path.join('.')} is not a list.`);
      if (value.length === 0) element.writeNothing(repetition, place.maxDefinition);
      for (let i = 0; i < value.length; i += 1) element.write(value[i], i === 0 ? repetition : further);
    },
  };
}

function structWriter(fields: readonly Column[], place: LeafPlace): ColumnWriter {
  const writers = fields.map((field) => [field.name, fieldWriter(field, place)] as const);
  return {
    leaves: writers.flatMap(([, { leaves }]) => leaves),
    write(value, repetition) {
      if (typeof value !== 'object') throw new TypeError(`${place.path.join('.')} is not an object.`);
      for (const [name, writer] of writers)
        writer.write((value as Record<string, unknown>)[name], repetition);
    },
    writeNothing(repetition, definition) {
      for (const [, writer] of writers) writer.writeNothing(repetition, definition);
    },
  };
}

/** The footer's schema: the table and its columns, depth first. */
export function schemaElements(columns: readonly Column[]): ThriftValue[] {
  return [struct({ 4: binary('schema'), 5: i32(columns.length) }), ...columns.flatMap(elementsOf)];
}

/**
 * A column's schema elements; lists in the three levels that the format asks for (LogicalTypes.md, "Lists").
 */
function elementsOf({ name, type, nullable }: Column): ThriftValue[] {
  const common = { 3: i32(nullable ? repetitions.optional : repetitions.required), 4: binary(name) };
  switch (type.kind) {
    case 'list':
      return [
        struct({ ...common, 5: i32(1), 6: i32(convertedTypes.LIST), 10: LIST }),
        struct({ 3: i32(repetitions.repeated), 4: binary('list'), 5: i32(1) }),
        ...elementsOf({ name: 'element', type: type.element, nullable: type.nullable }),
      ];
    case 'struct':
      return [struct({ ...common, 5: i32(type.fields.length) }), ...type.fields.flatMap(elementsOf)];
    case 'string':
      return [struct({ 1: physicalType(type), ...common, 6: i32(convertedTypes.UTF8), 10: STRING })];
    case 'date':
      return [struct({ 1: physicalType(type), ...common, 6: i32(convertedTypes.DATE), 10: DATE })];
    case 'timestamp':
      return [struct({ 1: physicalType(type), ...common, 6: i32(convertedTypes.TIMESTAMP_MILLIS) })];
    default:
      return [struct({ 1: physicalType(type), ...common })];
  }
}
