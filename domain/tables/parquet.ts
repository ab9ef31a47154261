import { type Column, storedColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import { bytesOfDigits } from '../decimal.ts';

/**
 * The schema of a dataset's Parquet files in the notation of the Dremel paper, which Parquet's own programs
 * print. Partition columns are in the files' keys, not in the files.
 */
export function parquetSchema(dataset: Dataset): string {
  const columns = storedColumns(dataset);
  return [`message ${dataset.name} {`, ...columns.flatMap((column) => lines(column, '  ')), '}'].join('\n');
}

/** The format's type of a decimal, as Iceberg asks for it (specification, Appendix A, "Parquet"). */
function physicalDecimal(precision: number): string {
  if (precision <= 9) return 'int32';
  return precision <= 18 ? 'int64' : `fixed_len_byte_array(${bytesOfDigits(precision)})`;
}

/** Lists in the three levels that the format asks for (Parquet's LogicalTypes.md, "Lists"). */
function lines({ name, type, nullable }: Column, indent: string): string[] {
  const repetition = `${indent}${nullable ? 'optional' : 'required'}`;
  switch (type.kind) {
    case 'list':
      return [
        `${repetition} group ${name} (LIST) {`,
        `${indent}  repeated group list {`,
        ...lines({ name: 'element', type: type.element, nullable: type.nullable }, `${indent}    `),
        `${indent}  }`,
        `${indent}}`,
      ];
    case 'map':
      return [
        `${repetition} group ${name} (MAP) {`,
        `${indent}  repeated group key_value {`,
        ...lines({ name: 'key', type: { kind: 'string' }, nullable: false }, `${indent}    `),
        ...lines({ name: 'value', type: type.value, nullable: type.nullable }, `${indent}    `),
        `${indent}  }`,
        `${indent}}`,
      ];
    case 'struct':
      return [
        `${repetition} group ${name} {`,
        ...type.fields.flatMap((field) => lines(field, `${indent}  `)),
        `${indent}}`,
      ];
    case 'string':
      return [`${repetition} binary ${name} (STRING);`];
    case 'decimal':
      return [
        `${repetition} ${physicalDecimal(type.precision)} ${name} (DECIMAL(${type.precision},${type.scale}));`,
      ];
    case 'date':
      return [`${repetition} int32 ${name} (DATE);`];
    case 'timestamp':
      return [`${repetition} int64 ${name} (TIMESTAMP(MICROS,true));`];
    default:
      return [`${repetition} ${type.kind} ${name};`];
  }
}
