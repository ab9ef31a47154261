import * as z from 'zod';
import type { ServiceContext } from '../core/cloud-service.ts';
import { parseJson } from '../core/parse-json.ts';
import { badRequest, ServiceError } from '../core/service-error.ts';
import { jsonService, page } from '../http/json.ts';
import {
  type Asked,
  type DescribedService,
  operationOf,
  operationsOn,
  operationsOnAll,
} from '../http/operation.ts';
import { notServed } from '../http/parameters.ts';
import type { EventBus } from './bus.ts';
import { compilePattern } from './pattern.ts';
import { type BusEvent, type EventRule, type EventTarget, eventTime } from './rule.ts';

export interface EventsServiceOptions extends ServiceContext {
  readonly bus: EventBus;
}

const busName = z.object({ EventBusName: z.string().default('default') });
const byName = busName.extend({ Name: z.string() });
const paging = z.object({
  Limit: z.number().int().min(1).max(100).default(100),
  NextToken: z.string().optional(),
});
const byRule = busName.extend({ Rule: z.string(), ...paging.shape });
const entry = busName.extend({
  Source: z.string().default(''),
  DetailType: z.string().default(''),
  Detail: z.string().default(''),
  Resources: z.array(z.string()).default([]),
  /** Seconds since the epoch. */
  Time: z.number().optional(),
  TraceHeader: notServed,
});
type Entry = z.infer<typeof entry>;

/** "PutEvents: the total entry size must be less than 256 KB" */
const largestRequest = 262_144;

/** EventBridge's API: the AWS JSON 1.1 protocol ("Amazon EventBridge API Reference"). */
export const eventsService = (service: EventsServiceOptions): DescribedService =>
  jsonService({ target: 'AWSEvents', version: '1.1', operations, service });

const operation = operationOf<EventsServiceOptions>();
const arn = ({ region, accountId }: EventsServiceOptions, path: string) =>
  `arn:aws:events:${region}:${accountId}:${path}`;
const onRule = operationsOn(
  ({ service, input }: Asked<EventsServiceOptions, z.infer<typeof byName | typeof byRule>>) =>
    find(service, 'Rule' in input ? input.Rule : input.Name, input.EventBusName),
  ({ target }) => target.settings.arn,
);

const operations = {
  PutEvents: operation({
    input: z.object({ Entries: z.array(entry).min(1).max(10), EndpointId: notServed }),
    action: 'events:PutEvents',
    resource: ({ service }) => arn(service, 'event-bus/default'),
    // A condition has to hold for each entry.
    context: ({ input: { Entries } }) => sourceOf(Entries[0]),
    also: ({ service, input: { Entries } }) =>
      Entries.slice(1).map((each) => ({
        action: 'events:PutEvents',
        resource: arn(service, 'event-bus/default'),
        context: sourceOf(each),
      })),
    async run({ service, input: { Entries } }) {
      if (Entries.reduce((sum, each) => sum + size(each), 0) >= largestRequest)
        throw badRequest(
          'ValidationException',
          'Total size of the entries in the request is over the limit.',
        );
      const results = await Promise.all(Entries.map((each) => put(service, each)));
      return { FailedEntryCount: results.filter((each) => 'ErrorCode' in each).length, Entries: results };
    },
  }),

  TestEventPattern: operationsOnAll<EventsServiceOptions>()(
    'events:TestEventPattern',
    z.object({ EventPattern: z.string(), Event: z.string() }),
    ({ input: { EventPattern, Event } }) => ({ Result: compilePattern(EventPattern)(testEvent(Event)) }),
  ),

  ListRules: operation({
    input: busName.extend({ NamePrefix: z.string().default(''), ...paging.shape }),
    find: ({ service, input: { EventBusName } }) => checkBus(service, EventBusName),
    action: 'events:ListRules',
    resource: ({ service }) => arn(service, 'rule/*'),
    run({ service: { bus }, input: { NamePrefix, Limit, NextToken } }) {
      const named = bus.rules().filter(({ settings }) => settings.name.startsWith(NamePrefix));
      return page('Rules', named, describe, { MaxResults: Limit, NextToken });
    },
  }),

  ListRuleNamesByTarget: operation({
    input: busName.extend({ TargetArn: z.string(), ...paging.shape }),
    find: ({ service, input: { EventBusName } }) => checkBus(service, EventBusName),
    action: 'events:ListRuleNamesByTarget',
    resource: ({ service }) => arn(service, 'rule/*'),
    run({ service: { bus }, input: { TargetArn, Limit, NextToken } }) {
      const named = bus
        .rules()
        .filter(({ settings: { targets } }) => targets.some((each) => each.arn === TargetArn));
      return page('RuleNames', named, ({ settings }) => settings.name, { MaxResults: Limit, NextToken });
    },
  }),

  DescribeRule: onRule('events:DescribeRule', byName, ({ service, target }) => ({
    ...describe(target),
    CreatedBy: service.accountId,
  })),

  ListTargetsByRule: onRule('events:ListTargetsByRule', byRule, ({ target, input: { Limit, NextToken } }) =>
    page('Targets', target.settings.targets, describeTarget, { MaxResults: Limit, NextToken }),
  ),

  EnableRule: onRule('events:EnableRule', byName, ({ service, input }) =>
    service.bus.setEnabled(input.Name, true),
  ),

  DisableRule: onRule('events:DisableRule', byName, ({ service, input }) =>
    service.bus.setEnabled(input.Name, false),
  ),
};

