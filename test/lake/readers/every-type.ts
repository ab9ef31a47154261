import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import {
  binary,
  date,
  decimal,
  double,
  int32,
  int64,
  text,
  timestamp,
  yesNo,
} from '../../../domain/fields.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import type { Structs } from '../../formats/iceberg/operations.ts';

/** A form of a dataset, and what becomes of the rows of the form before. */
export interface Form {
  readonly dataset: Dataset;
  readonly after: (row: Row) => Row;
}

const partitions = { category: z.string().nullable(), day: date().nullable() };
const step = { text: text(), minutes: int32().nullable(), at: z.iso.datetime() };
const place = { name: text(), lat: double().nullable(), since: date().nullable() };
const inner = { ok: z.boolean(), codes: z.array(int32().nullable()) };
const first = {
  id: int32(),
  ...partitions,
  label: z.string().nullable(),
  amount: decimal(9, 2),
  total: decimal(18, 4).nullable(),
  huge: decimal(38, 10).nullable(),
  number: int64().nullable(),
  score: double().nullable(),
  is_good: yesNo().nullable(),
  at: z.iso.datetime().nullable(),
  exactly: timestamp().nullable(),
  photo: binary().nullable(),
  tags: z.array(z.string().nullable()).nullable(),
  amounts: z.array(decimal(12, 3)),
  matrix: z.array(z.array(int64())),
};

/**
 * A dataset with columns of every type, and what becomes of it: columns get a wider type, others come, some
 * are renamed, some go, and one comes again under its name as another one.
 */
export function everyType(
  structs: Structs,
  partitionBy: readonly string[] = Object.keys(partitions),
): Record<'first' | 'wider' | 'renamed' | 'fewer' | 'again', Form> {
  const orNull = <Type extends z.ZodType>(type: Type) => (structs === 'nullable' ? type.nullable() : type);
  const steps = z.array(z.object(step));
  const firstRow = { ...first, steps, place: orNull(z.object({ ...place, inner: z.object(inner) })) };
  const widerRow = {
    ...firstRow,
    id: int64(),
    amount: decimal(12, 2),
    steps: z.array(z.object({ ...step, minutes: int64().nullable() })),
    place: orNull(z.object({ ...place, inner: z.object(inner), zip: z.string().nullable() })),
    extra: int32().nullable(),
    notes: z.array(z.string()).nullable(),
  };
  const { label, tags, ...others } = widerRow;
  // Each takes the other one's former place.
  const renamedRow = { title: label, ...others, labels: tags };
  const { huge: _, score: __, ...fewerRow } = renamedRow;
  const againRow = { huge: z.string().nullable(), ...fewerRow };
  const renamed = { title: 'label', labels: 'tags' };
  return {
    first: { dataset: defined(partitionBy, firstRow), after: (row) => row },
    wider: {
      dataset: defined(partitionBy, widerRow),
      after: (row) => ({
        ...row,
        extra: null,
        notes: null,
        place: row['place'] && { ...(row['place'] as Row), zip: null },
      }),
    },
    renamed: {
      dataset: defined(partitionBy, renamedRow, renamed),
      after: ({ label: title, tags: labels, ...row }) => ({ ...row, title, labels }),
    },
    fewer: {
      dataset: defined(partitionBy, fewerRow, renamed),
      after: ({ huge: _, score: __, ...row }) => row,
    },
    again: { dataset: defined(partitionBy, againRow, renamed), after: (row) => ({ huge: null, ...row }) },
  };
}

function defined(
  partitionBy: readonly string[],
  row: z.ZodRawShape,
  renamed: Dataset['renamed'] = {},
): Dataset {
  const schema = z.object(row) as unknown as Dataset['row'];
  return defineDataset({
    name: 'everything',
    source: { prefix: 'everything/', format: 'json' },
    record: schema,
    transform: (record) => record as never,
    row: schema,
    renamed: renamed as never,
    key: ['id'] as never,
    partitionBy: partitionBy as never,
    onDelete: 'retract',
    onReject: 'replace',
  }) as Dataset;
}
