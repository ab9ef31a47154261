import type { AvroField, AvroRecord, AvroSchema } from '../avro/schema.ts';
import { avroTypeOf, type TypedField } from '../values/partition-values.ts';

/** A field that every entry has. */
const required = (id: number, name: string, type: AvroSchema): AvroField => ({ name, type, 'field-id': id });

const optional = (id: number, name: string, type: AvroSchema): AvroField => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
});

/** A map with integers as keys is an array of pairs (specification, Appendix A, "Avro"). */
const mapOf = (keyId: number, valueId: number, value: AvroSchema): AvroSchema => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${keyId}_v${valueId}`,
    fields: [required(keyId, 'key', 'int'), required(valueId, 'value', value)],
  },
});

/** The schema of a manifest's entries ("Manifest Entry Fields"), by the types of the partition's fields. */
export function entrySchema(partition: readonly TypedField[]): AvroRecord {
  const dataFile: AvroRecord = {
    type: 'record',
    name: 'r2',
    fields: [
      required(134, 'content', 'int'),
      required(100, 'file_path', 'string'),
      required(101, 'file_format', 'string'),
      // Never a union: Redshift Spectrum can't read one.
      required(102, 'partition', {
        type: 'record',
        name: 'r102',
        fields: partition.map(({ field, type }) =>
          optional(field['field-id'], avroName(field.name), avroTypeOf(type)),
        ),
      }),
      required(103, 'record_count', 'long'),
      required(104, 'file_size_in_bytes', 'long'),
      optional(108, 'column_sizes', mapOf(117, 118, 'long')),
      optional(109, 'value_counts', mapOf(119, 120, 'long')),
      optional(110, 'null_value_counts', mapOf(121, 122, 'long')),
      optional(137, 'nan_value_counts', mapOf(138, 139, 'long')),
      optional(125, 'lower_bounds', mapOf(126, 127, 'bytes')),
      optional(128, 'upper_bounds', mapOf(129, 130, 'bytes')),
      optional(132, 'split_offsets', { type: 'array', items: 'long', 'element-id': 133 }),
      optional(140, 'sort_order_id', 'int'),
    ],
  };
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required(0, 'status', 'int'),
      optional(1, 'snapshot_id', 'long'),
      optional(3, 'sequence_number', 'long'),
      optional(4, 'file_sequence_number', 'long'),
      required(2, 'data_file', dataFile),
    ],
  };
}

/** Avro's names are letters, digits and underscores, and don't begin with a digit. */
export function avroName(name: string): string {
  return Array.from(name, (character, at) =>
    /[A-Za-z_]/.test(character) || (at > 0 && /[0-9]/.test(character))
      ? character
      : /[0-9]/.test(character)
        ? `_${character}`
        : `_x${(character.codePointAt(0) as number).toString(16).toUpperCase()}`,
  ).join('');
}

/** The schema of a manifest list's entries ("Manifest Lists"). */
export const manifestFileSchema: AvroRecord = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required(500, 'manifest_path', 'string'),
    required(501, 'manifest_length', 'long'),
    required(502, 'partition_spec_id', 'int'),
    required(517, 'content', 'int'),
    required(515, 'sequence_number', 'long'),
    required(516, 'min_sequence_number', 'long'),
    required(503, 'added_snapshot_id', 'long'),
    required(504, 'added_files_count', 'int'),
    required(505, 'existing_files_count', 'int'),
    required(506, 'deleted_files_count', 'int'),
    required(512, 'added_rows_count', 'long'),
    required(513, 'existing_rows_count', 'long'),
    required(514, 'deleted_rows_count', 'long'),
    // Optional in the format; Redshift Spectrum can't read a list without it.
    optional(507, 'partitions', {
      type: 'array',
      'element-id': 508,
      items: {
        type: 'record',
        name: 'r508',
        fields: [
          required(509, 'contains_null', 'boolean'),
          optional(518, 'contains_nan', 'boolean'),
          optional(510, 'lower_bound', 'bytes'),
          optional(511, 'upper_bound', 'bytes'),
        ],
      },
    }),
  ],
};

/** The names of a schema's fields by their ids, at any depth. */
export function namesById(schema: AvroSchema): Map<number, string> {
  const names = new Map<number, string>();
  const visit = (each: AvroSchema): void => {
    if (typeof each === 'string') return;
    if (Array.isArray(each)) for (const branch of each) visit(branch);
    else
      for (const key of ['items', 'type'] as const) {
        const inner = (each as Record<string, unknown>)[key];
        if (typeof inner === 'object') visit(inner as AvroSchema);
      }
    if ('fields' in each)
      for (const { name, type, 'field-id': id } of (each as AvroRecord).fields) {
        if (id !== undefined) names.set(id, name);
        visit(type);
      }
  };
  visit(schema);
  return names;
}
