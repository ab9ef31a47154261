import type { Stage } from '../../domain/stage.ts';
import type { StackOutputs } from '../../infra/outputs.ts';
import type { Fact } from './fact.ts';

type BucketPurpose = keyof StackOutputs['buckets'];

/** A queue as SQS describes it. */
export interface QueueFacts {
  readonly name: string;
  readonly arn: string;
  /** JSON text. */
  readonly policy: string | undefined;
  readonly keyArn: string | undefined;
  readonly deadLetterArn: string | undefined;
  readonly maxReceives: number;
  /** The queues that may use it as their DLQ: `undefined` for all, empty for none. */
  readonly redriveSources: readonly string[] | undefined;
  readonly visibilitySeconds: number;
}

/** A rule that has a queue as its target. */
export interface RuleFacts {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  readonly pattern: string;
  /** The events that it must send to the queue, and that its pattern does not match, by their types. */
  readonly missed: readonly string[];
  /** Where EventBridge leaves what it can't deliver to the queue. */
  readonly deadLetterArn: string | undefined;
  /** Whether the queue gets something else than the event itself. */
  readonly transforms: boolean;
}

export interface MappingFacts {
  readonly uuid: string;
  readonly functionArn: string;
  readonly state: string;
  readonly lastResult: string;
  readonly reportsItemFailures: boolean;
  readonly maximumConcurrency: number | undefined;
}

/** A function as its alias runs it. */
export interface FunctionFacts {
  readonly arn: string;
  /** The version that the alias points to. */
  readonly version: string;
  /** Other versions that get a share of the calls. */
  readonly otherVersions: readonly string[];
  /** The newest published version. */
  readonly newest: string;
  /** The hashes of the code that the alias runs, and of the code that was deployed last. */
  readonly code: string | undefined;
  readonly deployedCode: string | undefined;
  readonly state: string;
  readonly stateReason: string | undefined;
  readonly timeoutSeconds: number;
  readonly maximumReceives: number | undefined;
  /** Concurrent calls that are reserved for it, which is also its limit. */
  readonly reserved: number | undefined;
  readonly logGroup: string;
}

export interface LogGroupFacts {
  /** `undefined`: for ever. */
  readonly retentionDays: number | undefined;
}

/** A stage, or any other queue that a rule fills. */
export interface FedQueue {
  readonly queue: Fact<QueueFacts>;
  readonly undelivered: Fact<QueueFacts>;
  readonly rules: Fact<readonly RuleFacts[]>;
}

export interface StageFacts extends FedQueue {
  readonly functionName: string;
  readonly deadLetters: Fact<QueueFacts>;
  readonly mappings: Fact<readonly MappingFacts[]>;
  readonly lambda: Fact<FunctionFacts>;
  readonly logGroup: Fact<LogGroupFacts>;
}

export interface BucketFacts {
  readonly name: string;
  readonly eventBridge: boolean;
  readonly queues: readonly { readonly arn: string; readonly events: readonly string[] }[];
}

export interface AlarmFacts {
  /** The name within the stack: `extraction-age`. */
  readonly name: string;
  readonly nameOnAws: string;
  readonly state: string;
  readonly reason: string;
  readonly description: string;
  readonly actionsEnabled: boolean;
}

/** A table of the catalog. */
export interface TableFacts {
  readonly name: string;
  /** Whether its files are those of an Iceberg table's snapshot. */
  readonly isIceberg: boolean;
}

/** A table that the catalog must have; an Iceberg table is made by the first commit. */
export interface WantedTable extends TableFacts {
  /** Where the lake has metadata of this Iceberg table, so that it was made; `undefined` if it was not. */
  readonly madeAt: string | undefined;
}

export interface CatalogFacts {
  readonly crawlerName: string;
  readonly crawler: Fact<{
    readonly queueArn: string | undefined;
    readonly lastStatus: string | undefined;
    readonly lastMessage: string | undefined;
  }>;
  readonly schedule: Fact<{ readonly enabled: boolean; readonly crawler: string | undefined }>;
  readonly scheduleName: string;
  readonly database: string;
  readonly tables: Fact<readonly TableFacts[]>;
  readonly wantedTables: readonly WantedTable[];
  readonly queue: Fact<QueueFacts>;
  readonly deadLetters: Fact<QueueFacts>;
  readonly findings: FedQueue;
}

/** What AWS says of a deployment, before anybody judges it. */
export interface Facts {
  readonly stack: string;
  readonly region: string;
  readonly isLocal: boolean;
  readonly account: Fact<{ readonly concurrency: number; readonly unreserved: number }>;
  readonly stages: Readonly<Record<Stage, StageFacts>>;
  readonly buckets: Readonly<Record<BucketPurpose, Fact<BucketFacts>>>;
  readonly key: Fact<{ readonly arn: string; readonly policy: string; readonly state: string }>;
  /** Those that CloudWatch has, and the names within the stack of those that it does not have. */
  readonly alarms: Fact<{ readonly found: readonly AlarmFacts[]; readonly missing: readonly string[] }>;
  readonly catalog: CatalogFacts;
}
