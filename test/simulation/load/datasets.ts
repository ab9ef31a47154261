import * as z from 'zod';
import { recipes } from '../../../datasets/recipes.ts';
import { tableColumns } from '../../../domain/columns.ts';
import { type Dataset, defineDataset, filtered } from '../../../domain/dataset.ts';
import { int32, text } from '../../../domain/fields.ts';
import { Registry } from '../../../domain/registry.ts';
import { schemaAfter } from '../../../domain/tables/schema/schema-after.ts';
import type { TableSchemas } from '../../../lake/table-schema.ts';

/** How many codes there are: a deploy replaces one with the next, which refuses less than the one before. */
export const CODES = 3;

/** Amounts up to this are valid, by code. */
export const MOST: readonly number[] = [999, 1999, 2_000_000];
/** What `doubled` may be, by code: its column holds more. */
export const MOST_DOUBLED: readonly number[] = [500, 10_000, 10_000];

/** What a dataset of the simulation is, whatever the code. */
export interface Member {
  readonly name: string;
  readonly prefix: string;
  readonly format: 'json' | 'csv';
  readonly processedAs: 'parquet' | 'csv';
  readonly onDelete: 'retract' | 'keep';
  readonly onReject: 'replace' | 'keep';
  /** Which share of its records may be rejected. */
  readonly maxRejected: { readonly share: number };
  /** How many records its objects have at least. */
  readonly minRecords: number;
  readonly partitionBy: readonly ('kind' | 'size')[];
  /** What is compared of its rows. */
  readonly columns: readonly string[];
}

/** Kinds are null in some records, sizes never. */
const partitions = [[], ['kind'], ['size', 'kind']] as const;

/** Every combination of formats and rules, the ways to partition dealt out among them. */
export const family: readonly Member[] = (['json', 'csv'] as const)
  .flatMap((format) =>
    (['parquet', 'csv'] as const).flatMap((processedAs) =>
      (['retract', 'keep'] as const).flatMap((onDelete) =>
        (['replace', 'keep'] as const).map(
          (onReject): Omit<Member, 'partitionBy' | 'maxRejected' | 'minRecords'> => {
            const name = [format, processedAs, onDelete, onReject].join('_');
            const columns = ['id', 'name', 'doubled', 'kind', 'size', 'note', 'extra'];
            return { name, prefix: `${name}/`, format, processedAs, onDelete, onReject, columns };
          },
        ),
      ),
    ),
  )
  .map((member, n) => ({
    ...member,
    partitionBy: partitions[n % partitions.length] ?? [],
    maxRejected: { share: n % 4 < 2 ? 1 : 0.5 },
    minRecords: n % 8 === 5 ? 2 : 0,
  }));

/** One that is deployed, beside those. Its code does not change. */
export const recipesMember: Member = {
  name: 'recipes',
  prefix: 'recipes/',
  format: 'json',
  processedAs: 'parquet',
  onDelete: 'retract',
  onReject: 'keep',
  maxRejected: { share: 1 },
  minRecords: 0,
  partitionBy: [],
  columns: ['recipe_id', 'title', 'complexity_score', 'difficulty', 'time_estimate_s'],
};

export const members: readonly Member[] = [...family, recipesMember];

export function memberOf(key: string): Member | undefined {
  return members.find(({ prefix }) => key.startsWith(prefix));
}

/** What each code has deployed. */
export const registries: readonly Registry[] = Array.from({ length: CODES }, (_, code) => {
  const own = family.map((member) => datasetOf(member, code));
  return new Registry([...own, recipes]);
});

/** The schemas of the tables by each code: each follows the one before it. */
export const tableSchemas: readonly TableSchemas[] = registries.reduce<TableSchemas[]>(
  (all, { all: datasets }) => {
    const before = all.at(-1);
    const states = new Map(
      datasets.map((dataset) => {
        const was = registries[all.length - 1]?.named(dataset.name);
        return [dataset.name, schemaAfter(was && before?.(was), tableColumns(dataset))] as const;
      }),
    );
    const of: TableSchemas = ({ name }) => {
      const state = states.get(name);
      if (state === undefined) throw new Error(`There is no dataset ${name}.`);
      return state;
    };
    all.push(of);
    return all;
  },
  [],
);

interface Good {
  readonly name: string;
  readonly amount: number;
  readonly kind?: string | undefined;
  readonly note?: string | null | undefined;
}

function datasetOf({ columns: _, prefix, format, ...member }: Member, code: number): Dataset {
  const valid = (amount: number) => amount <= (MOST[code] ?? 0);
  const record: z.ZodType<Good> =
    format === 'csv'
      ? z.object({
          name: text(),
          amount: int32().refine(valid),
          kind: z.string().optional(),
          note: z.string().optional(),
        })
      : z.object({
          name: z.string(),
          amount: z.int32().refine(valid),
          kind: z.string().optional(),
          note: z.string().nullish(),
        });
  const row: z.ZodObject = z.object({
    id: z.string(),
    name: z.string(),
    doubled: z.int32().max(MOST_DOUBLED[code] ?? 0),
    kind: z.string().nullable(),
    size: z.enum(['small', 'large']),
    note: z.string().nullable(),
    // A column that a later code has added.
    ...(code > 0 && { extra: z.string().nullable() }),
  });
  return defineDataset({
    ...member,
    source: { prefix, format },
    record,
    row,
    key: ['id'],
    partitionBy: [...member.partitionBy],
    transform({ name, amount, kind, note }, { key, recordNumber }) {
      if (amount === 0 || (amount === 1 && code > 0)) return filtered('is too small');
      if (amount < 0 && code === 0) throw new Error('it is below zero');
      return {
        id: `${recordNumber}@${key}`,
        name: `${name}, as code ${code} has it`,
        doubled: 2 * amount,
        kind: (code > 0 ? kind?.toUpperCase() : kind) ?? null,
        size: amount < 50 ? 'small' : 'large',
        note: note ?? null,
        ...(code > 0 && { extra: amount % 2 === 0 ? `extra ${amount}` : null }),
      };
    },
  });
}
