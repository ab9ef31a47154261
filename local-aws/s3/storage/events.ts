import type { EventDetail } from './model.ts';

/**
 * A bucket's event as EventBridge delivers it ("Amazon S3 User Guide: EventBridge event message structure").
 */
export interface S3Event {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': 'Object Created' | 'Object Deleted';
  readonly source: 'aws.s3';
  readonly account: string;
  /** `2021-11-12T00:00:00Z` */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: {
    readonly version: '0';
    readonly 'event-version': '1.0';
    readonly bucket: { readonly name: string };
    readonly object: {
      /** Not URL-encoded. */
      readonly key: string;
      readonly size?: number;
      readonly etag?: string;
      /** Missing if versioning is not enabled. */
      readonly 'version-id'?: string;
      readonly sequencer: string;
    };
    readonly 'request-id': string;
    /** An account, or the service principal that made the request. */
    readonly requester: string;
    readonly 'source-ip-address': string;
    readonly reason: string;
    readonly 'deletion-type'?: string;
  };
}

export interface Origin {
  readonly requestId: string;
  readonly requester: string;
  readonly sourceIp: string;
}

export function eventOf(
  detail: EventDetail,
  origin: Origin,
  place: { readonly id: string; readonly account: string; readonly region: string; readonly bucket: string },
): S3Event {
  const { key, versionId, time, sequencer, etag, size, reason, deletionType } = detail;
  return {
    version: '0',
    id: place.id,
    'detail-type': reason === 'DeleteObject' ? 'Object Deleted' : 'Object Created',
    source: 'aws.s3',
    account: place.account,
    time: `${new Date(time).toISOString().slice(0, 19)}Z`,
    region: place.region,
    resources: [`arn:aws:s3:::${place.bucket}`],
    detail: {
      version: '0',
      'event-version': '1.0',
      bucket: { name: place.bucket },
      object: {
        key,
        ...(size !== undefined && { size }),
        ...(etag !== undefined && { etag }),
        ...(versionId !== 'null' && { 'version-id': versionId }),
        sequencer,
      },
      'request-id': origin.requestId,
      requester: origin.requester,
      'source-ip-address': origin.sourceIp,
      reason,
      ...(deletionType !== undefined && { 'deletion-type': deletionType }),
    },
  };
}

/** Generates sequencers: hexadecimal text that only increases, even if the clock goes back or stops. */
export class Sequencers {
  /** All have as many digits, so that a later one is a greater text. */
  #last = digits(0n);

  next(now: number): string {
    const wanted = digits(BigInt(now) << 20n);
    this.#last = wanted > this.#last ? wanted : digits(BigInt(`0x${this.#last}`) + 1n);
    return this.#last;
  }

  get last(): string {
    return this.#last;
  }

  /** Registers a sequencer that was generated before a restart. */
  seen(sequencer: string): void {
    if (sequencer > this.#last) this.#last = sequencer;
  }
}

const digits = (value: bigint) => value.toString(16).toUpperCase().padStart(18, '0');
