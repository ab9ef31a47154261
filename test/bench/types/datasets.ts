import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { date, decimal, double, int64, text, time, timestamp } from '../../../domain/fields.ts';

/** How the fields of a file are declared. */
export const variants = {
  fractions: { 'as doubles': double(), 'as decimals': decimal(12, 2) },
  integers: { 'as doubles': double(), 'as 64 bits': int64() },
  times: { 'as texts': text(), 'as instants': timestamp() },
  days: { 'as texts': text(), 'as days': date() },
  clocks: { 'as texts': text(), 'as times': time() },
} as const;
export type Kind = keyof typeof variants;

/** How many fields of its kind each record has. */
export const FIELDS = 8;
export const formats = ['csv', 'json'] as const;
export type Format = (typeof formats)[number];

export function prefixOf(format: Format, kind: Kind, variant: number): string {
  return `${nameOf(format, kind, variant)}/`;
}

const nameOf = (format: Format, kind: Kind, variant: number) => `${format}_${kind}_${variant}`;

/** A dataset for each way to declare each kind of field, in each format. */
export const typeDatasets: readonly Dataset[] = formats.flatMap((format) =>
  (Object.keys(variants) as Kind[]).flatMap((kind) =>
    Object.values(variants[kind]).map((type: z.ZodType, variant) => {
      const fields = Array.from({ length: FIELDS }, (_, i) => [`field_${i}`, type]);
      const row = z.object({ id: text(), ...Object.fromEntries(fields) });
      return defineDataset({
        name: nameOf(format, kind, variant),
        source: { prefix: prefixOf(format, kind, variant), format },
        record: row,
        transform: (record) => record,
        row,
        key: ['id'],
        partitionBy: [],
        onDelete: 'retract',
        onReject: 'keep',
      }) as Dataset;
    }),
  ),
);

/** The dataset of a file of Parquet. */
export const parquetDataset = defineDataset({
  name: 'from_parquet',
  source: { prefix: 'from_parquet/', format: 'parquet' },
  record: z.object({ id: int64() }),
  transform: (record) => record,
  row: z.object({ id: int64() }),
  key: ['id'],
  partitionBy: [],
  onDelete: 'retract',
  onReject: 'keep',
}) as Dataset;
