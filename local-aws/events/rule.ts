/** An event on the bus ("Amazon EventBridge event structure"). */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** With a precision of one second: `2021-11-12T00:00:00Z` */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: object;
}

/** A rule's target. */
export interface EventTarget {
  readonly id: string;
  readonly arn: string;
  /** The queue for events that could not be delivered. */
  readonly deadLetterArn?: string | undefined;
  /** 60 to 86,400. */
  readonly maximumEventAgeSeconds: number;
  /** 0 to 185. */
  readonly maximumRetryAttempts: number;
  /** Constant text that the target gets instead of the event. */
  readonly input?: string | undefined;
}

/** A rule of the default bus: a pattern, a schedule, or both. */
export interface EventRule {
  readonly name: string;
  readonly arn: string;
  readonly description?: string | undefined;
  readonly eventPattern?: string | undefined;
  readonly scheduleExpression?: string | undefined;
  readonly enabled: boolean;
  readonly targets: readonly EventTarget[];
}

/** Formats milliseconds since the epoch as an event's time. */
export function eventTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
