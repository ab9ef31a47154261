/** An injected fault of a message or an event in delivery: duplicates or a delay. */
export interface DeliveryFault {
  readonly duplicate?: number;
  readonly delayMs?: number;
}
