import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Queue } from '../base/queue.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import { costGraph } from './cost.ts';
import { recordRows } from './records.ts';
import {
  depth,
  duration,
  invocations,
  numbers,
  ofQueue,
  type Place,
  type StageView,
  stageRows,
} from './stages.ts';
import { alarmStates, graph, grid, metric, type Row, text } from './widgets.ts';

export interface DashboardArgs extends Place {
  readonly project: string;
  readonly alarms: StackAlarms;
  readonly stages: readonly StageView[];
  readonly datasets: readonly { readonly name: string }[];
  readonly crawl: {
    readonly queue: Queue;
    readonly deadLetters: Queue;
    readonly findings: Queue;
    readonly undelivered: Queue;
    /** Seconds. */
    readonly alarmAge: number;
  };
  /** Functions that no queue invokes, by what they do. */
  readonly functions: Readonly<
    Record<string, { readonly name: pulumi.Input<string>; readonly timeout: number }>
  >;
  readonly database: { readonly identifier: pulumi.Input<string>; readonly connections: number } | undefined;
}

/** What an operator watches, on one page. Made last, since it shows the alarms of all others. */
export class Dashboard extends pulumi.ComponentResource {
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: DashboardArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Dashboard', name, {}, options);
    const { region } = args;
    const dashboard = new aws.cloudwatch.Dashboard(
      name,
      {
        // An account's dashboards share one list for all regions.
        dashboardName: `${name}-${region}`,
        dashboardBody: pulumi.jsonStringify({
          start: '-PT3H',
          periodOverride: 'inherit',
          widgets: grid(rowsOf(args)),
        }),
      },
      { parent: this, deleteBeforeReplace: true },
    );
    this.url = pulumi.interpolate`https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${dashboard.dashboardName}`;
    this.registerOutputs({ url: this.url });
  }
}

function rowsOf(args: DashboardArgs): Row[] {
  const { region, stages, crawl } = args;
  const labelled = (queues: readonly (readonly [label: string, queue: Queue])[]) =>
    queues.map(([label, queue]) => depth(queue, { label }));
  const top = [
    numbers(region, 'Waiting', labelled(stages.map(({ name, stage }) => [name, stage.queue]))),
    numbers(
      region,
      'In the DLQs',
      labelled([
        ...stages.map(({ name, stage }) => [name, stage.deadLetters] as const),
        ['crawl', crawl.deadLetters],
      ]),
    ),
    numbers(
      region,
      'Undelivered by EventBridge',
      labelled([
        ...stages.map(({ name, stage }) => [name, stage.undelivered] as const),
        ['crawl', crawl.undelivered],
      ]),
    ),
    numbers(
      region,
      'Oldest message, s',
      [...stages.map(({ name, stage }) => [name, stage.queue] as const), ['crawl', crawl.queue] as const].map(
        ([label, queue]) => ofQueue(queue, 'ApproximateAgeOfOldestMessage', { stat: 'Maximum', label }),
      ),
    ),
  ];
  return [
    { height: 3, widgets: [text(heading(args))] },
    {
      height: 4,
      widgets: [alarmStates('Alarms', args.alarms.arns)],
    },
    { height: 4, widgets: top },
    ...stageRows(stages, args),
    ...recordRows(args.datasets, args),
    crawlRow(args),
    {
      height: 6,
      widgets: Object.entries(args.functions).flatMap(([title, { name, timeout }]) => [
        invocations(region, title, name),
        duration(region, title, name, timeout),
      ]),
    },
    ...(args.database === undefined ? [] : [databaseRow(region, args.database)]),
    { height: 6, widgets: [costGraph(region, stages)] },
  ];
}

const heading = ({ project, stack }: DashboardArgs) => `# ${project}, stack ${stack}
\`npx sluice status --stack ${stack}\` tells the state of objects, and \`npx sluice explain KEY --stack ${stack}\` the story of one. \
The age of the oldest message leaves out those that were received three times, and begins anew in a DLQ; the wait counts each message \
once, from when it was sent until a function begins with it for the first time.`;

function crawlRow({ region, crawl }: DashboardArgs): Row {
  return {
    height: 6,
    widgets: [
      graph(
        region,
        'Crawl: changes of the lake',
        [
          depth(crawl.queue, { label: 'waiting' }),
          ofQueue(crawl.queue, 'ApproximateNumberOfMessagesNotVisible', { label: 'in a crawl' }),
          depth(crawl.deadLetters, { label: 'DLQ', yAxis: 'right' }),
          depth(crawl.findings, { label: 'failed crawls and drift', yAxis: 'right' }),
          depth(crawl.undelivered, { label: 'undelivered', yAxis: 'right' }),
        ],
        { stat: 'Maximum', unit: 'changes', rightUnit: 'for a person' },
      ),
      graph(
        region,
        'Crawl: age of the oldest change that no table shows',
        [ofQueue(crawl.queue, 'ApproximateAgeOfOldestMessage', { stat: 'Maximum', label: 'age' })],
        { unit: 's', limit: { label: 'alarm', value: crawl.alarmAge } },
      ),
    ],
  };
}

/** RDS guide, rds-metrics. */
function databaseRow(
  region: string,
  { identifier, connections }: NonNullable<DashboardArgs['database']>,
): Row {
  const of = (name: string, stat: 'Average' | 'Maximum' | 'Minimum') =>
    metric('AWS/RDS', name, { DBInstanceIdentifier: identifier }, { stat });
  return {
    height: 6,
    widgets: [
      graph(region, 'Database: processors', [of('CPUUtilization', 'Average')], { unit: '%' }),
      graph(region, 'Database: connections', [of('DatabaseConnections', 'Maximum')], {
        unit: 'connections',
        limit: { label: 'max_connections', value: connections },
      }),
      graph(region, 'Database: free storage', [of('FreeStorageSpace', 'Minimum')], { unit: 'bytes' }),
      graph(
        region,
        'Database: latency of its disk',
        [of('ReadLatency', 'Average'), of('WriteLatency', 'Average')],
        { unit: 's' },
      ),
    ],
  };
}
