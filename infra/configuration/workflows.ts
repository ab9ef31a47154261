import * as z from 'zod';
import { whole } from './whole.ts';

/** Backfill and replay. */
export const workflowConfiguration = z
  .strictObject({
    /** Messages that may wait for the extraction before a backfill sends more; new files wait behind no more than these. */
    queueDepth: whole(100, 100_000).default(2_000),
    /** Batches of a hundred objects that are sent at a time. */
    concurrency: whole(1, 100).default(4),
    /** Seconds for which a backfill waits until the stages are done; longer would fill the execution's history. */
    drainTimeout: whole(60, 43_200).default(21_600),
  })
  .prefault({});

export type WorkflowConfiguration = z.infer<typeof workflowConfiguration>;
