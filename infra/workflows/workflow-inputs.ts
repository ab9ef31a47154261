import type * as pulumi from '@pulumi/pulumi';
import type { Stage } from '../../domain/stage.ts';

/** The resources that the workflows use, and their limits. */
export interface WorkflowParts {
  /** ARNs of the functions. */
  readonly sending: pulumi.Input<string>;
  readonly reporting: pulumi.Input<string>;
  /** ARNs of the stages' functions, with their alias. */
  readonly functions: Readonly<Record<Stage, pulumi.Input<string>>>;
  /** URLs of the stages' queues. */
  readonly queues: Readonly<Record<Stage, pulumi.Input<string>>>;
  readonly crawler: pulumi.Input<string>;
  /** Names of the buckets. */
  readonly raw: pulumi.Input<string>;
  readonly failed: pulumi.Input<string>;
  /** Messages that may wait for extraction before the workflow sends more. */
  readonly queueDepth: number;
  /** Batches that are sent concurrently. */
  readonly concurrency: number;
  /** Seconds to wait for the stages after everything is sent. */
  readonly drainTimeout: number;
}
