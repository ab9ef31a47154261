import { createHash, hash } from 'node:crypto';
import { badRequest, type ServiceError } from '../core/service-error.ts';

/** As in the API: binary values are base64 text. */
export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: string | undefined;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** A message in a queue and in the journal. Times are milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly traceHeader: string | null;
  /** See `FairOrder`. */
  readonly groupId?: string;
  readonly senderId: string;
  /** Time of the first sending, from which retention counts; a message keeps it in a DLQ. */
  readonly sentAt: number;
  /** When SQS moved it into this queue, a DLQ. */
  readonly movedAt?: number;
  /** In a DLQ: the ARN of the message's source queue. */
  readonly deadLetterSource: string | null;
  visibleAt: number;
  receiveCount: number;
  firstReceivedAt: number | null;
  /** When this queue last delivered it; null if it was never received here. */
  receivedAt: number | null;
  /** Whether this process itself passed it to a function, which then ends with this process. */
  polled?: boolean;
}

/** A sender's input. */
export interface NewMessage {
  readonly body: string;
  readonly attributes?: MessageAttributes | undefined;
  /** The X-Ray header, the only system attribute that a sender may set. */
  readonly traceHeader?: string | undefined;
  /** By default the queue's own delay. */
  readonly delaySeconds?: number | undefined;
  readonly groupId?: string | undefined;
  /** For FIFO queues only, so it is refused. */
  readonly deduplicationId?: string | undefined;
}

/** Maximum size of a message, and of a batch in total ("SendMessageBatch"). */
export const largestPayloadBytes = 1_048_576;

// "SendMessage": #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
const forbiddenCharacter = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/**
 * Checks a message as SendMessage does.
 * @throws ServiceError MissingParameter, InvalidMessageContents, InvalidParameterValue
 */
export function checkMessage(message: NewMessage, maximumBytes: number): void {
  const { body, attributes = {}, delaySeconds = 0, groupId, deduplicationId } = message;
  if (body === '')
    throw badRequest('MissingParameter', 'The request must contain the parameter MessageBody.');
  checkCharacters(body);
  if (!Number.isInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > 900)
    throw invalid(
      `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
    );
  // "SendMessage, MessageGroupId": up to 128 letters, digits and punctuation.
  if (groupId !== undefined && !/^[!-~]{1,128}$/.test(groupId))
    throw invalid(
      `Value ${groupId} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
    );
  if (deduplicationId !== undefined)
    throw invalid(
      `Value ${deduplicationId} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.`,
    );
  const entries = Object.entries(attributes);
  if (entries.length > 10)
    throw invalid(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  for (const [name, attribute] of entries) checkAttribute(name, attribute);
  if (payloadBytes(message) > maximumBytes)
    throw invalid(
      `One or more parameters are invalid. Reason: Message must be shorter than ${maximumBytes} bytes.`,
    );
}

function checkCharacters(text: string): void {
  if (forbiddenCharacter.test(text))
    throw badRequest(
      'InvalidMessageContents',
      'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.',
    );
}

// "Amazon SQS message metadata: Message attribute components"
function checkAttribute(name: string, { DataType, StringValue, BinaryValue }: MessageAttribute): void {
  if (!/^(?!\.)(?!(aws|amazon)\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)$/i.test(name))
    throw invalid(`The message attribute name '${name}' is invalid.`);
  if (!/^(String|Number|Binary)(\.[^\s]+)?$/.test(DataType) || DataType.length > 256)
    throw invalid(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  const value = DataType.startsWith('Binary') ? BinaryValue : StringValue;
  if (!value)
    throw invalid(
      `The message attribute '${name}' must contain a non-empty message attribute value of its type.`,
    );
  if (DataType.startsWith('Binary')) return;
  checkCharacters(value);
  if (DataType.startsWith('Number') && (value.trim() === '' || !Number.isFinite(Number(value))))
    throw invalid(`Can't cast the value of message (user) attribute '${name}' to a number.`);
}

/** The size that limits apply to: body, and name, type and value of each attribute, in bytes. */
export function payloadBytes({ body, attributes = {} }: NewMessage): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, attribute] of Object.entries(attributes))
    bytes +=
      Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType) + attributeValue(attribute).length;
  return bytes;
}

export function md5(text: string): string {
  return hash('md5', text);
}

/** "Amazon SQS message metadata: Calculating the MD5 message digest for message attributes" */
export function md5OfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash('md5');
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const attribute = attributes[name];
    if (!attribute) continue;
    add(Buffer.from(name));
    add(Buffer.from(attribute.DataType));
    hash.update(Buffer.of(attribute.DataType.startsWith('Binary') ? 2 : 1));
    add(attributeValue(attribute));
  }
  return hash.digest('hex');
}

function attributeValue({ DataType, StringValue, BinaryValue }: MessageAttribute): Buffer {
  return DataType.startsWith('Binary')
    ? Buffer.from(BinaryValue ?? '', 'base64')
    : Buffer.from(StringValue ?? '');
}

/** Selects the attributes that a receiver requests by name, by `prefix.*`, or by `All` ("ReceiveMessage"). */
export function selectAttributes(attributes: MessageAttributes, names: readonly string[]): MessageAttributes {
  const wanted = (name: string) =>
    names.some(
      (asked) =>
        asked === 'All' ||
        asked === '.*' ||
        asked === name ||
        (asked.endsWith('.*') && name.startsWith(asked.slice(0, -2))),
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => wanted(name)));
}

/** A message's system attributes ("ReceiveMessage: MessageSystemAttributeNames"). */
export function systemAttributes(message: Message): Record<string, string> {
  return {
    ApproximateReceiveCount: `${message.receiveCount}`,
    SentTimestamp: `${message.sentAt}`,
    SenderId: message.senderId,
    ...(message.firstReceivedAt !== null && {
      ApproximateFirstReceiveTimestamp: `${message.firstReceivedAt}`,
    }),
    ...(message.groupId !== undefined && { MessageGroupId: message.groupId }),
    ...(message.traceHeader !== null && { AWSTraceHeader: message.traceHeader }),
    ...(message.deadLetterSource !== null && { DeadLetterQueueSourceArn: message.deadLetterSource }),
  };
}

export function invalid(message: string): ServiceError {
  return badRequest('InvalidParameterValue', message);
}
