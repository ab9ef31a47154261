import type { Caller } from '../core/call.ts';
import { badRequest, errorText, ServiceError } from '../core/service-error.ts';
import type { MessageAttributes } from '../sqs/message.ts';
import type { Sqs } from '../sqs/sqs.ts';
import type { EventRule, EventTarget } from './rule.ts';

/**
 * Delivers to targets. Both functions resolve when the target has accepted the event, and reject with its
 * service's error.
 */
export interface DeliveryPorts {
  readonly deliver: (target: EventTarget, body: string, caller: Caller) => Promise<void>;
  readonly deadLetter: (
    queueArn: string,
    body: string,
    attributes: MessageAttributes,
    caller: Caller,
  ) => Promise<void>;
}

/** Delivers to queues and refuses all other targets; wrap `deliver` to add more. */
export function queueDelivery(sqs: Pick<Sqs, 'queue'>): DeliveryPorts {
  const send = async (arn: string, body: string, attributes: MessageAttributes, caller: Caller) => {
    const queue = sqs.queue(arn.split(':').at(-1) ?? '', caller);
    if (queue.arn !== arn)
      throw badRequest('QueueDoesNotExist', `There is no queue ${arn}; there is ${queue.arn}.`);
    await queue.send({ body, attributes });
  };
  return {
    async deliver({ arn }, body, caller) {
      if (!arn.startsWith('arn:aws:sqs:'))
        throw badRequest('InvalidParameter', `The local cloud delivers no events to ${arn}.`);
      await send(arn, body, {}, caller);
    },
    deadLetter: send,
  };
}

/** EventBridge's code for a failure, and whether it retries. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retriable: boolean;
}

/**
 * "Using dead-letter queues to process undelivered events": missing permissions and missing targets are not
 * retried; throttling, 5xx and missing answers are.
 */
export function failureOf(cause: unknown): Failure {
  const message = errorText(cause);
  if (!(cause instanceof ServiceError)) return { code: 'INTERNAL_ERROR', message, retriable: true };
  const { code, status } = cause;
  if (status === 429 || /Throttl|OverLimit|TooManyRequests|SlowDown/.test(code))
    return { code: 'THROTTLING', message, retriable: true };
  if (status >= 500) return { code: 'ERROR_FROM_TARGET', message, retriable: true };
  if (status === 403) return { code: 'NO_PERMISSIONS', message, retriable: false };
  if (status === 404 || /DoesNotExist|NotFound/.test(code))
    return { code: 'NO_RESOURCE', message, retriable: false };
  return { code: 'INVALID_PARAMETER', message, retriable: false };
}

/** The limit of the retry policy that was reached. */
export type Exhausted = 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';

/** The attributes that describe the failure on a message in a target's DLQ (same page). */
export function deadLetterAttributes(
  rule: EventRule,
  target: EventTarget,
  { code, message }: Failure,
  retries: number,
  exhausted: Exhausted | undefined,
): MessageAttributes {
  const texts = {
    RULE_ARN: rule.arn,
    TARGET_ARN: target.arn,
    ERROR_CODE: code,
    ERROR_MESSAGE: message || code,
    ...(exhausted && { EXHAUSTED_RETRY_CONDITION: exhausted, RETRY_ATTEMPTS: `${retries}` }),
  };
  return Object.fromEntries(
    Object.entries(texts).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
  );
}
