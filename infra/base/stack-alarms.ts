import * as aws from '@pulumi/aws';
import type * as pulumi from '@pulumi/pulumi';

/** What starts an alarm. A field that is missing has the value that `StackAlarms.add` names. */
export type Condition = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  | 'namespace'
  | 'metricName'
  | 'dimensions'
  | 'period'
  | 'statistic'
  | 'extendedStatistic'
  | 'metricQueries'
  | 'threshold'
> &
  Partial<
    Pick<
      aws.cloudwatch.MetricAlarmArgs,
      'comparisonOperator' | 'evaluationPeriods' | 'datapointsToAlarm' | 'treatMissingData'
    >
  >;

export interface StackAlarmsArgs {
  /** How the names of the stack's resources begin: `sluice-dev`. */
  readonly prefix: string;
  /** The SNS topic that is notified when an alarm starts and when it ends. */
  readonly topicArn: string | undefined;
  /** The address of the runbooks; a section's anchor is added to it. */
  readonly runbooks: string;
}

/** All alarms of a stack. They notify the same topic, and each one's description ends with its runbook. */
export class StackAlarms {
  readonly #args: StackAlarmsArgs;
  readonly #alarms = new Map<string, aws.cloudwatch.MetricAlarm>();
  #metrics = 0;

  constructor(args: StackAlarmsArgs) {
    this.#args = args;
  }

  /**
   * Adds an alarm that starts above a threshold, after one period. Missing data never starts it.
   *
   * @param runbook the anchor of its section in docs/runbooks.md
   */
  add(
    name: string,
    runbook: string,
    description: string,
    condition: Condition,
    parent: pulumi.Resource,
  ): void {
    const { prefix, topicArn, runbooks } = this.#args;
    const topics = topicArn === undefined ? [] : [topicArn];
    const alarm = new aws.cloudwatch.MetricAlarm(
      name,
      {
        alarmDescription: `${description} Runbook: ${runbooks}#${runbook}`,
        comparisonOperator: 'GreaterThanThreshold',
        evaluationPeriods: 1,
        treatMissingData: 'notBreaching',
        alarmActions: topics,
        okActions: topics,
        ...condition,
      },
      { parent },
    );
    this.#metrics += metricsOf(condition);
    this.#alarms.set(name.slice(prefix.length + 1), alarm);
  }

  /** How many metrics those added so far look at: CloudWatch bills each. */
  get metrics(): number {
    return this.#metrics;
  }

  /** Those added so far, in this order. */
  get arns(): pulumi.Output<string>[] {
    return [...this.#alarms.values()].map(({ arn }) => arn);
  }

  /** The names of those added so far, each by what follows the prefix: `extraction-age`. */
  get names(): Readonly<Record<string, pulumi.Output<string>>> {
    return Object.fromEntries([...this.#alarms].map(([key, { name }]) => [key, name]));
  }
}

/** An alarm with metric math looks at the metrics that its expression names. */
function metricsOf({ metricQueries }: Condition): number {
  return Array.isArray(metricQueries)
    ? metricQueries.filter((query) => typeof query === 'object' && 'metric' in query).length
    : 1;
}
