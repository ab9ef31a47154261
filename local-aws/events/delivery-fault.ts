/** A fault that a test or the command line asked for, of a message or an event on its way: more copies, later. */
export interface DeliveryFault {
  readonly duplicate?: number;
  readonly delayMs?: number;
}
