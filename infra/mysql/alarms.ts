import type * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Condition, StackAlarms } from '../base/stack-alarms.ts';

export interface DatabaseAlarmsArgs {
  readonly instance: aws.rds.Instance;
  /** The initial storage in GiB. */
  readonly storage: number;
  /** Its `max_connections`. */
  readonly connections: number;
  readonly alarms: StackAlarms;
}

const GIB = 2 ** 30;

/**
 * The database's alarms. RDS publishes metrics every minute, so missing data means that the database is down
 * and starts an alarm.
 */
export class DatabaseAlarms extends pulumi.ComponentResource {
  constructor(name: string, args: DatabaseAlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:DatabaseAlarms', name, {}, options);
    const alarm = (what: string, description: string, condition: Condition) =>
      args.alarms.add(
        `${name}-${what}`,
        `database-${what}`,
        description,
        {
          namespace: 'AWS/RDS',
          dimensions: { DBInstanceIdentifier: args.instance.identifier },
          period: 300,
          treatMissingData: 'breaching',
          ...condition,
        },
        this,
      );

    // RDS enlarges the storage below 10 % (RDS guide, USER_PIOPS.Autoscaling), so less remains only when it
    // can't.
    alarm(
      'storage',
      "Storage is running out and RDS can't enlarge it. Raise sluice:database.maximumStorage.",
      {
        metricName: 'FreeStorageSpace',
        statistic: 'Minimum',
        comparisonOperator: 'LessThanThreshold',
        threshold: 0.08 * args.storage * GIB,
        evaluationPeriods: 3,
      },
    );
    alarm(
      'connections',
      'More than 80 % of the connections are in use. Lower sluice:loading.maximumConcurrency.',
      {
        metricName: 'DatabaseConnections',
        statistic: 'Maximum',
        threshold: Math.floor(0.8 * args.connections),
      },
    );
    alarm(
      'cpu',
      'The processor was at its limit for 15 minutes. Use a larger sluice:database.instanceClass.',
      {
        metricName: 'CPUUtilization',
        statistic: 'Average',
        threshold: 90,
        evaluationPeriods: 3,
      },
    );
    this.registerOutputs();
  }
}
