import * as z from 'zod';
import { whole } from './whole.ts';

/** Ranges: Lambda guide, configuration-function-common, services-sqs-parameters and services-sqs-scaling. */
export function stage(defaults: {
  timeout: number;
  batchSize: number;
  batchWindow?: number;
  maximumConcurrency: number;
  alarmAge: number;
}) {
  return z
    .strictObject({
      /** MB. The CPU share grows with it. */
      memory: whole(128, 10_240).default(512),
      /** Seconds. */
      timeout: whole(1, 900).default(defaults.timeout),
      /** Messages per call. */
      batchSize: whole(1, 10_000).default(defaults.batchSize),
      /** Seconds that the poller waits for a batch to fill. */
      batchWindow: whole(0, 300).default(defaults.batchWindow ?? 0),
      /** Concurrent calls. */
      maximumConcurrency: whole(2, 1_000).default(defaults.maximumConcurrency),
      /**
       * Attempts before SQS moves a message to the DLQ. Below 5, throttling alone would fill the DLQ. 100 of
       * the longest attempts fit into the queue's retention; beyond that SQS would delete the message
       * instead.
       */
      maximumReceives: whole(5, 100).default(5),
      /** Seconds that a message may wait in the queue before an alarm. */
      alarmAge: whole(60, 864_000).default(defaults.alarmAge),
    })
    .refine((value) => value.batchSize <= 10 || value.batchWindow >= 1, {
      path: ['batchWindow'],
      message: 'must be at least 1 when batchSize is above 10',
    })
    .refine((value) => value.alarmAge > visibilityTimeout(value), {
      path: ['alarmAge'],
      message:
        "must exceed the queue's visibility timeout (6 × timeout + batchWindow), which passes before every retry",
    })
    .prefault({});
}

/**
 * Seconds. Leaves room for Lambda's retries while the function is throttled (Lambda guide,
 * services-sqs-configure).
 */
export const visibilityTimeout = ({ timeout, batchWindow }: { timeout: number; batchWindow: number }) =>
  6 * timeout + batchWindow;

export type StageConfiguration = z.infer<ReturnType<typeof stage>>;
