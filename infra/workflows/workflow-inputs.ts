import type * as pulumi from '@pulumi/pulumi';
import type { Stage } from '../../domain/stage.ts';

/** What the workflows are made of, and how fast they may go. */
export interface WorkflowParts {
  /** ARNs of the functions. */
  readonly sending: pulumi.Input<string>;
  readonly reporting: pulumi.Input<string>;
  /** URLs of the stages' queues. */
  readonly queues: Readonly<Record<Stage, pulumi.Input<string>>>;
  readonly crawler: pulumi.Input<string>;
  /** Names of the buckets. */
  readonly raw: pulumi.Input<string>;
  readonly failed: pulumi.Input<string>;
  /** Messages that may wait for the extraction before more are sent. */
  readonly queueDepth: number;
  /** Batches that are sent at a time. */
  readonly concurrency: number;
  /** Seconds for which the stages are waited for when all is sent. */
  readonly drainTimeout: number;
}
