/** The ids of fields by their names; `inner` has a struct's fields, or a list's `element`. */
export interface FieldIds {
  readonly [name: string]: { readonly id: number; readonly inner: FieldIds };
}
