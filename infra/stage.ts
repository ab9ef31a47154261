import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { BucketVariable } from '../domain/environment.ts';
import type { ObjectChange } from '../domain/stage.ts';
import { Alarms } from './base/alarms.ts';
import type { Bucket } from './base/bucket.ts';
import { type FunctionEnvironment, LambdaFunction } from './base/function.ts';
import type { Key } from './base/key.ts';
import { deadLetterRetention, Queue, sourceRetention } from './base/queue.ts';
import { ruleToQueue } from './base/rule-to-queue.ts';
import type { StackAlarms } from './base/stack-alarms.ts';
import type { Bundle } from './build/bundle.ts';
import { type StageConfiguration, visibilityTimeout } from './configuration/stages.ts';
import { allow, type Statement, usesKey } from './iam/documents.ts';
import { announces, type Grant } from './iam/grants.ts';
import type { Placement } from './mysql/network.ts';

export interface StageArgs extends StageConfiguration {
  /** The bucket whose changes the stage processes. */
  readonly source: Bucket;
  readonly changes: readonly ObjectChange[];
  /** The keys that concern the stage, if not all do. */
  readonly keys?: readonly object[] | undefined;
  readonly bundle: pulumi.Output<Bundle>;
  /** Each bucket that the function uses, by the variable that holds the bucket's name. */
  readonly uses: Readonly<Partial<Record<BucketVariable, Grant>>>;
  readonly environment: FunctionEnvironment;
  /** Whether it tells on the default bus what became of versions. */
  readonly announces?: boolean;
  /** Whether it sends the rest of a large object to its own queue. */
  readonly handsOver?: boolean;
  /** Further permissions of the function. */
  readonly permissions?: readonly Statement[];
  /** The function's place in the private network. Without it, the function runs outside of any network. */
  readonly placement?: Placement;
  /** Resources that must be created or updated before a message meets a new version of the function. */
  readonly after?: readonly pulumi.Resource[];
  readonly key: Key;
  /** Days. */
  readonly logRetention: number;
  readonly alarms: StackAlarms;
}

/** One step of the flow: bucket ⇒ rule ⇒ queue (with its DLQ) ─▶ function, and their alarms. */
export class Stage extends pulumi.ComponentResource {
  readonly queue: Queue;
  readonly queueUrl: pulumi.Output<string>;
  readonly deadLetters: Queue;
  readonly undelivered: Queue;
  readonly functionName: pulumi.Output<string>;
  readonly lambda: LambdaFunction;
  readonly mapping: aws.lambda.EventSourceMapping;

  constructor(name: string, args: StageArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Stage', name, {}, options);
    const { key } = args;

    const deadLetters = new Queue(`${name}-dlq`, { key, retention: deadLetterRetention }, { parent: this });
    deadLetters.admitOnly(undefined);
    const queue = new Queue(
      name,
      {
        key,
        retention: sourceRetention,
        visibilityTimeoutSeconds: visibilityTimeout(args),
        redrivePolicy: pulumi.jsonStringify({
          deadLetterTargetArn: deadLetters.arn,
          maxReceiveCount: args.maximumReceives,
        }),
      },
      { parent: this },
    );
    new aws.sqs.RedriveAllowPolicy(
      `${name}-dlq`,
      {
        queueUrl: deadLetters.url,
        redriveAllowPolicy: pulumi.jsonStringify({
          redrivePermission: 'byQueue',
          sourceQueueArns: [queue.arn],
        }),
      },
      { parent: this },
    );

    const undelivered = ruleToQueue(
      name,
      {
        description: `Changes in the ${args.source.purpose} bucket.`,
        eventPattern: {
          source: ['aws.s3'],
          'detail-type': args.changes,
          detail: {
            bucket: { name: [args.source.name] },
            ...(args.keys && { object: { key: args.keys } }),
          },
        },
        queue,
        key,
      },
      this,
    );

    const lambda = new LambdaFunction(
      name,
      {
        bundle: args.bundle,
        memory: args.memory,
        timeout: args.timeout,
        logRetention: args.logRetention,
        environment: {
          ...Object.fromEntries(
            Object.entries(args.uses).map(([variable, { bucket }]) => [variable, bucket.name]),
          ),
          // A stage puts off the next attempt, and after the last writes the reason to the failed bucket.
          QUEUE_URL: queue.url,
          VISIBILITY_TIMEOUT: String(visibilityTimeout(args)),
          MAXIMUM_RECEIVES: String(args.maximumReceives),
          ...args.environment,
        },
        placement: args.placement,
        after: args.after,
        permissions: [
          ...(args.permissions ?? []),
          ...(args.announces ? [announces(queue.arn)] : []),
          ...Object.values(args.uses).flatMap(({ statements }) => statements),
          // Lambda's poller uses the function's role (Lambda guide, services-sqs-configure).
          allow(
            'ReceiveMessages',
            ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
            queue.arn,
          ),
          ...(args.handsOver ? [allow('HandOver', ['sqs:SendMessage'], queue.arn)] : []),
          allow('PutOffMessages', ['sqs:ChangeMessageVisibility'], queue.arn),
          usesKey(key.arn, ['Decrypt', 'GenerateDataKey'], ['s3', 'sqs']),
        ],
      },
      { parent: this },
    );
    // Lambda would take a large object for a loop after 16 invocations (Lambda guide, invocation-recursion).
    if (args.handsOver)
      new aws.lambda.FunctionRecursionConfig(
        name,
        { functionName: lambda.name, recursiveLoop: 'Allow' },
        { parent: this },
      );
    this.mapping = new aws.lambda.EventSourceMapping(
      name,
      {
        eventSourceArn: queue.arn,
        functionName: lambda.live.arn,
        batchSize: args.batchSize,
        maximumBatchingWindowInSeconds: args.batchWindow,
        functionResponseTypes: ['ReportBatchItemFailures'],
        scalingConfig: { maximumConcurrency: args.maximumConcurrency },
        // Without it Lambda tells nothing of what its pollers do (Lambda guide, monitoring-metrics-types).
        metricsConfig: { metrics: ['EventCount'] },
      },
      // Lambda checks on creation that the role may receive from the queue.
      { parent: this, dependsOn: [lambda.policy] },
    );

    new Alarms(
      name,
      {
        queue,
        deadLetters,
        undelivered,
        lambda,
        timeout: args.timeout,
        alarmAge: args.alarmAge,
        alarms: args.alarms,
      },
      { parent: this },
    );

    this.queue = queue;
    this.queueUrl = queue.url;
    this.deadLetters = deadLetters;
    this.undelivered = undelivered;
    this.functionName = lambda.name;
    this.lambda = lambda;
    this.registerOutputs({ queueUrl: this.queueUrl, functionName: this.functionName });
  }
}
