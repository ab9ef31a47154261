/** The stages of the pipeline, in the order in which a record passes them. */
export const stages = ['extraction', 'transformation', 'loading'] as const;
export type Stage = (typeof stages)[number];