function checkBus(service: EventsServiceOptions, name: string): void {
  if (name !== 'default' && name !== arn(service, 'event-bus/default'))
    throw badRequest('ResourceNotFoundException', `Event bus ${name} does not exist.`);
}

function find(service: EventsServiceOptions, name: string, onBus: string) {
  checkBus(service, onBus);
  const rule = service.bus.rules().find(({ settings }) => settings.name === name);
  if (rule) return rule;
  throw badRequest('ResourceNotFoundException', `Rule ${name} does not exist on EventBus default.`);
}

async function put(service: EventsServiceOptions, each: Entry): Promise<object> {
  try {
    const event = busEvent(service, each);
    await service.bus.publish(event);
    return { EventId: event.id };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { ErrorCode: error.code, ErrorMessage: error.message };
  }
}

function busEvent(service: EventsServiceOptions, each: Entry): BusEvent {
  const { ids, clock, region, accountId } = service;
  checkBus(service, each.EventBusName);
  // If several are missing, EventBridge names the source.
  const source = notOfAws(required('Source', each.Source));
  return {
    version: '0',
    id: ids(),
    'detail-type': required('DetailType', each.DetailType),
    source,
    account: accountId,
    time: eventTime(each.Time === undefined ? clock.now() : each.Time * 1000),
    region,
    resources: each.Resources,
    detail: detailOf(required('Detail', each.Detail)),
  };
}

function describe({ settings, enabled }: { settings: EventRule; enabled: boolean }): object {
  return {
    Name: settings.name,
    Arn: settings.arn,
    Description: settings.description,
    EventPattern: settings.eventPattern,
    ScheduleExpression: settings.scheduleExpression,
    State: enabled ? 'ENABLED' : 'DISABLED',
    EventBusName: 'default',
  };
}

function describeTarget(target: EventTarget): object {
  return {
    Id: target.id,
    Arn: target.arn,
    Input: target.input,
    DeadLetterConfig: target.deadLetterArn === undefined ? undefined : { Arn: target.deadLetterArn },
    RetryPolicy: {
      MaximumRetryAttempts: target.maximumRetryAttempts,
      MaximumEventAgeInSeconds: target.maximumEventAgeSeconds,
    },
  };
}

function required(name: string, value: string): string {
  if (value !== '') return value;
  throw badRequest(
    'InvalidArgument',
    `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
  );
}

function notOfAws(source: string): string {
  if (!source.startsWith('aws.')) return source;
  throw badRequest('NotAuthorizedForSourceException', 'Not authorized for the source.');
}

function detailOf(text: string): object {
  const detail = parsed(text);
  if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return detail;
  throw badRequest('MalformedDetail', 'Detail is malformed.');
}

/** "TestEventPattern": the fields that an event must have. */
const testedFields = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type'];

function testEvent(text: string): unknown {
  const event = parsed(text);
  if (typeof event !== 'object' || event === null)
    throw badRequest('ValidationException', 'Parameter Event is not valid JSON.');
  const missing = testedFields.find((name) => !Object.hasOwn(event, name));
  if (missing !== undefined)
    throw badRequest('ValidationException', `Parameter Event is not valid: ${missing} is missing.`);
  return event;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

const sourceOf = (each: Entry | undefined) => ({ 'events:source': each?.Source ?? '' });

/** "Calculating PutEvents event entry size" */
function size({ Source, DetailType, Detail, Resources, Time }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14);
}
