import { createHash } from 'node:crypto';
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openSqs, type SqsTarget } from './sqs-target.ts';

let target: SqsTarget;
let sqs: SQSClient;
let plain: string;
const elsewhere = process.env['CONFORMANCE_ENDPOINT'] !== undefined;

beforeAll(async () => {
  target = await openSqs();
  sqs = target.client;
  plain = target.urls.plain;
});
afterAll(() => target?.close());

const receive = async (input: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> => {
  const asked = new ReceiveMessageCommand({ QueueUrl: plain, MaxNumberOfMessages: 10, ...input });
  return (await sqs.send(asked)).Messages ?? [];
};
const send = (MessageBody: string, QueueUrl = plain) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));

/** Receives until nothing is left. */
async function drain(QueueUrl: string): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const messages = await receive({ QueueUrl, WaitTimeSeconds: elsewhere ? 2 : 0 });
    if (messages.length === 0) return all;
    all.push(...messages);
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

const code = (name: string) => expect.objectContaining({ name });

describe('sending and receiving', () => {
  beforeEach(async () => void (await drain(plain)));

  test('a message is received as it was sent, with the requested attributes', async () => {
    const MessageAttributes = {
      kind: { DataType: 'String', StringValue: 'größe 🙂' },
      'kind.of': { DataType: 'Number.int', StringValue: '42' },
      raw: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 1, 255) },
    };
    const body = 'line one\n\ttab "quotes" 😀 سلام';
    const sent = await sqs.send(
      new SendMessageCommand({
        QueueUrl: plain,
        MessageBody: body,
        MessageAttributes,
        MessageSystemAttributes: {
          AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793' },
        },
      }),
    );
    expect(sent.MD5OfMessageBody).toBe(createHash('md5').update(body).digest('hex'));
    const [message] = await receive({
      WaitTimeSeconds: 5,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    });
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: body,
      MD5OfBody: sent.MD5OfMessageBody,
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      MessageAttributes,
      Attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        SenderId: expect.any(String),
        AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793',
      },
    });
  });

  // "Amazon SQS message metadata: Calculating the MD5 message digest for message attributes"; the value is
  // what the algorithm of that page gives for one String attribute, worked out from its bytes.
  test('the MD5 of attributes matches the documented algorithm', async () => {
    const lengthAndText = (text: string) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(Buffer.byteLength(text));
      return Buffer.concat([length, Buffer.from(text)]);
    };
    const bytes = [lengthAndText('name'), lengthAndText('String'), Buffer.of(1), lengthAndText('value')];
    const sent = await sqs.send(
      new SendMessageCommand({
        QueueUrl: plain,
        MessageBody: 'x',
        MessageAttributes: { name: { DataType: 'String', StringValue: 'value' } },
      }),
    );
    expect(sent.MD5OfMessageAttributes).toBe(createHash('md5').update(Buffer.concat(bytes)).digest('hex'));
  });

  test('attributes are selected by name and by prefix', async () => {
    const value = { DataType: 'String', StringValue: 'x' };
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: plain,
        MessageBody: 'x',
        MessageAttributes: { 'bar.a': value, 'bar.b': value, foo: value, rest: value },
      }),
    );
    const [message] = await receive({ WaitTimeSeconds: 5, MessageAttributeNames: ['bar.*', 'foo'] });
    expect(Object.keys(message?.MessageAttributes ?? {}).sort()).toEqual(['bar.a', 'bar.b', 'foo']);
    expect(message?.Attributes).toBeUndefined();
  });

  // "ReceiveMessage": "all message attributes starting with a prefix, for example bar.*"
  test('a prefix selects what begins with it, with a dot or without', async () => {
    const value = { DataType: 'String', StringValue: 'x' };
    const MessageAttributes = { Custom1: value, 'Custom.2': value, Other: value };
    const selected = async (name: string) => {
      await sqs.send(new SendMessageCommand({ QueueUrl: plain, MessageBody: 'x', MessageAttributes }));
      const [message] = await receive({ WaitTimeSeconds: 5, MessageAttributeNames: [name] });
      return Object.keys(message?.MessageAttributes ?? {}).sort();
    };
    expect(await selected('Custom.*')).toEqual(['Custom.2', 'Custom1']);
    expect(await selected('.*')).toEqual(['Custom.2', 'Custom1', 'Other']);
  });

  // "Amazon SQS fair queues"
  test('a message is received with its group', async () => {
    const send = { QueueUrl: plain, MessageBody: 'x', MessageGroupId: 'tenant-1' };
    await sqs.send(new SendMessageCommand(send));
    const [message] = await receive({ WaitTimeSeconds: 5, MessageSystemAttributeNames: ['MessageGroupId'] });
    expect(message?.Attributes).toEqual({ MessageGroupId: 'tenant-1' });
    await expect(sqs.send(new SendMessageCommand({ ...send, MessageGroupId: ' ' }))).rejects.toThrow(
      code('InvalidParameterValue'),
    );
  });

  test('a standard queue refuses a deduplication id', async () => {
    const MessageDeduplicationId = 'once';
    const one = new SendMessageCommand({ QueueUrl: plain, MessageBody: 'x', MessageDeduplicationId });
    await expect(sqs.send(one)).rejects.toThrow(code('InvalidParameterValue'));
    const Entries = [{ Id: 'a', MessageBody: 'x', MessageDeduplicationId }];
    const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: plain, Entries }));
    expect(Failed?.map((each) => each.Code)).toEqual(['InvalidParameterValue']);
  });

  test('a short poll of an empty queue answers immediately without messages', async () => {
    expect(await receive()).toEqual([]);
  });

  test('a long poll is woken by a send', async () => {
    const waiting = receive({ WaitTimeSeconds: 20 });
    await send('wake up');
    expect((await waiting).map(({ Body }) => Body)).toEqual(['wake up']);
  });

  test('a receiver whose connection breaks while it waits takes no message', async () => {
    const gone = new AbortController();
    const waiting = sqs.send(new ReceiveMessageCommand({ QueueUrl: plain, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await send('for the next one');
    expect((await receive({ WaitTimeSeconds: 5 })).map(({ Body }) => Body)).toEqual(['for the next one']);
  });

  test('a batch reports the result of each entry by its id', async () => {
    const result = await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: plain,
        Entries: [
          { Id: 'good', MessageBody: 'good' },
          { Id: 'bad', MessageBody: 'bad \u0001' },
          { Id: 'late', MessageBody: 'late', DelaySeconds: 901 },
        ],
      }),
    );
    expect(result.Successful?.map(({ Id }) => Id)).toEqual(['good']);
    expect(result.Failed).toMatchObject([
      { Id: 'bad', Code: 'InvalidMessageContents', SenderFault: true },
      { Id: 'late', Code: 'InvalidParameterValue', SenderFault: true },
    ]);
    expect((await receive({ WaitTimeSeconds: 5 })).map(({ Body }) => Body)).toEqual(['good']);
  });

  // "SendMessageBatch: Errors"
  test.each([
    ['EmptyBatchRequest', []],
    ['TooManyEntriesInBatchRequest', Array.from({ length: 11 }, (_, index) => `${index}`)],
    ['BatchEntryIdsNotDistinct', ['a', 'a']],
    ['InvalidBatchEntryId', ['a b']],
  ])('a batch is refused with %s', async (name, ids) => {
    const Entries = ids.map((Id) => ({ Id, MessageBody: 'x' }));
    await expect(sqs.send(new SendMessageBatchCommand({ QueueUrl: plain, Entries }))).rejects.toThrow(
      code(name),
    );
  });

  test('an empty batch is refused with the name of the missing entries', async () => {
    const empty = new SendMessageBatchCommand({ QueueUrl: plain, Entries: [] });
    await expect(sqs.send(empty)).rejects.toThrow('at least one SendMessageBatchRequestEntry in the request');
  });

  // "SendMessageBatch": the sum of all messages is at most 1 MiB.
  test('a batch of more than 1 MiB is refused, one of exactly 1 MiB goes through', async () => {
    const half = 'x'.repeat(524_288);
    const batch = (...bodies: string[]) =>
      sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: plain,
          Entries: bodies.map((MessageBody, index) => ({ Id: `${index}`, MessageBody })),
        }),
      );
    await expect(batch(half, `${half}x`)).rejects.toThrow(code('BatchRequestTooLong'));
    expect((await batch(half, half)).Successful).toHaveLength(2);
  });

  test.each([
    ['MissingParameter', { MessageBody: '' }],
    ['InvalidMessageContents', { MessageBody: 'a\u0000b' }],
    ['InvalidParameterValue', { MessageBody: 'x'.repeat(1_048_577) }],
    ['InvalidParameterValue', { MessageBody: 'x', DelaySeconds: 901 }],
    [
      'InvalidParameterValue',
      { MessageBody: 'x', MessageAttributes: { 'aws.x': { DataType: 'String', StringValue: 'v' } } },
    ],
    [
      'InvalidParameterValue',
      { MessageBody: 'x', MessageAttributes: { n: { DataType: 'Number', StringValue: 'many' } } },
    ],
    [
      'InvalidParameterValue',
      { MessageBody: 'x', MessageAttributes: { n: { DataType: 'Text', StringValue: 'v' } } },
    ],
  ])('%s: an invalid message is refused (case %#)', async (name, input) => {
    await expect(sqs.send(new SendMessageCommand({ QueueUrl: plain, ...input }))).rejects.toThrow(code(name));
  });

  test.each([{ MaxNumberOfMessages: 11 }, { WaitTimeSeconds: 21 }, { VisibilityTimeout: 43_201 }])(
    'a receive with %j is refused',
    async (input) => {
      await expect(receive(input)).rejects.toThrow(code('InvalidParameterValue'));
    },
  );
});

