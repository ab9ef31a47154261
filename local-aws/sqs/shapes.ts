import * as z from 'zod';
import { badRequest } from '../core/service-error.ts';
import { notServed } from '../http/parameters.ts';
import { md5, md5OfAttributes, type NewMessage, selectAttributes, systemAttributes } from './message.ts';
import type { Receipt } from './queue.ts';
import type { Outcome } from './running-queue.ts';

export const count = z.number().int();
export const url = z.object({ QueueUrl: z.string() });
const attribute = z.object({
  DataType: z.string(),
  StringValue: z.string().optional(),
  BinaryValue: z.string().optional(),
  // "SendMessage: Not implemented. Reserved for future use."
  StringListValues: notServed,
  BinaryListValues: notServed,
});
export const message = z.object({
  MessageBody: z.string(),
  DelaySeconds: count.optional(),
  MessageAttributes: z.record(z.string(), attribute).optional(),
  MessageSystemAttributes: z.object({ AWSTraceHeader: attribute.optional() }).optional(),
  MessageGroupId: z.string().optional(),
  MessageDeduplicationId: z.string().optional(),
});
export const receive = url.extend({
  MaxNumberOfMessages: count.default(1),
  VisibilityTimeout: count.optional(),
  WaitTimeSeconds: count.optional(),
  AttributeNames: z.array(z.string()).default([]),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  MessageAttributeNames: z.array(z.string()).default([]),
  // Of FIFO queues.
  ReceiveRequestAttemptId: notServed,
});
export const receiptHandle = z.object({ ReceiptHandle: z.string() });
export const visibility = receiptHandle.extend({ VisibilityTimeout: count });
export const paging = z.object({ MaxResults: count.optional(), NextToken: z.string().optional() });
export const batch = <Entry extends z.ZodRawShape>(entry: z.ZodObject<Entry>) =>
  url.extend({ Entries: z.array(entry.extend({ Id: z.string() })) });

export function newMessage(input: z.infer<typeof message>): NewMessage {
  return {
    body: input.MessageBody,
    attributes: input.MessageAttributes,
    traceHeader: input.MessageSystemAttributes?.AWSTraceHeader?.StringValue,
    delaySeconds: input.DelaySeconds,
    groupId: input.MessageGroupId,
    deduplicationId: input.MessageDeduplicationId,
  };
}

export function sentAs(id: string, { body, attributes = {}, traceHeader }: NewMessage): object {
  return {
    MessageId: id,
    MD5OfMessageBody: md5(body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
    MD5OfMessageSystemAttributes:
      traceHeader === undefined
        ? undefined
        : md5OfAttributes({ AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } }),
  };
}

export function rendered(
  { message, receiptHandle }: Receipt,
  systemNames: readonly string[],
  names: readonly string[],
): object {
  const attributes = selectAttributes(message.attributes, names);
  const system = Object.entries(systemAttributes(message)).filter(
    ([name]) => systemNames.includes('All') || systemNames.includes(name),
  );
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(system.length > 0 && { Attributes: Object.fromEntries(system) }),
    ...(Object.keys(attributes).length > 0 && {
      MD5OfMessageAttributes: md5OfAttributes(attributes),
      MessageAttributes: attributes,
    }),
  };
}

// "SendMessageBatch: Errors"
export function checkBatch(operation: string, entries: readonly { readonly Id: string }[]): void {
  const wrong = badRequest;
  if (entries.length === 0)
    throw wrong('EmptyBatchRequest', `There should be at least one ${operation}RequestEntry in the request.`);
  if (entries.length > 10)
    throw wrong(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  if (!entries.every(({ Id }) => /^[\w-]{1,80}$/.test(Id)))
    throw wrong(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length)
    throw wrong('BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.');
}

export function batchResult(
  entries: readonly { readonly Id: string }[],
  outcomes: readonly Outcome[],
  result: (index: number) => object | undefined = () => ({}),
): object {
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const [index, { Id }] of entries.entries()) {
    const error = outcomes[index];
    if (error) Failed.push({ Id, Code: error.code, Message: error.message, SenderFault: true });
    else Successful.push({ Id, ...result(index) });
  }
  return { Successful, ...(Failed.length > 0 && { Failed }) };
}
