import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { decoded, fault } from '../as-json/fault.ts';
import { RAW, type RowText } from '../as-json/row-text.ts';
import { isTextLeaf, notText, textOfLeaf } from './leaf-text.ts';
import { isRepeated, type Shape, shapeOf, typeOf } from './shape.ts';

/** Deeper ones are refused, before they could fill the stack. */
const MAX_DEPTH = 64;

/** A column of the file: its values are written as text of JSON. */
export interface Node {
  readonly name: string;
  /** As the library reads it. */
  readonly tree: SchemaTree;
  /** @param row counts what is written of it, and gets the texts that are not UTF-8 */
  readonly write: (value: unknown, row: RowText) => string;
}

/** The columns of a file. @throws {PermanentError} if the schema can't be read */
export function nodesOf(metadata: FileMetaData): readonly Node[] {
  const where = 'in its schema';
  const logical = decoded(where, () => parquetSchema(metadata));
  const plain = decoded(where, () => parquetSchema({ schema: metadata.schema.map(asRead) }));
  return decoded(where, () =>
    logical.children.map((child, i) => ({
      name: child.element.name,
      tree: plain.children[i] as SchemaTree,
      write: writerOf(child, 1),
    })),
  );
}

/**
 * How the library is to read an element: texts as texts, lists as lists, and everything else as it is stored,
 * since the library would round decimals and cut instants, and lose keys of maps.
 */
function asRead(element: SchemaElement): SchemaElement {
  const { converted_type: _, logical_type: __, ...rest } = element;
  if (element.type !== undefined) return isTextLeaf(element) ? { ...rest, converted_type: 'UTF8' } : rest;
  return typeOf(element) === 'LIST' ? { ...rest, converted_type: 'LIST' } : rest;
}

/** How the values of an element are written, which are lists if it is repeated without a group around it. */
function writerOf(tree: SchemaTree, depth: number): Node['write'] {
  const write = itemWriter(tree, depth);
  return isRepeated(tree) ? listOf(write) : write;
}

/** The same of one of its values. */
function itemWriter(tree: SchemaTree, depth: number): Node['write'] {
  if (depth > MAX_DEPTH)
    throw fault('unknown_format', 'The columns of the Parquet file are nested too deeply.');
  const shape = shapeOf(tree);
  switch (shape.kind) {
    case 'leaf':
      return leafWriter(shape.element);
    case 'list': {
      const { within } = shape;
      const write = listOf(itemWriter(shape.item, depth + 1));
      if (within === undefined) return write;
      return (value, row) => write((value as Record<string, unknown> | null)?.[within], row);
    }
    case 'map':
      return mapWriter(shape, depth + 1);
    case 'struct':
      return structWriter(shape.fields, depth + 1);
  }
}

const listOf =
  (one: Node['write']): Node['write'] =>
  (value, row) =>
    Array.isArray(value) ? `[${value.map((each) => one(each, row)).join()}]` : 'null';

function leafWriter(element: SchemaElement): Node['write'] {
  const textOf = textOfLeaf(element) as (value: unknown) => string;
  const isText = isTextLeaf(element);
  return (value, row) => {
    if (value === null || value === undefined) return 'null';
    if (!isText || !notText(value)) return row.count(textOf(value));
    row.raw.push(row.count(value));
    return `"${RAW}"`;
  };
}

function structWriter(trees: readonly SchemaTree[], depth: number): Node['write'] {
  const fields = trees.map((tree) => ({
    name: tree.element.name,
    start: `${JSON.stringify(tree.element.name)}:`,
    write: writerOf(tree, depth),
  }));
  return (value, row) => {
    if (typeof value !== 'object' || value === null) return 'null';
    const of = value as Readonly<Record<string, unknown>>;
    return `{${fields.map(({ name, start, write }) => row.count(start) + write(of[name], row)).join()}}`;
  };
}

/** A map is an object of JSON: its keys are texts, or the texts of what they are. */
function mapWriter({ entries, key, value }: Extract<Shape, { kind: 'map' }>, depth: number): Node['write'] {
  const [writeKey, write] = [itemWriter(key, depth), itemWriter(value, depth)];
  const [keyName, valueName] = [key.element.name, value.element.name];
  return (map, row) => {
    const found = (map as Readonly<Record<string, unknown>> | null | undefined)?.[entries];
    if (!Array.isArray(found)) return 'null';
    const fields = found.map((entry: Readonly<Record<string, unknown>>) => {
      const name = writeKey(entry[keyName], row);
      return `${name.startsWith('"') ? name : JSON.stringify(name)}:${write(entry[valueName], row)}`;
    });
    return `{${fields.join()}}`;
  };
}
