/** Decides whether resources that hold data survive `pulumi destroy`. */
export interface DeletionPolicy {
  /** Whether `pulumi destroy` may delete the resource with its data. */
  readonly forceDestroy: boolean;
  /** Whether `pulumi destroy` leaves the resource on AWS. */
  readonly retain: boolean;
}

/**
 * Resource options for Pulumi. A resource that may be neither emptied nor retained is protected from
 * deletion.
 */
export function deletionOptions({ forceDestroy, retain }: DeletionPolicy) {
  return { protect: !forceDestroy && !retain, retainOnDelete: retain };
}
