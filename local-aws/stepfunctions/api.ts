import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import { ServiceError } from '../core/service-error.ts';
import { jsonService, operation, page } from '../http/json.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { DescribedService, WireRequest } from '../http/service.ts';
import type { Execution, HistoryEvent } from './execution.ts';
import type { MapProgress } from './map-progress.ts';
import type { StepFunctions } from './stepfunctions.ts';

export interface StepFunctionsServiceOptions {
  readonly stepFunctions: Pick<
    StepFunctions,
    'machines' | 'machine' | 'executions' | 'execution' | 'begin' | 'stop'
  >;
  readonly admit: Admit;
}

const paging = { maxResults: z.int().min(0).max(1000).default(100), nextToken: z.string().optional() };
const ofMachine = z.object({ stateMachineArn: z.string() });
const ofExecution = z.object({ executionArn: z.string() });
const includedData = only('ALL_DATA');
/** "API reference: StartExecution": names go into ARNs. */
const executionName = z.string().regex(/^[A-Za-z0-9_-]{1,80}$/);

/** Step Functions on the wire: the AWS JSON 1.0 protocol ("AWS Step Functions API Reference"). */
export function stepFunctionsService({
  stepFunctions,
  admit,
}: StepFunctionsServiceOptions): DescribedService {
  const allow = ({ caller }: WireRequest, name: string, resource: string) =>
    admit({ caller, operation: name, action: `states:${name}`, resource });

  const mapRun = (arn: string) => {
    for (const execution of stepFunctions.executions())
      for (const map of execution.maps) if (map.arn === arn) return { execution, map };
    throw new ServiceError('ResourceNotFound', 400, `Resource not found: '${arn}'`);
  };

  return jsonService({
    target: 'AWSStepFunctions',
    version: '1.0',
    operations: {
      ListStateMachines: operation(z.object(paging), async ({ maxResults, nextToken }, request) => {
        await allow(request, 'ListStateMachines', '*');
        const { items, next } = paged(stepFunctions.machines(), maxResults, nextToken);
        const stateMachines = items.map(({ name, arn }) => ({
          name,
          stateMachineArn: arn,
          type: 'STANDARD',
        }));
        return { stateMachines, ...next };
      }),

      DescribeStateMachine: operation(
        ofMachine.extend({ includedData }),
        async ({ stateMachineArn }, request) => {
          const { name, arn, roleArn, definition } = stepFunctions.machine(stateMachineArn);
          await allow(request, 'DescribeStateMachine', arn);
          return { name, stateMachineArn: arn, roleArn, definition, type: 'STANDARD', status: 'ACTIVE' };
        },
      ),

      StartExecution: operation(
        ofMachine.extend({
          name: executionName.optional(),
          input: z.string().default('{}'),
          traceHeader: harmless('Traces do nothing here.'),
        }),
        async ({ stateMachineArn, name = randomUUID(), input }, request) => {
          const machine = stepFunctions.machine(stateMachineArn);
          await allow(request, 'StartExecution', machine.arn);
          const { arn, startedAt } = await stepFunctions.begin(machine, name, input);
          return { executionArn: arn, startDate: startedAt / 1000 };
        },
      ),

      DescribeExecution: operation(
        ofExecution.extend({ includedData }),
        async ({ executionArn }, request) => {
          const execution = stepFunctions.execution(executionArn);
          await allow(request, 'DescribeExecution', executionArn);
          const { input, end } = execution;
          return {
            ...describe(execution),
            input,
            inputDetails: { included: true },
            ...(end?.output !== undefined && { output: end.output, outputDetails: { included: true } }),
            ...(end?.error !== undefined && { error: end.error }),
            ...(end?.cause !== undefined && { cause: end.cause }),
          };
        },
      ),

      StopExecution: operation(
        ofExecution.extend({ error: z.string().optional(), cause: z.string().optional() }),
        async ({ executionArn, error, cause }, request) => {
          const execution = stepFunctions.execution(executionArn);
          await allow(request, 'StopExecution', executionArn);
          const { at } = await stepFunctions.stop(execution, error, cause);
          return { stopDate: at / 1000 };
        },
      ),

      ListExecutions: operation(
        ofMachine.extend({
          ...paging,
          statusFilter: z.string().optional(),
          mapRunArn: notServed,
          redriveFilter: only('NOT_REDRIVEN'),
        }),
        async ({ stateMachineArn, statusFilter, maxResults, nextToken }, request) => {
          const { arn } = stepFunctions.machine(stateMachineArn);
          await allow(request, 'ListExecutions', arn);
          const all = stepFunctions
            .executions()
            .filter(({ machine }) => machine === arn)
            .filter(({ end }) => statusFilter === undefined || statusOf(end) === statusFilter);
          const { items, next } = paged(all, maxResults, nextToken);
          return { executions: items.map(describe), ...next };
        },
      ),

      GetExecutionHistory: operation(
        ofExecution.extend({
          ...paging,
          reverseOrder: z.boolean().default(false),
          includeExecutionData: z.boolean().default(true),
        }),
        async ({ executionArn, maxResults, nextToken, reverseOrder, includeExecutionData }, request) => {
          const { events } = stepFunctions.execution(executionArn);
          await allow(request, 'GetExecutionHistory', executionArn);
          const { items, next } = paged(reverseOrder ? events.toReversed() : events, maxResults, nextToken);
          return { events: items.map((event) => describeEvent(event, includeExecutionData)), ...next };
        },
      ),

      ListMapRuns: operation(ofExecution.extend(paging), async (input, request) => {
        const execution = stepFunctions.execution(input.executionArn);
        await allow(request, 'ListMapRuns', execution.arn);
        const { items, next } = paged(execution.maps.toReversed(), input.maxResults, input.nextToken);
        return { mapRuns: items.map((map) => describeMapRun(execution, map)), ...next };
      }),

      DescribeMapRun: operation(z.object({ mapRunArn: z.string() }), async ({ mapRunArn }, request) => {
        const { execution, map } = mapRun(mapRunArn);
        await allow(request, 'DescribeMapRun', mapRunArn);
        return { ...describeMapRun(execution, map), status: map.status, ...counts(map) };
      }),
    },
  });
}

/** 0 asks for the default. */
function paged<Item>(items: readonly Item[], limit: number, token: string | undefined) {
  const { items: found, next } = page(items, limit === 0 ? 100 : limit, token);
  return { items: found, next: next && { nextToken: next.NextToken } };
}

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

/** Without execution data, what an event is about is told by its names alone. */
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

/** What is not read yet is not counted. */
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
