import type { MapType } from '../../domain/column-type.ts';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { ColumnChunk, physicalType } from './column-chunk.ts';
import { decimalStorage } from './decimals.ts';
import type { FieldIds } from './field-ids.ts';
import type { Leaf, LeafPlace } from './leaf.ts';
import { RunChunk } from './run-chunk.ts';
import { binary, boolean, i32, struct, type ThriftValue } from './thrift.ts';

/** Constants of parquet.thrift. */
const repetitions = { required: 0, optional: 1, repeated: 2 } as const;
const convertedTypes = { UTF8: 0, MAP: 1, LIST: 3, DECIMAL: 5, DATE: 6, TIMESTAMP_MICROS: 10 } as const;
/** Logical types, each a field of a union. */
const STRING = struct({ 1: struct({}) });
const MAP = struct({ 2: struct({}) });
const LIST = struct({ 3: struct({}) });
const DATE = struct({ 6: struct({}) });
/** In UTC, in microseconds. */
const TIMESTAMP = struct({ 8: struct({ 1: boolean(true), 2: struct({ 2: struct({}) }) }) });

/** Splits the values of a column into the leaves of its type. */
export interface ColumnWriter {
  readonly leaves: readonly Leaf[];
  /**
   * @param repetition the level of lists at which this is a further element; 0 for a new row @throws
   * {TypeError} if the value is not of the column's type
   */
  write(value: unknown, repetition: number): void;
  /** Adds a missing value to every leaf: there is nothing below this definition level. */
  writeNothing(repetition: number, definition: number): void;
}

/** The writer of a column of the table. @param ids the leaves with an id have statistics */
export function columnWriter(column: Column, ids: FieldIds = {}): ColumnWriter {
  return fieldWriter(column, { path: [], maxRepetition: 0, maxDefinition: 0 }, ids);
}

/** The writer of a named field at `parent`'s place. */
function fieldWriter(
  { name, type, nullable, inRuns }: Column,
  parent: LeafPlace,
  ids: FieldIds,
): ColumnWriter {
  const { maxRepetition, maxDefinition: absent } = parent;
  const place = { path: [...parent.path, name], maxRepetition, maxDefinition: absent + (nullable ? 1 : 0) };
  const inner = typeWriter(type, place, ids[name], inRuns);
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

function typeWriter(
  type: ColumnType,
  place: LeafPlace,
  id: FieldIds[string] | undefined,
  inRuns?: true,
): ColumnWriter {
  switch (type.kind) {
    case 'list':
      return listWriter(type, place, id?.inner ?? {});
    case 'map':
      return mapWriter(type, place, id?.inner ?? {});
    case 'struct':
      return structWriter(type.fields, place, id?.inner ?? {});
    default:
      return leafWriter(new (inRuns ? RunChunk : ColumnChunk)(type, place, id?.id));
  }
}

function leafWriter(leaf: Leaf): ColumnWriter {
  return {
    leaves: [leaf],
    write: (value, repetition) => leaf.add(value, repetition),
    writeNothing: (repetition, definition) => leaf.addNothing(repetition, definition),
  };
}

function listWriter(type: ColumnType & { kind: 'list' }, place: LeafPlace, ids: FieldIds): ColumnWriter {
  const further = place.maxRepetition + 1;
  const within = {
    path: [...place.path, 'list'],
    maxRepetition: further,
    maxDefinition: place.maxDefinition + 1,
  };
  const element = fieldWriter({ name: 'element', type: type.element, nullable: type.nullable }, within, ids);
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

const mapKey = { name: 'key', type: { kind: 'string' }, nullable: false } as const;
const mapValue = ({ value, nullable }: MapType): Column => ({ name: 'value', type: value, nullable });

function mapWriter(type: MapType, place: LeafPlace, ids: FieldIds): ColumnWriter {
  const further = place.maxRepetition + 1;
  const within = {
    path: [...place.path, 'key_value'],
    maxRepetition: further,
    maxDefinition: place.maxDefinition + 1,
  };
  const writers = [fieldWriter(mapKey, within, ids), fieldWriter(mapValue(type), within, ids)] as const;
  const writeNothing: ColumnWriter['writeNothing'] = (repetition, definition) => {
    for (const each of writers) each.writeNothing(repetition, definition);
  };
  return {
    leaves: writers.flatMap(({ leaves }) => leaves),
    writeNothing,
    write(value, repetition) {
      if (typeof value !== 'object') throw new TypeError(`${place.path.join('.')} is not an object.`);
      const entries = Object.entries(value as object);
      if (entries.length === 0) writeNothing(repetition, place.maxDefinition);
      for (const [i, entry] of entries.entries())
        for (const [n, writer] of writers.entries()) writer.write(entry[n], i === 0 ? repetition : further);
    },
  };
}

function structWriter(fields: readonly Column[], place: LeafPlace, ids: FieldIds): ColumnWriter {
  const writers = fields.map((field) => [field.name, fieldWriter(field, place, ids)] as const);
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
export function schemaElements(columns: readonly Column[], ids: FieldIds = {}): ThriftValue[] {
  const elements = columns.flatMap((column) => elementsOf(column, ids));
  return [struct({ 4: binary('schema'), 5: i32(columns.length) }), ...elements];
}

/**
 * A column's schema elements; lists and maps in the three levels that the format asks for (LogicalTypes.md,
 * "Lists" and "Maps").
 */
function elementsOf({ name, type, nullable }: Column, ids: FieldIds): ThriftValue[] {
  const { id, inner = {} } = ids[name] ?? {};
  const repetition = i32(nullable ? repetitions.optional : repetitions.required);
  const common = { 3: repetition, 4: binary(name), 9: id === undefined ? undefined : i32(id) };
  switch (type.kind) {
    case 'list':
      return [
        struct({ ...common, 5: i32(1), 6: i32(convertedTypes.LIST), 10: LIST }),
        struct({ 3: i32(repetitions.repeated), 4: binary('list'), 5: i32(1) }),
        ...elementsOf({ name: 'element', type: type.element, nullable: type.nullable }, inner),
      ];
    case 'map':
      return [
        struct({ ...common, 5: i32(1), 6: i32(convertedTypes.MAP), 10: MAP }),
        struct({ 3: i32(repetitions.repeated), 4: binary('key_value'), 5: i32(2) }),
        ...elementsOf(mapKey, inner),
        ...elementsOf(mapValue(type), inner),
      ];
    case 'struct':
      return [
        struct({ ...common, 5: i32(type.fields.length) }),
        ...type.fields.flatMap((field) => elementsOf(field, inner)),
      ];
    case 'string':
      return [struct({ 1: physicalType(type), ...common, 6: i32(convertedTypes.UTF8), 10: STRING })];
    case 'decimal': {
      const storage = decimalStorage(type);
      const [scale, precision] = [i32(type.scale), i32(type.precision)];
      return [
        struct({
          1: physicalType(type),
          2: storage.physical === 'bytes' ? i32(storage.length) : undefined,
          ...common,
          6: i32(convertedTypes.DECIMAL),
          7: scale,
          8: precision,
          10: struct({ 5: struct({ 1: scale, 2: precision }) }),
        }),
      ];
    }
    case 'date':
      return [struct({ 1: physicalType(type), ...common, 6: i32(convertedTypes.DATE), 10: DATE })];
    case 'timestamp': {
      const converted = i32(convertedTypes.TIMESTAMP_MICROS);
      return [struct({ 1: physicalType(type), ...common, 6: converted, 10: TIMESTAMP })];
    }
    default:
      return [struct({ 1: physicalType(type), ...common })];
  }
}
