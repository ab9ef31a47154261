import * as cloudWatch from '@aws-sdk/client-cloudwatch';
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as events from '@aws-sdk/client-eventbridge';
import * as glue from '@aws-sdk/client-glue';
import * as kms from '@aws-sdk/client-kms';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as sfn from '@aws-sdk/client-sfn';
import * as sqs from '@aws-sdk/client-sqs';
import { NormalizedSchema } from '@smithy/core/schema';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { systemClock } from '../../core/clock.ts';
import { ServiceError } from '../../core/service-error.ts';
import { eventsService } from '../../events/api.ts';
import { glueService } from '../../glue/api.ts';
import type { DescribedService } from '../../http/operation.ts';
import { harmless, notServed, only, parseInput } from '../../http/parameters.ts';
import { kmsService } from '../../kms/api.ts';
import { lambdaService } from '../../lambda/api.ts';
import { logsService } from '../../logs/api.ts';
import { cloudWatchService } from '../../metrics/api.ts';
import { documents, parameters } from '../../s3/api/parameters.ts';
import { sqsService } from '../../sqs/api.ts';
import { stepFunctionsService } from '../../stepfunctions/api.ts';

/** No service needs anything to say what it takes. */
const options = { clock: systemClock, queues: new Map(), glue: {}, functions: [] } as never;

const modelOf = (client: object, operation: string) => {
  const found: unknown = Object.entries(client).find(([name]) => name === `${operation}$`)?.[1];
  if (!Array.isArray(found)) throw new Error(`The SDK has no model of ${operation}.`);
  return NormalizedSchema.of(found[4]);
};

/** What a schema says of a value that may be left out. */
function inner(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return inner(schema.unwrap());
  return schema;
}

/**
 * Members of the model that the schema does not account for, at any depth; what is refused or harmless is so
 * as a whole.
 */
function unknownTo(given: unknown, model: NormalizedSchema, path = '', isXml = false): string[] {
  const schema = inner(given);
  const within = (part: unknown, of: NormalizedSchema, where = path) => unknownTo(part, of, where, isXml);
  if (schema instanceof z.ZodArray && model.isListSchema())
    return within(schema.element, model.getValueSchema());
  if (schema instanceof z.ZodRecord && model.isMapSchema())
    return within(schema.valueType, model.getValueSchema());
  if (!(schema instanceof z.ZodObject)) return [];
  if (model.isMapSchema())
    return Object.values(schema.shape).flatMap((each) => within(each, model.getValueSchema()));
  return [...model.structIterator()].flatMap(([member, value]) => {
    const { httpPayload, xmlName } = value.getMergedTraits();
    const name = isXml ? `${xmlName ?? member}` : member;
    if (httpPayload && value.isBlobSchema()) return [];
    const where = path === '' ? name : `${path}.${name}`;
    return Object.hasOwn(schema.shape, name) ? within(schema.shape[name], value, where) : [where];
  });
}

describe('each parameter of the SDK’s model is served, harmless or refused by name', () => {
  const served: [name: string, client: object, service: DescribedService][] = [
    ['SQS', sqs, sqsService(options)],
    ['EventBridge', events, eventsService(options)],
    ['Lambda', lambda, lambdaService(options)],
    ['CloudWatch', cloudWatch, cloudWatchService(options)],
    ['CloudWatch Logs', logs, logsService(options)],
    ['Glue', glue, glueService(options)],
    ['KMS', kms, kmsService(options)],
    ['Step Functions', sfn, stepFunctionsService(options)],
  ];
  const operations = served.flatMap(([service, client, { operations }]) =>
    Object.entries(operations).map(([operation, { input }]) => ({ service, operation, input, client })),
  );

  test.each(operations)('$service $operation', ({ operation, input, client }) => {
    expect(unknownTo(input, modelOf(client, operation))).toEqual([]);
  });

  /** Labels say what an operation is about; the others are in the query, in headers, or in a document. */
  test.each(Object.entries(parameters))('S3 %s', (operation, { shape }) => {
    const names = [...modelOf(s3, operation).structIterator()].flatMap(([, member]) => {
      const { httpQuery, httpHeader, httpPrefixHeaders } = member.getMergedTraits();
      const name = httpQuery ?? httpHeader?.toLowerCase() ?? httpPrefixHeaders;
      return name === undefined ? [] : [name];
    });
    expect(names.filter((name) => !Object.hasOwn(shape, name))).toEqual([]);
  });

  test.each([
    ['CompleteMultipartUpload', 'MultipartUpload', documents.CompleteMultipartUpload],
    ['DeleteObjects', 'Delete', documents.DeleteObjects],
    ['RestoreObject', 'RestoreRequest', documents.RestoreObject],
  ])('S3 %s, in its document', (operation, member, document) => {
    expect(unknownTo(document, modelOf(s3, operation).getMemberSchema(member), '', true)).toEqual([]);
  });

  test('a parameter that a newer model adds is noticed at any depth', () => {
    expect(unknownTo(z.object({ Name: z.string() }), modelOf(events, 'EnableRule'))).toEqual([
      'EventBusName',
    ]);
    const entry = z.object({ Entries: z.array(z.object({ Source: z.string() })), EndpointId: notServed });
    expect(unknownTo(entry, modelOf(events, 'PutEvents'))).toContain('Entries.TraceHeader');
  });
});

describe('a parameter', () => {
  const input = z.object({
    Name: z.string(),
    Trace: notServed,
    Colour: only('red', 'blue'),
    Hint: harmless('Nobody looks.'),
    Entries: z.array(z.object({ Delay: notServed })).default([]),
  });
  const parse = (given: object) => parseInput('Paint', input, { Name: 'x', ...given });
  const refusal = (given: object) => {
    try {
      parse(given);
    } catch (error) {
      if (error instanceof ServiceError) return `${error.status} ${error.message}`;
      throw error;
    }
    return 'accepted';
  };

  test('that is not served is refused with its name, at any depth', () => {
    expect(refusal({ Trace: 'on' })).toBe('501 The local cloud does not serve Trace of Paint.');
    expect(refusal({ Entries: [{}, { Delay: 1 }] })).toBe(
      '501 The local cloud does not serve Entries.1.Delay of Paint.',
    );
  });

  test('with only some values served is refused with the list of those', () => {
    expect(refusal({ Colour: 'red' })).toBe('accepted');
    expect(refusal({ Colour: 'green' })).toBe(
      '501 The local cloud does not serve Colour of Paint other than red or blue.',
    );
  });

  test('that AWS does not know, or that is harmless or null, is accepted', () => {
    expect(parse({ Hint: 1, Other: 2, Trace: null })).toMatchObject({ Name: 'x', Entries: [] });
  });
});
