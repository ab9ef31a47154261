/** What is to become of what holds data when the stack goes. */
export interface DeletionPolicy {
  /** Whether `pulumi destroy` may delete it with all that it holds. */
  readonly forceDestroy: boolean;
  /** Whether it stays on AWS. */
  readonly retain: boolean;
}

/** What Pulumi is told of it: what `pulumi destroy` may neither empty nor leave behind, it may not delete. */
export function deletionOptions({ forceDestroy, retain }: DeletionPolicy) {
  return { protect: !forceDestroy && !retain, retainOnDelete: retain };
}
