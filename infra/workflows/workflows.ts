import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { FunctionName } from '../../domain/environment.ts';
import { detailsPrefix, type Machine } from '../../domain/operations/backfill.ts';
import type { Stage as StageName } from '../../domain/stage.ts';
import type { Bucket } from '../base/bucket.ts';
import { type FunctionEnvironment, LambdaFunction, type OwnEnvironment } from '../base/function.ts';
import type { Key } from '../base/key.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import type { Bundle } from '../build/bundle.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { WorkflowConfiguration } from '../configuration/workflows.ts';
import { allow, policyDocument, type Statement, usesKey } from '../iam/documents.ts';
import { type Grant, readsAll, updates } from '../iam/grants.ts';
import type { Stage } from '../stage.ts';
import { backfillWorkflow } from './backfill.ts';
import { replayWorkflow } from './replay.ts';
import { executionsOf, mapRunsOf, Workflow } from './workflow.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

export interface WorkflowsArgs extends WorkflowConfiguration {
  readonly raw: Bucket;
  readonly failed: Bucket;
  readonly ledger: Bucket;
  readonly stages: Readonly<Record<StageName, Stage>>;
  readonly catalog: Catalog;
  readonly key: Key;
  readonly code: pulumi.Output<Readonly<Record<'backfillSending' | 'backfillReporting', Bundle>>>;
  readonly environmentOf: (service: FunctionName) => FunctionEnvironment;
  /** Days. */
  readonly logRetention: number;
  readonly alarms: StackAlarms;
}

/**
 * Backfill and replay: state machines that send existing objects to extraction, wait until they are
 * processed, and report.
 */
export class Workflows extends pulumi.ComponentResource {
  readonly stateMachines: Readonly<Record<Machine, pulumi.Output<string>>>;
  /** Its functions, by what they do. */
  readonly functions: Readonly<Record<string, LambdaFunction>>;

  constructor(name: string, args: WorkflowsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Workflows', name, {}, options);
    const { raw, failed, ledger, stages, catalog, key, code } = args;
    const useKey = usesKey(key.arn, ['Decrypt', 'GenerateDataKey'], ['s3', 'sqs']);

    const sending = this.#lambda(`${name}-sending`, args, {
      bundle: code.backfillSending,
      service: 'backfill-sending',
      environment: {
        RAW_BUCKET: raw.name,
        FAILED_BUCKET: failed.name,
        LEDGER_BUCKET: ledger.name,
        EXTRACTION_QUEUE: stages.extraction.queue.url,
      },
      grants: [readsAll(raw), updates(failed), readsAll(ledger)],
      statements: [allow('SendMessages', ['sqs:SendMessage'], stages.extraction.queue.arn), useKey],
    });
    const reporting = this.#lambda(`${name}-reporting`, args, {
      bundle: code.backfillReporting,
      service: 'backfill-reporting',
      environment: { FAILED_BUCKET: failed.name, LEDGER_BUCKET: ledger.name },
      grants: [updates(failed), readsAll(ledger)],
      statements: [useKey],
    });

    const parts: WorkflowParts = {
      sending: sending.live.arn,
      reporting: reporting.live.arn,
      functions: {
        extraction: stages.extraction.lambda.live.arn,
        transformation: stages.transformation.lambda.live.arn,
        commit: stages.commit.lambda.live.arn,
        loading: stages.loading.lambda.live.arn,
      },
      queues: {
        extraction: stages.extraction.queue.url,
        transformation: stages.transformation.queue.url,
        commit: stages.commit.queue.url,
        loading: stages.loading.queue.url,
      },
      crawler: catalog.crawler,
      raw: raw.name,
      failed: failed.name,
      queueDepth: args.queueDepth,
      concurrency: args.concurrency,
      drainTimeout: args.drainTimeout,
    };
    const common = [
      allow('RunTasks', ['lambda:InvokeFunction'], [sending.live.arn, reporting.live.arn]),
      allow(
        'LookAtQueues',
        ['sqs:GetQueueAttributes'],
        Object.values(stages).map(({ queue }) => queue.arn),
      ),
      allow('Crawl', ['glue:StartCrawler', 'glue:GetCrawler'], catalog.crawlerArn),
      allow('ListObjects', ['s3:ListBucket'], [raw.arn, failed.arn]),
    ];
    // The reference names only the function's own ARN, while the call has the alias's (Service authorization
    // reference, AWS Lambda).
    const looksUpCode = allow(
      'LookUpCode',
      ['lambda:GetFunctionConfiguration'],
      Object.values(stages).flatMap(({ lambda }) => [lambda.functionArn, lambda.live.arn]),
    );
    const workflow = (machine: Machine, definition: ReturnType<typeof backfillWorkflow>) =>
      new Workflow(
        `${name}-${machine}`,
        {
          definition,
          permissions:
            machine === 'replay'
              ? [...common, looksUpCode]
              : [
                  ...common,
                  allow(
                    'ReadManifest',
                    ['s3:GetObject'],
                    pulumi.interpolate`${failed.arn}/${detailsPrefix('backfill', '*')}manifest.json`,
                  ),
                  usesKey(key.arn, ['Decrypt'], ['s3']),
                ],
          logRetention: args.logRetention,
          accountId: catalog.accountId,
          alarms: args.alarms,
        },
        { parent: this },
      ).arn;
    this.stateMachines = {
      backfill: workflow('backfill', backfillWorkflow(parts)),
      replay: workflow('replay', replayWorkflow(parts)),
    };
    this.functions = { sending, reporting };
    // To check that the map runs recorded every item.
    const machines = Object.values(this.stateMachines);
    new aws.iam.RolePolicy(
      `${name}-reporting-counts`,
      {
        role: reporting.policy.role,
        policy: policyDocument([
          allow('ListMapRuns', ['states:ListMapRuns'], machines.map(executionsOf)),
          allow('CountItems', ['states:DescribeMapRun'], machines.map(mapRunsOf)),
        ]),
      },
      { parent: this },
    );
    this.registerOutputs(this.stateMachines);
  }

  #lambda<Name extends FunctionName>(
    name: string,
    args: WorkflowsArgs,
    own: {
      readonly bundle: pulumi.Output<Bundle>;
      readonly service: Name;
      readonly environment: OwnEnvironment<Name>;
      readonly grants: readonly Grant[];
      readonly statements: readonly Statement[];
    },
  ): LambdaFunction {
    return new LambdaFunction(
      name,
      {
        bundle: own.bundle,
        memory: 512,
        // A batch takes seconds; a report on a million objects takes minutes.
        timeout: 900,
        logRetention: args.logRetention,
        environment: { ...args.environmentOf(own.service), ...own.environment },
        permissions: [...own.grants.flatMap(({ statements }) => statements), ...own.statements],
      },
      { parent: this },
    );
  }
}
