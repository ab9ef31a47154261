import * as pulumi from '@pulumi/pulumi';
import type { StackAlarms } from './stack-alarms.ts';

export interface ArrivalsArgs {
  readonly stack: string;
  readonly datasets: readonly {
    readonly name: string;
    readonly expectedEvery?: { readonly hours: number };
  }[];
  readonly alarms: StackAlarms;
}

/** Seconds. A longer evaluation than a day needs periods of an hour (CloudWatch API, PutMetricAlarm). */
const period = 3_600;

/** An alarm for each dataset that expects an object every so often. */
export class Arrivals extends pulumi.ComponentResource {
  constructor(
    name: string,
    { stack, datasets, alarms }: ArrivalsArgs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('sluice:infra:Arrivals', name, {}, options);
    for (const { name: dataset, expectedEvery } of datasets) {
      if (expectedEvery === undefined) continue;
      const { hours } = expectedEvery;
      alarms.add(
        `${name}-${dataset.replaceAll('_', '-')}`,
        'arrivals',
        `No object of the dataset ${dataset} could be read for more than ${hours} h: one is expected every ${hours} h.`,
        {
          metricQueries: [
            {
              id: 'arrived',
              // While nothing arrives, there is no metric.
              expression: 'FILL(done, 0)',
              label: 'Objects that could be read',
              returnData: true,
            },
            {
              id: 'done',
              metric: {
                namespace: 'Sluice',
                metricName: 'ObjectsDone',
                dimensions: { dataset, service: 'extraction', stack },
                period,
                stat: 'Sum',
              },
            },
          ],
          comparisonOperator: 'LessThanThreshold',
          threshold: 1,
          // The period under way counts, of which perhaps no minute has passed.
          evaluationPeriods: hours + 1,
          treatMissingData: 'breaching',
        },
        this,
      );
    }
    this.registerOutputs();
  }
}
