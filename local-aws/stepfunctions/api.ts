import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { badRequest } from '../core/service-error.ts';
import { jsonService, page } from '../http/json.ts';
import {
  type Asked,
  type DescribedService,
  operationOf,
  operationsOn,
  operationsOnAll,
} from '../http/operation.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { Execution, HistoryEvent } from './execution.ts';
import type { MapProgress } from './map/progress.ts';
import type { Machine, StepFunctions } from './stepfunctions.ts';

export interface StepFunctionsServiceOptions {
  readonly stepFunctions: Pick<
    StepFunctions,
    'machines' | 'machine' | 'executions' | 'execution' | 'begin' | 'stop'
  >;
  readonly authorize: Authorize;
}

const paging = { maxResults: z.int().min(0).max(1000).default(100), nextToken: z.string().optional() };
type Page = z.infer<z.ZodObject<typeof paging>>;
const ofMachine = z.object({ stateMachineArn: z.string() });
const ofExecution = z.object({ executionArn: z.string() });
const whole = { includedData: only('ALL_DATA') };
/** "API reference: StartExecution": names become part of ARNs. */
const executionName = z.string().regex(/^[A-Za-z0-9_-]{1,80}$/);

/** Step Functions' API: the AWS JSON 1.0 protocol ("AWS Step Functions API Reference"). */
export const stepFunctionsService = (service: StepFunctionsServiceOptions): DescribedService =>
  jsonService({ target: 'AWSStepFunctions', version: '1.0', operations, service });

type AskedFor<Arn extends string> = Asked<StepFunctionsServiceOptions, Readonly<Record<Arn, string>>>;

const onAll = operationsOnAll<StepFunctionsServiceOptions>();
const ofTarget = ({ target }: { readonly target: { readonly arn: string } }) => target.arn;
const onMachine = operationsOn(
  ({ service, input }: AskedFor<'stateMachineArn'>) => service.stepFunctions.machine(input.stateMachineArn),
  ofTarget,
);
const onExecution = operationsOn(
  ({ service, input }: AskedFor<'executionArn'>) => service.stepFunctions.execution(input.executionArn),
  ofTarget,
);

const operations = {
  ListStateMachines: onAll('states:ListStateMachines', z.object(paging), ({ service, input }) =>
    listed('stateMachines', service.stepFunctions.machines(), describeMachine, input),
  ),

  DescribeStateMachine: onMachine('states:DescribeStateMachine', ofMachine.extend(whole), ({ target }) => ({
    ...describeMachine(target),
    roleArn: target.roleArn,
    definition: target.definition,
    status: 'ACTIVE',
  })),

  StartExecution: onMachine(
    'states:StartExecution',
    ofMachine.extend({
      name: executionName.optional(),
      input: z.string().default('{}'),
      traceHeader: harmless('Traces have no effect here.'),
    }),
    async ({ service, target, input: { name = randomUUID(), input } }) => {
      const { arn, startedAt } = await service.stepFunctions.begin(target, name, input);
      return { executionArn: arn, startDate: startedAt / 1000 };
    },
  ),

  DescribeExecution: onExecution('states:DescribeExecution', ofExecution.extend(whole), ({ target }) => {
    const { input, end } = target;
    return {
      ...describe(target),
      input,
      inputDetails: { included: true },
      ...(end?.output !== undefined && { output: end.output, outputDetails: { included: true } }),
      ...(end?.error !== undefined && { error: end.error }),
      ...(end?.cause !== undefined && { cause: end.cause }),
    };
  }),

  StopExecution: onExecution(
    'states:StopExecution',
    ofExecution.extend({ error: z.string().optional(), cause: z.string().optional() }),
    async ({ service, target, input: { error, cause } }) => {
      const { at } = await service.stepFunctions.stop(target, error, cause);
      return { stopDate: at / 1000 };
    },
  ),

  ListExecutions: onMachine(
    'states:ListExecutions',
    ofMachine.extend({
      ...paging,
      statusFilter: z.string().optional(),
      mapRunArn: notServed,
      redriveFilter: only('NOT_REDRIVEN'),
    }),
    ({ service, target, input }) => {
      const { statusFilter } = input;
      const all = service.stepFunctions
        .executions()
        .filter(({ machine }) => machine === target.arn)
        .filter(({ end }) => statusFilter === undefined || statusOf(end) === statusFilter);
      return listed('executions', all, describe, input);
    },
  ),

  GetExecutionHistory: onExecution(
    'states:GetExecutionHistory',
    ofExecution.extend({
      ...paging,
      reverseOrder: z.boolean().default(false),
      includeExecutionData: z.boolean().default(true),
    }),
    ({ target: { events }, input }) => {
      const ordered = input.reverseOrder ? events.toReversed() : events;
      return listed('events', ordered, (event) => describeEvent(event, input.includeExecutionData), input);
    },
  ),

  ListMapRuns: onExecution('states:ListMapRuns', ofExecution.extend(paging), ({ target, input }) =>
    listed('mapRuns', target.maps.toReversed(), (map) => describeMapRun(target, map), input),
  ),

  DescribeMapRun: operationOf<StepFunctionsServiceOptions>()({
    input: z.object({ mapRunArn: z.string() }),
    find({ service, input: { mapRunArn } }) {
      for (const execution of service.stepFunctions.executions())
        for (const map of execution.maps) if (map.arn === mapRunArn) return { execution, map };
      throw badRequest('ResourceNotFound', `Resource not found: '${mapRunArn}'`);
    },
    action: 'states:DescribeMapRun',
    resource: ({ target }) => target.map.arn,
    run: ({ target: { execution, map } }) => ({
      ...describeMapRun(execution, map),
      status: map.status,
      ...counts(map),
    }),
  }),
};

