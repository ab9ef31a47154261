import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { badRequest, unsupported } from '../core/service-error.ts';
import { jsonService, page } from '../http/json.ts';
import { type DescribedService, operationOf, operationsOnAll } from '../http/operation.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { FunctionSettings } from '../lambda/function.ts';
import type { FunctionLogs } from './logs.ts';

/** A log group of the program. */
export interface LogGroup {
  readonly name: string;
  readonly arn: string;
  /** Undefined: for ever. */
  readonly retentionDays?: number | undefined;
}

export interface LogsServiceOptions {
  readonly groups: readonly LogGroup[];
  readonly functions: readonly Pick<FunctionSettings, 'name' | 'arn' | 'logGroup'>[];
  readonly logs: FunctionLogs;
  readonly authorize: Authorize;
}

const filterLogEvents = z.object({
  logGroupName: z.string().optional(),
  logGroupIdentifier: z.string().optional(),
  logStreamNames: z.array(z.string()).optional(),
  startTime: z.number().optional(),
  endTime: z.number().optional(),
  filterPattern: z.string().default(''),
  nextToken: z.string().optional(),
  limit: z.number().int().min(1).max(10_000).default(10_000),
  logStreamNamePrefix: z.string().optional(),
  startFromHead: only(true),
  interleaved: harmless('AWS always treats it as true.'),
  unmask: harmless('Nothing is masked.'),
});

/** CloudWatch Logs' API, limited to reading the functions' logs; `aws logs tail --follow` works too. */
export const logsService = (service: LogsServiceOptions): DescribedService =>
  jsonService({ target: 'Logs_20140328', version: '1.1', operations, service });

const operations = {
  DescribeLogGroups: operationsOnAll<LogsServiceOptions>()(
    'logs:DescribeLogGroups',
    z.object({
      logGroupNamePrefix: z.string().default(''),
      logGroupNamePattern: notServed,
      logGroupIdentifiers: notServed,
      logGroupClass: only('STANDARD'),
      accountIdentifiers: notServed,
      includeLinkedAccounts: only(false),
      nextToken: z.string().optional(),
      limit: z.number().int().min(1).max(50).default(50),
    }),
    ({ service: { groups }, input: { logGroupNamePrefix, nextToken, limit } }) => {
      const named = groups.filter(({ name }) => name.startsWith(logGroupNamePrefix));
      const asked = { MaxResults: limit, NextToken: nextToken };
      const { NextToken, logGroups } = page('logGroups', named, describeGroup, asked);
      return { logGroups, nextToken: NextToken };
    },
  ),

  FilterLogEvents: operationOf<LogsServiceOptions>()({
    input: filterLogEvents,
    find({ service, input: { logGroupName, logGroupIdentifier = '' } }) {
      const name = logGroupName ?? logGroupIdentifier.replace(/^.*:log-group:/, '');
      return { name, writer: service.functions.find(({ logGroup }) => logGroup === name) };
    },
    action: 'logs:FilterLogEvents',
    resource({ target: { name, writer } }) {
      const [, , , region, account] = writer?.arn.split(':') ?? [];
      return `arn:aws:logs:${region}:${account}:log-group:${name}:log-stream:`;
    },
    async run({ service, target: { name: asked, writer }, input }) {
      if (!writer) throw badRequest('ResourceNotFoundException', `The log group ${asked} does not exist.`);
      const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
      if (names && prefix !== undefined)
        throw badRequest(
          'InvalidParameterException',
          'LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters.',
        );
      const found = await service.logs.read(writer.name, {
        ...(input.startTime === undefined ? {} : { from: input.startTime }),
        ...(input.endTime === undefined ? {} : { to: input.endTime }),
        ...(input.nextToken === undefined ? {} : { after: input.nextToken }),
        stream: (name) => (names?.includes(name) ?? true) && name.startsWith(prefix ?? ''),
        limit: input.limit,
        matches: compileFilter(input.filterPattern),
      });
      const events = found.map(({ id, timestamp, stream, message }) => ({
        eventId: id,
        timestamp,
        ingestionTime: timestamp,
        logStreamName: stream,
        message,
      }));
      const last = found.length === input.limit ? found.at(-1) : undefined;
      return { events, searchedLogStreams: [], ...(last ? { nextToken: last.id } : {}) };
    },
  }),
};

const describeGroup = ({ name, arn, retentionDays }: LogGroup) => ({
  logGroupName: name,
  arn: `${arn}:*`,
  logGroupArn: arn,
  retentionInDays: retentionDays,
  logGroupClass: 'STANDARD',
});

/**
 * "Filter pattern syntax, Using filter patterns to match terms in unstructured log events": all terms must
 * occur, none of those with `-`, and at least one of those with `?`.
 *
 * @throws ServiceError for JSON, space-delimited and regular expression patterns, which are not served
 */
export function compileFilter(pattern: string): (message: string) => boolean {
  if (/^\s*[{[%]/.test(pattern)) throw unsupported(`the filter pattern ${pattern}`);
  const terms = [...pattern.matchAll(/([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)].map(
    ([, sign = '', quoted, bare = '']) => ({ sign, term: quoted?.replace(/\\(.)/g, '$1') ?? bare }),
  );
  const having = (sign: string) => terms.filter((each) => each.sign === sign).map(({ term }) => term);
  const [all, none, any] = [having(''), having('-'), having('?')];
  return (message) =>
    all.every((term) => message.includes(term)) &&
    !none.some((term) => message.includes(term)) &&
    (any.length === 0 || any.some((term) => message.includes(term)));
}
