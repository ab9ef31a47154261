import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { decoded, fault } from './fault.ts';
import { isTextLeaf, kindOf, notText, textOfLeaf } from './leaf-text.ts';

/** Stands in a text for bytes that are not UTF-8: text of JSON never has this character itself. */
export const RAW = '\0';
/** Deeper ones are refused, before they could fill the stack. */
const MAX_DEPTH = 64;

/** A column of the file: its values are written as text of JSON. */
export interface Node {
  readonly name: string;
  /** As the library reads it. */
  readonly tree: SchemaTree;
  /** @param raw gets the texts that are not UTF-8 */
  readonly write: (value: unknown, raw: Uint8Array[]) => string;
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
  return kindOf(element) === 'LIST' ? { ...rest, converted_type: 'LIST' } : rest;
}

function writerOf(tree: SchemaTree, depth: number): Node['write'] {
  const { element, children } = tree;
  if (depth > MAX_DEPTH)
    throw fault('unknown_format', 'The columns of the Parquet file are nested too deeply.');
  const isRepeated = element.repetition_type === 'REPEATED';
  const one = children.length === 0 ? leafWriter(element) : groupWriter(tree, depth);
  const isLibrarysList = depth > 1 && isRepeated;
  if (!isRepeated || isLibrarysList) return one;
  // Repeated without a group around it: an older way to write a list.
  return listOf(one);
}

const listOf =
  (one: Node['write']): Node['write'] =>
  (value, raw) =>
    Array.isArray(value) ? `[${value.map((each) => one(each, raw)).join()}]` : 'null';

function leafWriter(element: SchemaElement): Node['write'] {
  const textOf = textOfLeaf(element) as (value: unknown) => string;
  const isText = isTextLeaf(element);
  return (value, raw) => {
    if (value === null || value === undefined) return 'null';
    if (!isText || !notText(value)) return textOf(value);
    raw.push(value);
    return `"${RAW}"`;
  };
}

function groupWriter(tree: SchemaTree, depth: number): Node['write'] {
  const { children } = tree;
  const [only] = children;
  const isList = isListGroup(tree);
  if (isList && only !== undefined) {
    const [inner] = only.children;
    // The library leaves out the group in the middle if it has one child.
    const item = only.children.length === 1 && inner !== undefined ? inner : only;
    return listOf(writerOf(item, depth + 2));
  }
  if (isMapGroup(tree) && only !== undefined) {
    const [key, value] = only.children as [SchemaTree, SchemaTree];
    return mapWriter(only.element.name, key, value, depth + 2);
  }
  if (
    kindOf(tree.element) === 'LIST' &&
    children.length === 1 &&
    only?.element.repetition_type === 'REPEATED'
  ) {
    // Of structs, without a group between: for the library, a struct with a list.
    const write = listOf(writerOf(only, depth + 1));
    return (value, raw) => write((value as Record<string, unknown> | null)?.[only.element.name], raw);
  }
  const names = children.map(({ element }) => element.name);
  if (new Set(names).size < names.length || names.includes('__proto__'))
    throw fault(
      'unknown_format',
      `A struct of the Parquet file has fields that can't be told apart: ${names.join(', ')}.`,
    );
  const fields = children.map((child) => ({
    name: child.element.name,
    start: `${JSON.stringify(child.element.name)}:`,
    write:
      child.element.repetition_type === 'REPEATED'
        ? listOf(writerOf(child, depth + 1))
        : writerOf(child, depth + 1),
  }));
  return (value, raw) => {
    if (typeof value !== 'object' || value === null) return 'null';
    const of = value as Readonly<Record<string, unknown>>;
    return `{${fields.map(({ name, start, write }) => start + write(of[name], raw)).join()}}`;
  };
}

/** As the library has it (`isListLike`): of others it makes structs. */
function isListGroup({ element, children }: SchemaTree): boolean {
  const [only] = children;
  return (
    kindOf(element) === 'LIST' &&
    children.length === 1 &&
    only !== undefined &&
    only.children.length <= 1 &&
    only.element.repetition_type === 'REPEATED'
  );
}

function isMapGroup({ element, children }: SchemaTree): boolean {
  const [only] = children;
  return (
    ['MAP', 'MAP_KEY_VALUE'].includes(kindOf(element) ?? '') &&
    children.length === 1 &&
    only?.children.length === 2 &&
    only.element.repetition_type === 'REPEATED'
  );
}

/** A map is an object of JSON: its keys are texts, or the texts of what they are. */
function mapWriter(entries: string, key: SchemaTree, value: SchemaTree, depth: number): Node['write'] {
  const [writeKey, write] = [writerOf(key, depth), writerOf(value, depth)];
  const [keyName, valueName] = [key.element.name, value.element.name];
  return (map, raw) => {
    const found = (map as Readonly<Record<string, unknown>> | null | undefined)?.[entries];
    if (!Array.isArray(found)) return 'null';
    const fields = found.map((entry: Readonly<Record<string, unknown>>) => {
      const name = writeKey(entry[keyName], raw);
      return `${name.startsWith('"') ? name : JSON.stringify(name)}:${write(entry[valueName], raw)}`;
    });
    return `{${fields.join()}}`;
  };
}
