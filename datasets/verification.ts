import * as z from 'zod';
import { defineDataset, filtered, VERIFICATION } from '../domain/dataset.ts';

/**
 * The dataset of the objects that `npx sluice verify` sends through the pipeline and erases. It is no user's:
 * it has a table of its own, and only `verify` shows it.
 */
export const verification = defineDataset({
  name: VERIFICATION,
  source: { prefix: `${VERIFICATION}/`, format: 'json' },
  record: z.object({ run: z.string(), id: z.int32(), text: z.string(), leave_out: z.boolean().optional() }),
  transform({ run, id, text, leave_out }) {
    return leave_out ? filtered('left out on purpose') : { run, id, text };
  },
  row: z.object({ run: z.string(), id: z.int32(), text: z.string() }),
  key: ['run', 'id'],
  // The files of a run have its name in theirs, so that what a killed run left is found.
  partitionBy: ['run'],
  onDelete: 'retract',
  onReject: 'replace',
});
