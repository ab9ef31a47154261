import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { parseJson } from '../core/parse-json.ts';
import { ServiceError } from '../core/service-error.ts';
import { jsonService, operation, page } from '../http/json.ts';
import { notServed } from '../http/parameters.ts';
import type { DescribedService, WireRequest } from '../http/service.ts';
import type { EventBus } from './bus.ts';
import { compilePattern } from './pattern.ts';
import { type BusEvent, type EventRule, type EventTarget, eventTime } from './rule.ts';

export interface EventsServiceOptions {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly admit: Admit;
  readonly region: string;
  readonly accountId: string;
}

const busName = z.object({ EventBusName: z.string().default('default') });
const byName = busName.extend({ Name: z.string() });
const paging = z.object({
  Limit: z.number().int().min(1).max(100).default(100),
  NextToken: z.string().optional(),
});
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

/** EventBridge on the wire: the AWS JSON 1.1 protocol ("Amazon EventBridge API Reference"). */
export function eventsService(options: EventsServiceOptions): DescribedService {
  const { bus, clock, region, accountId } = options;
  const arn = (resource: string) => `arn:aws:events:${region}:${accountId}:${resource}`;
  const admit = (request: WireRequest, name: string, resource: string) =>
    options.admit({ caller: request.caller, operation: name, action: `events:${name}`, resource });

  const checkBus = (name: string) => {
    if (name !== 'default' && name !== arn('event-bus/default'))
      throw new ServiceError('ResourceNotFoundException', 400, `Event bus ${name} does not exist.`);
  };
  const find = (name: string, onBus: string) => {
    checkBus(onBus);
    const rule = bus.rules().find(({ settings }) => settings.name === name);
    if (rule) return rule;
    throw new ServiceError(
      'ResourceNotFoundException',
      400,
      `Rule ${name} does not exist on EventBus default.`,
    );
  };
  const toggle = (name: 'EnableRule' | 'DisableRule') =>
    operation(byName, async ({ Name, EventBusName }, request) => {
      const { settings } = find(Name, EventBusName);
      await admit(request, name, settings.arn);
      await bus.setEnabled(Name, name === 'EnableRule');
      return {};
    });

  async function put(each: Entry): Promise<object> {
    try {
      const event = busEvent(each);
      await bus.publish(event);
      return { EventId: event.id };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return { ErrorCode: error.code, ErrorMessage: error.message };
    }
  }

  function busEvent(each: Entry): BusEvent {
    checkBus(each.EventBusName);
    // Of several that are missing, EventBridge names the source.
    const source = notOfAws(required('Source', each.Source));
    return {
      version: '0',
      id: options.ids(),
      'detail-type': required('DetailType', each.DetailType),
      source,
      account: accountId,
      time: eventTime(each.Time === undefined ? clock.now() : each.Time * 1000),
      region,
      resources: each.Resources,
      detail: detailOf(required('Detail', each.Detail)),
    };
  }

  return jsonService({
    target: 'AWSEvents',
    version: '1.1',
    operations: {
      PutEvents: operation(
        z.object({ Entries: z.array(entry).min(1).max(10), EndpointId: notServed }),
        async ({ Entries }, request) => {
          await admit(request, 'PutEvents', arn('event-bus/default'));
          if (Entries.reduce((sum, each) => sum + size(each), 0) >= largestRequest)
            throw new ServiceError(
              'ValidationException',
              400,
              'Total size of the entries in the request is over the limit.',
            );
          const results = await Promise.all(Entries.map(put));
          return { FailedEntryCount: results.filter((each) => 'ErrorCode' in each).length, Entries: results };
        },
      ),

      TestEventPattern: operation(
        z.object({ EventPattern: z.string(), Event: z.string() }),
        async ({ EventPattern, Event }, request) => {
          await admit(request, 'TestEventPattern', '*');
          const matches = compilePattern(EventPattern);
          return { Result: matches(testEvent(Event)) };
        },
      ),

      ListRules: operation(
        busName.extend({ NamePrefix: z.string().default(''), ...paging.shape }),
        async ({ EventBusName, NamePrefix, Limit, NextToken }, request) => {
          checkBus(EventBusName);
          await admit(request, 'ListRules', arn('rule/*'));
          const named = bus.rules().filter(({ settings }) => settings.name.startsWith(NamePrefix));
          const { items, next } = page(named, Limit, NextToken);
          return { Rules: items.map(describe), ...next };
        },
      ),

      DescribeRule: operation(byName, async ({ Name, EventBusName }, request) => {
        const rule = find(Name, EventBusName);
        await admit(request, 'DescribeRule', rule.settings.arn);
        return { ...describe(rule), CreatedBy: accountId };
      }),

      ListTargetsByRule: operation(
        busName.extend({ Rule: z.string(), ...paging.shape }),
        async ({ Rule, EventBusName, Limit, NextToken }, request) => {
          const { settings } = find(Rule, EventBusName);
          await admit(request, 'ListTargetsByRule', settings.arn);
          const { items, next } = page(settings.targets, Limit, NextToken);
          return { Targets: items.map(describeTarget), ...next };
        },
      ),

      EnableRule: toggle('EnableRule'),
      DisableRule: toggle('DisableRule'),
    },
  });
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
  throw new ServiceError(
    'InvalidArgument',
    400,
    `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
  );
}

function notOfAws(source: string): string {
  if (!source.startsWith('aws.')) return source;
  throw new ServiceError('NotAuthorizedForSourceException', 400, 'Not authorized for the source.');
}

function detailOf(text: string): object {
  const detail = parsed(text);
  if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return detail;
  throw new ServiceError('MalformedDetail', 400, 'Detail is malformed.');
}

/** "TestEventPattern": the fields that an event must have. */
const testedFields = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type'];

function testEvent(text: string): unknown {
  const event = parsed(text);
  if (typeof event !== 'object' || event === null)
    throw new ServiceError('ValidationException', 400, 'Parameter Event is not valid JSON.');
  const missing = testedFields.find((name) => !Object.hasOwn(event, name));
  if (missing !== undefined)
    throw new ServiceError(
      'ValidationException',
      400,
      `Parameter Event is not valid: ${missing} is missing.`,
    );
  return event;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** "Calculating PutEvents event entry size" */
function size({ Source, DetailType, Detail, Resources, Time }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14);
}
