/** Who makes a call: the person at the keyboard, a function through its role, or a service of the cloud. */
export interface Caller {
  readonly kind: 'user' | 'role' | 'service';
  /** `arn:aws:iam::…:user/…`, `arn:aws:iam::…:role/…`, or a service principal such as `events.amazonaws.com`. */
  readonly principal: string;
  /** For a service: the resource on whose behalf it calls (`aws:SourceArn`), e.g. the rule. */
  readonly sourceArn?: string;
  /** For a role: which of its sessions, namely the access key of the one function process that calls. */
  readonly session?: string;
  /** The request over the wire that calls; absent for calls within the cloud. */
  readonly request?: string;
}

/** One call of an API as authorisation and fault injection see it. */
export interface Call {
  readonly caller: Caller;
  /** The API operation, e.g. `HeadObject`. */
  readonly operation: string;
  /** The IAM action that the operation needs, e.g. `s3:GetObject`. */
  readonly action: string;
  /** ARN of what is acted on, e.g. `arn:aws:s3:::bucket/key`. */
  readonly resource: string;
  /** Further condition keys, lower-case, e.g. `{ 's3:prefix': 'recipes/' }`. */
  readonly context?: Readonly<Record<string, string>>;
  /** Whether the object's checksum is asked for, which lies encrypted where the object does. */
  readonly wantsChecksum?: boolean;
}

/**
 * Every operation passes here before it takes effect. Rejects with a `ServiceError` when the caller may not do it,
 * or when a fault was asked for.
 */
export type Authorize = (call: Call) => Promise<void>;
