import type { SchemaElement, SchemaTree } from 'hyparquet';
import { fault, shown, twice } from '../as-json/fault.ts';

/** What an element of the schema is for a reader of its values. */
export type Shape =
  | { readonly kind: 'leaf'; readonly element: SchemaElement }
  /** `within`: the field of a struct that has it, since for the library the list is one. */
  | { readonly kind: 'list'; readonly item: SchemaTree; readonly within?: string }
  | { readonly kind: 'map'; readonly entries: string; readonly key: SchemaTree; readonly value: SchemaTree }
  | { readonly kind: 'struct'; readonly fields: readonly SchemaTree[] };

/** What the values of an element are, by its logical type or, of older files, its converted type. */
export function typeOf({
  logical_type: logical,
  converted_type: converted,
}: SchemaElement): string | undefined {
  return logical?.type ?? converted;
}

export const isRepeated = ({ element }: SchemaTree) => element.repetition_type === 'REPEATED';

/**
 * What an element is, if it occurs once ("Parquet logical types", nested types). Lists are those that the
 * library takes for lists (`isListLike`); of others it makes structs.
 *
 * @throws {PermanentError} if fields of a struct can't be told apart
 */
export function shapeOf({ element, children }: SchemaTree): Shape {
  const [only] = children;
  if (only === undefined) return { kind: 'leaf', element };
  const type = typeOf(element);
  if (children.length === 1 && isRepeated(only)) {
    const [inner, second, ...more] = only.children;
    if (type === 'LIST')
      return second === undefined
        ? { kind: 'list', item: inner ?? only }
        : { kind: 'list', item: only, within: only.element.name };
    if ((type === 'MAP' || type === 'MAP_KEY_VALUE') && inner && second && more.length === 0)
      return { kind: 'map', entries: only.element.name, key: inner, value: second };
  }
  const names = children.map((child) => child.element.name);
  const double = twice(names);
  if (double !== undefined || names.includes('__proto__'))
    throw fault(
      'unknown_format',
      `The struct ${shown(element.name)} of the Parquet file has ${double === undefined ? 'a field "__proto__", which no record can have' : `two fields ${shown(double)}`}. Write it again with other names.`,
    );
  return { kind: 'struct', fields: children };
}
