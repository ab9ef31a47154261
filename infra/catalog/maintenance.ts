import * as pulumi from '@pulumi/pulumi';
import { atTheEndOf } from '../base/alarms.ts';
import type { Bucket } from '../base/bucket.ts';
import { type FunctionEnvironment, LambdaFunction, type OwnEnvironment } from '../base/function.ts';
import type { Key } from '../base/key.ts';
import { schedule } from '../base/schedule.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import type { Bundle } from '../build/bundle.ts';
import type { MaintenanceConfiguration } from '../configuration/catalog.ts';
import { usesKey } from '../iam/documents.ts';
import { all, clears, movesTables, readsAll, removes, updates } from '../iam/grants.ts';
import type { Catalog } from './catalog.ts';

export interface MaintenanceArgs extends MaintenanceConfiguration {
  /** Days for which a table's snapshots are kept. */
  readonly snapshotDays: number;
  /** The bucket with the files of the lake. */
  readonly files: Bucket;
  readonly ledger: Bucket;
  /** The bucket with the rejects. */
  readonly failed: Bucket;
  readonly catalog: Catalog;
  readonly key: Key;
  readonly bundle: pulumi.Output<Bundle>;
  readonly environment: FunctionEnvironment;
  /** Days. */
  readonly logRetention: number;
  readonly alarms: StackAlarms;
}

/** Lambda's maximum, in seconds. A run that can't look at everything leaves the rest to the next one. */
const timeout = 900;

/** Seconds for which a run is tried to be started: the next one is due by then. */
const triedFor = 3_600;

/** The maintenance of the lake's tables: a function that a schedule calls. */
export class Maintenance extends pulumi.ComponentResource {
  readonly lambda: LambdaFunction;
  /** `GROUP/NAME` */
  readonly schedule: pulumi.Output<string>;

  constructor(name: string, args: MaintenanceArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Maintenance', name, {}, options);
    const { files, ledger, failed, catalog, key, alarms } = args;
    const environment: OwnEnvironment<'maintenance'> = {
      PROCESSED_BUCKET: files.name,
      LEDGER_BUCKET: ledger.name,
      FAILED_BUCKET: failed.name,
      CATALOG_DATABASE: catalog.database,
      SNAPSHOT_DAYS: String(args.snapshotDays),
    };
    this.lambda = new LambdaFunction(
      name,
      {
        bundle: args.bundle,
        // It holds the names of a table's files: 250 MB for a million.
        memory: 1024,
        timeout,
        logRetention: args.logRetention,
        environment: { ...args.environment, ...environment },
        permissions: [
          ...all(updates(files), removes(files)).statements,
          ...readsAll(ledger).statements,
          ...clears(failed).statements,
          movesTables(catalog.tableArns),
          usesKey(key.arn, ['Decrypt', 'GenerateDataKey'], ['s3']),
        ],
      },
      { parent: this },
    );
    this.schedule = schedule(
      `${name}-schedule`,
      {
        description: 'Removes old snapshots and garbage of the lake.',
        schedule: args.schedule,
        enabled: args.scheduled,
        target: { arn: this.lambda.live.arn, input: '{}' },
        permission: {
          sid: 'InvokeFunction',
          action: 'lambda:InvokeFunction',
          resource: this.lambda.live.arn,
        },
        triedFor,
        alarm: {
          runbook: 'maintenance-schedule-dropped',
          description: `EventBridge Scheduler could not call the maintenance function within ${triedFor} s. The role may lack the permission.`,
        },
        alarms,
      },
      this,
    );
    alarms.add(
      `${name}-errors`,
      'maintenance-errors',
      'A run of the maintenance failed (npx sluice logs maintenance tells why).',
      {
        namespace: 'AWS/Lambda',
        metricName: 'Errors',
        dimensions: { FunctionName: this.lambda.name },
        statistic: 'Sum',
        period: 300,
        threshold: 0,
        ...atTheEndOf(timeout),
      },
      this,
    );
    this.registerOutputs({ functionName: this.lambda.name, schedule: this.schedule });
  }
}
