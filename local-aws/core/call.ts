/** The caller: the user, a function with its role, or a service of the cloud. */
export interface Caller {
  readonly kind: 'user' | 'role' | 'service';
  /**
   * `arn:aws:iam::…:user/…`, `arn:aws:iam::…:role/…`, or a service principal such as `events.amazonaws.com`.
   */
  readonly principal: string;
  /** For a service: the resource on whose behalf it calls (`aws:SourceArn`), e.g. the rule. */
  readonly sourceArn?: string;
  /** For a role: its session, which is the access key of the calling function's process. */
  readonly session?: string;
  /** Id of the calling HTTP request; missing for calls within the cloud. */
  readonly request?: string;
}

/** One API call, as authorization and fault injection see it. */
export interface Call {
  readonly caller: Caller;
  /** The API operation, e.g. `HeadObject`. */
  readonly operation: string;
  /** The IAM action that the operation needs, e.g. `s3:GetObject`. */
  readonly action: string;
  /** ARN of the resource, e.g. `arn:aws:s3:::bucket/key`. */
  readonly resource: string;
  /** Further condition keys, lower-case, e.g. `{ 's3:prefix': 'recipes/' }`. */
  readonly context?: Readonly<Record<string, string>>;
  /** Whether the object's checksum is requested, which is encrypted like the object. */
  readonly wantsChecksum?: boolean;
}

/**
 * Authorizes a call before it takes effect. Rejects with a `ServiceError` if the caller lacks permission, or
 * if a fault is injected.
 */
export type Authorize = (call: Call) => Promise<void>;

/** Authorizes a call of the operation that an action is named after: `sqs:SendMessage`. */
export const authorizeAction = (authorize: Authorize, caller: Caller, action: string, resource: string) =>
  authorize({ caller, operation: action.slice(action.indexOf(':') + 1), action, resource });

/** Authorizes a service to assume a role, on behalf of a resource. */
export const authorizeRole = (authorize: Authorize, service: string, role: string, sourceArn?: string) => {
  const caller: Caller = {
    kind: 'service',
    principal: `${service}.amazonaws.com`,
    ...(sourceArn && { sourceArn }),
  };
  return authorizeAction(authorize, caller, 'sts:AssumeRole', role);
};
