import { type Column, storedColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';

/**
 * The schema of a dataset's Parquet files in the notation of the Dremel paper, which Parquet's own programs
 * print. Partition columns are in the files' keys, not in the files.
 */
export function parquetSchema(dataset: Dataset): string {
  const columns = storedColumns(dataset);
  return [`message ${dataset.name} {`, ...columns.flatMap((column) => lines(column, '  ')), '}'].join('\n');
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
    case 'struct':
      return [
        `${repetition} group ${name} {`,
        ...type.fields.flatMap((field) => lines(field, `${indent}  `)),
        `${indent}}`,
      ];
    case 'string':
      return [`${repetition} binary ${name} (STRING);`];
    case 'date':
      return [`${repetition} int32 ${name} (DATE);`];
    case 'timestamp':
      return [`${repetition} int64 ${name} (TIMESTAMP(MICROS,true));`];
    default:
      return [`${repetition} ${type.kind} ${name};`];
  }
}
