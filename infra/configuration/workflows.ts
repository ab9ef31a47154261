import * as z from 'zod';
import { whole } from './whole.ts';

export const workflowConfiguration = z
  .strictObject({
    /**
     * Messages that may wait for extraction before a backfill pauses. New files wait behind at most this
     * many.
     */
    queueDepth: whole(100, 100_000).default(2_000),
    /** Batches, of a hundred objects each, that are sent concurrently. */
    concurrency: whole(1, 100).default(4),
    /**
     * Seconds that a backfill waits for the stages to finish. A longer wait would fill the execution's
     * history.
     */
    drainTimeout: whole(60, 43_200).default(21_600),
  })
  .prefault({});

export type WorkflowConfiguration = z.infer<typeof workflowConfiguration>;