describe('receipts', () => {
  beforeEach(async () => void (await drain(plain)));

  test('a visibility timeout of zero makes the message visible immediately', async () => {
    await send('again');
    const [first] = await receive({ WaitTimeSeconds: 5 });
    const { ReceiptHandle } = first ?? {};
    await sqs.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: plain, ReceiptHandle, VisibilityTimeout: 0 }),
    );
    const [second] = await receive({
      WaitTimeSeconds: 5,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    expect(second?.Attributes).toEqual({ ApproximateReceiveCount: '2' });
    expect(second?.ReceiptHandle).not.toBe(ReceiptHandle);
  });

  // "DeleteMessage": with any but the newest handle the request succeeds, but the message will not be
  // deleted.
  test('an older receipt handle deletes nothing', async () => {
    await send('stays');
    const [first] = await receive({ WaitTimeSeconds: 5, VisibilityTimeout: 0 });
    const [second] = await receive({ WaitTimeSeconds: 5, VisibilityTimeout: 0 });
    await sqs.send(new DeleteMessageCommand({ QueueUrl: plain, ReceiptHandle: first?.ReceiptHandle }));
    const [third] = await receive({ WaitTimeSeconds: 5 });
    expect(third?.MessageId).toBe(second?.MessageId);
  });

  test('deleting twice succeeds', async () => {
    await send('x');
    const [message] = await receive({ WaitTimeSeconds: 5 });
    const gone = new DeleteMessageCommand({ QueueUrl: plain, ReceiptHandle: message?.ReceiptHandle });
    await sqs.send(gone);
    await sqs.send(gone);
    expect(await receive()).toEqual([]);
  });

  test('an unknown receipt handle is refused, alone and in a batch', async () => {
    const ReceiptHandle = 'not a receipt handle';
    await expect(sqs.send(new DeleteMessageCommand({ QueueUrl: plain, ReceiptHandle }))).rejects.toThrow(
      code('ReceiptHandleIsInvalid'),
    );
    await send('x');
    const [message] = await receive({ WaitTimeSeconds: 5 });
    const { Successful, Failed } = await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: plain,
        Entries: [
          { Id: 'bad', ReceiptHandle, VisibilityTimeout: 1 },
          { Id: 'far', ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 43_201 },
          { Id: 'good', ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 0 },
        ],
      }),
    );
    expect(Successful).toEqual([{ Id: 'good' }]);
    expect(Failed?.map(({ Id, Code }) => [Id, Code])).toEqual([
      ['bad', 'ReceiptHandleIsInvalid'],
      ['far', 'InvalidParameterValue'],
    ]);
  });
});

