import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { alarmsOfStack } from '../base/alarms.ts';

export interface DatabaseAlarmsArgs {
  readonly instance: aws.rds.Instance;
  /** The initial storage in GiB. */
  readonly storage: number;
  /** Its `max_connections`. */
  readonly connections: number;
  /** The SNS topic that is notified when an alarm starts and ends. */
  readonly topicArn: string | undefined;
}

const GIB = 2 ** 30;

/**
 * The database's alarms. RDS publishes metrics every minute, so missing data means that the database is down
 * and starts an alarm.
 */
export class DatabaseAlarms extends pulumi.ComponentResource {
  constructor(name: string, args: DatabaseAlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:DatabaseAlarms', name, {}, options);
    const topics = args.topicArn === undefined ? [] : [args.topicArn];
    const alarm = (what: string, condition: Condition) =>
      alarmsOfStack.push(
        new aws.cloudwatch.MetricAlarm(
          `${name}-${what}`,
          {
            namespace: 'AWS/RDS',
            dimensions: { DBInstanceIdentifier: args.instance.identifier },
            period: 300,
            comparisonOperator: 'GreaterThanThreshold',
            treatMissingData: 'breaching',
            alarmActions: topics,
            okActions: topics,
            ...condition,
          },
          { parent: this },
        ),
      );

    alarm('storage', {
      // RDS enlarges the storage below 10 % (RDS guide, USER_PIOPS.Autoscaling), so less remains only when it
      // can't.
      alarmDescription:
        "Storage is running out and RDS can't enlarge it. Raise sluice:database.maximumStorage.",
      metricName: 'FreeStorageSpace',
      statistic: 'Minimum',
      comparisonOperator: 'LessThanThreshold',
      threshold: 0.08 * args.storage * GIB,
      evaluationPeriods: 3,
    });
    alarm('connections', {
      alarmDescription:
        'More than 80 % of the connections are in use. Lower sluice:loading.maximumConcurrency.',
      metricName: 'DatabaseConnections',
      statistic: 'Maximum',
      threshold: Math.floor(0.8 * args.connections),
      evaluationPeriods: 1,
    });
    alarm('cpu', {
      alarmDescription:
        'The processor was at its limit for 15 minutes. Use a larger sluice:database.instanceClass.',
      metricName: 'CPUUtilization',
      statistic: 'Average',
      threshold: 90,
      evaluationPeriods: 3,
    });
    this.registerOutputs();
  }
}

type Condition = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  'alarmDescription' | 'metricName' | 'statistic' | 'comparisonOperator' | 'threshold'
> & { readonly evaluationPeriods: number };
