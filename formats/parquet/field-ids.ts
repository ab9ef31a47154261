/**
 * The ids of fields by their names; `inner` has a struct's fields, a list's `element`, or a map's `key` and
 * `value`.
 */
export interface FieldIds {
  readonly [name: string]: { readonly id: number; readonly inner: FieldIds };
}
