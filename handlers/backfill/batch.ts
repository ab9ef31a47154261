import { createHash } from 'node:crypto';
import * as z from 'zod';
import { machines } from '../../domain/operations/backfill.ts';
import { stages } from '../../domain/stage.ts';

/** An object that Step Functions has listed, or that a manifest names. */
const item = z.object({
  Key: z.string(),
  /** Seconds since the epoch; absent if the object comes from a manifest. */
  LastModified: z.number().optional(),
});

/**
 * A batch of objects, as the distributed map hands it to its child executions. Times are milliseconds since
 * the epoch.
 */
export const batch = z.object({
  BatchInput: z.object({
    machine: z.enum(machines),
    execution: z.string(),
    /**
     * What the items are: objects of the raw bucket, or documents of the failed bucket. Executions that began
     * under an older definition do not say it.
     */
    of: z.enum(['objects', 'documents']).optional(),
    /**
     * Only objects of this dataset, and not those of another one whose prefix begins with its own; empty for
     * objects of any.
     */
    dataset: z.string().default(''),
    dryRun: z.boolean(),
    since: z.number(),
    until: z.number(),
    codes: z.array(z.string()),
    force: z.boolean(),
    /**
     * The code version of each stage when the replay began. Executions that began under an older definition
     * name none, and so skip no version for its code.
     */
    deployed: z.partialRecord(z.enum(stages), z.string()).default({}),
  }),
  Items: z.array(item),
});
export type Batch = z.infer<typeof batch>;

/**
 * The file name of a batch: the same in every attempt, so that each attempt overwrites the file of the one
 * before.
 */
export function batchName({ Items }: Pick<Batch, 'Items'>): string {
  const hash = createHash('sha256');
  for (const { Key } of Items) hash.update(`${Key.length}:${Key}`);
  return `${hash.digest('hex').slice(0, 24)}.json`;
}