describe('queues', () => {
  test('counts are always exact; a purge deletes all messages and can’t be repeated within a minute', async () => {
    const QueueUrl = target.urls.counted;
    for (const body of ['a', 'b']) await send(body, QueueUrl);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'c', DelaySeconds: 900 }));
    await receive({ QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 5 });
    const attributes = async () =>
      (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes;
    expect(await attributes()).toMatchObject({
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesNotVisible: '1',
      ApproximateNumberOfMessagesDelayed: '1',
      QueueArn: target.arns.counted,
      VisibilityTimeout: '30',
      MaximumMessageSize: '1048576',
    });
    await sqs.send(new PurgeQueueCommand({ QueueUrl }));
    await expect(sqs.send(new PurgeQueueCommand({ QueueUrl }))).rejects.toThrow(code('PurgeQueueInProgress'));
    await expect.poll(attributes).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      ApproximateNumberOfMessagesDelayed: '0',
    });
  });

  test('a queue is found by its name', async () => {
    const QueueName = plain.split('/').at(-1) ?? '';
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl).toBe(plain);
    expect((await sqs.send(new ListQueuesCommand({ QueueNamePrefix: QueueName }))).QueueUrls).toEqual([
      plain,
    ]);
  });

  test('a missing queue has its own error, with both of its codes', async () => {
    const missing = sqs.send(new GetQueueUrlCommand({ QueueName: 'no-such-queue' }));
    await expect(missing).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
      Code: 'AWS.SimpleQueueService.NonExistentQueue',
    });
    await expect(
      sqs.send(new SendMessageCommand({ QueueUrl: 'no-queue', MessageBody: 'x' })),
    ).rejects.toMatchObject({ name: 'QueueDoesNotExist', $metadata: { httpStatusCode: 400 } });
  });

  test('a queue of another account is not found', async () => {
    const QueueName = plain.split('/').at(-1) ?? '';
    const ask = (QueueOwnerAWSAccountId: string) =>
      sqs.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId }));
    expect((await ask(plain.split('/').at(-2) ?? '')).QueueUrl).toBe(plain);
    await expect(ask('999999999999')).rejects.toMatchObject({
      name: expect.stringMatching(/^(QueueDoesNotExist|AccessDenied)/),
    });
  });

  test('an attribute that SQS does not know is refused', async () => {
    const AttributeNames = ['Colour'] as unknown as 'All'[];
    await expect(
      sqs.send(new GetQueueAttributesCommand({ QueueUrl: plain, AttributeNames })),
    ).rejects.toThrow(code('InvalidAttributeName'));
  });

  test.skipIf(elsewhere)('what the local cloud does not serve is refused by name', async () => {
    await expect(sqs.send(new CreateQueueCommand({ QueueName: 'new' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 501 },
      message: 'The local cloud does not serve AmazonSQS.CreateQueue.',
    });
  });
});