/** The first `maxResults` results; 0 is the default number. */
function listed<Item>(name: string, items: readonly Item[], describe: (item: Item) => object, input: Page) {
  const asked = { MaxResults: input.maxResults || 100, NextToken: input.nextToken };
  const { NextToken: nextToken, ...found } = page(name, items, describe, asked);
  return { ...found, nextToken };
}

const describeMachine = ({ name, arn }: Machine) => ({ name, stateMachineArn: arn, type: 'STANDARD' });

const statusOf = (end: Execution['end']) => end?.status ?? 'RUNNING';

function describe({ arn, name, machine, startedAt, end }: Execution): object {
  return {
    executionArn: arn,
    stateMachineArn: machine,
    name,
    status: statusOf(end),
    startDate: startedAt / 1000,
    ...(end && { stopDate: end.at / 1000 }),
  };
}

/** Without execution data, events contain only names. */
function describeEvent(
  { id, previousEventId, type, timestamp, details }: HistoryEvent,
  whole: boolean,
): object {
  const names = Object.entries(details).map(([kind, about]) => [
    kind,
    Object.fromEntries(
      Object.entries(Object(about) as Record<string, unknown>).filter(
        ([name]) => whole || !['input', 'output', 'parameters'].includes(name),
      ),
    ),
  ]);
  return { id, previousEventId, type, timestamp: timestamp / 1000, ...Object.fromEntries(names) };
}

function describeMapRun({ arn, machine }: Execution, map: MapProgress): object {
  return {
    executionArn: arn,
    mapRunArn: map.arn,
    stateMachineArn: machine,
    startDate: map.startedAt / 1000,
    ...(map.endedAt !== undefined && { stopDate: map.endedAt / 1000 }),
    maxConcurrency: map.maxConcurrency,
    toleratedFailurePercentage: map.toleratedFailurePercentage,
    toleratedFailureCount: 0,
  };
}

/** Items that have not been read yet are not counted. */
function counts({ active, succeeded, failed }: MapProgress): object {
  const of = (running: number, good: number, bad: number) => ({
    pending: 0,
    running,
    succeeded: good,
    failed: bad,
    timedOut: 0,
    aborted: 0,
    total: running + good + bad,
    resultsWritten: 0,
  });
  const items = active.reduce((sum, each) => sum + each.items, 0);
  return {
    itemCounts: of(items, succeeded.items, failed.items),
    executionCounts: of(active.length, succeeded.children, failed.children),
  };
}