test('a failing message goes to the DLQ after its receives, and a move task returns it', async () => {
  const { source, dlq } = target.urls;
  const { MessageId } = await send('fails', source);
  for (let times = 0; times < 2; times += 1)
    expect(await receive({ QueueUrl: source, WaitTimeSeconds: 5, VisibilityTimeout: 0 })).toHaveLength(1);
  expect(await receive({ QueueUrl: source })).toEqual([]);
  const [dead] = await receive({
    QueueUrl: dlq,
    WaitTimeSeconds: 20,
    VisibilityTimeout: 0,
    MessageSystemAttributeNames: ['DeadLetterQueueSourceArn'],
  });
  expect(dead).toMatchObject({
    MessageId,
    Body: 'fails',
    Attributes: { DeadLetterQueueSourceArn: target.arns.source },
  });
  expect((await sqs.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: dlq }))).queueUrls).toEqual([
    source,
  ]);

  const SourceArn = target.arns.dlq;
  await sqs.send(new StartMessageMoveTaskCommand({ SourceArn }));
  const [back] = await receive({ QueueUrl: source, WaitTimeSeconds: 20 });
  expect(back?.Body).toBe('fails');
  await expect
    .poll(async () => (await sqs.send(new ListMessageMoveTasksCommand({ SourceArn }))).Results)
    .toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }]);
});
